"""What the performance page shows of its tables: who is scored, over how many months, in which order."""

import numpy as np
import pandas as pd
import pytest

from salesloop.book import Book
from salesloop.metrics import feedback, kpi
from salesloop.metrics.execution import examples

OCTOBER = pd.Period("2026-10", "M")


def test_only_who_is_here_and_has_enough_deals_is_scored():
    table = pd.DataFrame({"rep": list("abcd"), "verdict": ["expected", "too_early", "no_deals", "expected"],
                          "gone": [False, False, False, True], "n": [40, 3, 0, 60]})  # fmt: skip
    assert kpi.figures.scored(table)["rep"].tolist() == ["a"]
    said = dict(
        kpi.say.composite(
            pd.DataFrame({"rep": ["a"], "rank": [np.nan], "keeps": [1.0], "bookings": [1.0]}), {"bookings": 1.0}, table
        )
    )
    assert said["kpi.composite_not_scored"] == {"n": 2, "least": 10, "names": "b, d"}


def test_who_came_later_is_held_against_the_months_there():
    # 12 + 3 rep-months brought 30: 2 a month; b brought 6 in three months: as expected, not a quarter of it
    facts = pd.DataFrame({"on": pd.Timestamp("2026-09-10"), "value": [24.0, 6.0], "rep": ["a", "b"]})
    started = pd.Series({"b": pd.Timestamp("2026-08-17")})
    plan = examples.canonical("targets", {})
    found = kpi.composite.attainments(
        facts, plan, "new_customers", period=OCTOBER, everyone=["a", "b"], started=started
    )
    assert found["value"].tolist() == [1.0, 1.0]
    whole = kpi.composite.attainments(facts, plan, "new_customers", period=OCTOBER, everyone=["a", "b"])
    assert whole["value"].tolist() == [pytest.approx(24 / 15), pytest.approx(6 / 15)]


def test_what_others_say_stands_beside_the_composite_and_not_in_it():
    composite = pd.DataFrame({"rep": ["a", "b"], "score": [1.0, 0.9], "bookings": [1.0, 0.9]})
    assessed = pd.DataFrame(
        {"subject": ["a", "a", "c"], "dimension": ["care", "calm", "care"], "score": [0.5, 0.7, 0.1], "n": [4, 3, 2]}
    )
    told = kpi.figures.beside(composite, assessed)
    assert (
        told["score"].tolist() == [1.0, 0.9]
        and told["care"].tolist()[0] == 0.5
        and told.loc[1, ["care", "calm"]].isna().all()
    )


def test_the_latest_quarter_that_is_over_comes_first_and_the_running_one_last():
    quota = pd.DataFrame({"rep": ["a", "b"] * 3, "period": ["2026Q2"] * 2 + ["2026Q3"] * 2 + ["2026Q4"] * 2,
                          "complete": [True] * 4 + [False] * 2})  # fmt: skip
    told = kpi.figures.latest_first(quota, quota)
    assert (
        told["period"].tolist() == ["2026Q3"] * 2 + ["2026Q2"] * 2 + ["2026Q4"] * 2
        and told["rep"].tolist() == ["a", "b"] * 3
    )


def test_the_coverage_needed_is_the_target_of_coverage_and_shares_stand_apart():
    card = pd.DataFrame({"measure": ["bookings", "win_rate", "coverage", "coverage_needed"], "value": [9.0, 0.3, 1.5, 2.2],
                         "target": np.nan, "uom": ["CNY", "share", "ratio", "ratio"]})  # fmt: skip
    counted, shares = kpi.figures.page_card(card)
    assert counted[["measure", "target"]].fillna(0.0).values.tolist() == [["bookings", 0.0], ["coverage", 2.2]]
    assert shares["measure"].tolist() == ["win_rate"]


@pytest.mark.parametrize(("monthly", "months"), [(70, 1), (20, 3), (4, 12)])
def test_satisfaction_is_the_same_number_here_and_on_the_page_of_feedback(monthly, months):
    rng, days = np.random.default_rng(3), pd.period_range("2025-01", "2026-10", freq="M")
    n = monthly * len(days)
    frame = examples.canonical("feedback", {
        "id": [f"f{i}" for i in range(2 * n)], "date": [f"{days[i % len(days)]}-15" for i in range(n)] * 2, "respondent": ["customer"] * 2 * n,
        "scale": ["nps"] * n + ["csat5"] * n, "score": [*rng.integers(0, 11, n), *rng.integers(1, 6, n)],
    })  # fmt: skip
    book = Book.from_tables({"feedback": frame}, period="2026-10")
    said = feedback.reading.linked(feedback.reading.read(frame, as_of=book.as_of), book.deals(), book.table("accounts"))
    theirs = feedback.scores.table(said, OCTOBER).query("scope_kind == 'company'").set_index("measure")
    covered = kpi.coverage.coverage(
        book.deals(), book.table("stage_events"), book.table("targets"), as_of=book.as_of, state_known="events"
    )
    facts = {name: book.facts(name) for name in ("nps", "csat")}
    bought = kpi.retention.revenue(book.deals(), book.table("orders"))
    card = kpi.scorecard.scorecard(
        facts, book.deals(), bought, book.table("targets"), book.table("market"), covered, period=OCTOBER
    )
    ours = card.set_index("measure")
    for name in ("nps", "csat"):
        assert ours.loc[name, "window"] == months
        for column in ("value", "n", "low", "high", "change", "change_low", "change_high"):
            assert ours.loc[name, column] == pytest.approx(theirs.loc[name, column]), (name, column)


def test_nothing_kept_of_eight_customers_may_still_be_a_third():
    value, low, high = kpi.proxies._bounded(np.zeros(8), np.ones(8))
    assert (value, low, round(high, 3)) == (0.0, 0.0, 0.324)  # Wilson: z^2 / (n + z^2)
