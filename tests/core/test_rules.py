"""The rules of the loop; every expected number is worked by hand."""

import json
import math

import pandas as pd
import pytest

from salesloop import rules

OCT = pd.Period("2026-10", "M")


def limits(*rows):
    return pd.DataFrame(rows, columns=["pipeline", "stage", "n_won", "p75_days"])


def test_a_stall_limit_moves_at_most_a_fifth_and_needs_twenty_wins():
    told = limits(("P", "Offer", 20, 20.0), ("P", "Demo", 25, 9.0), ("P", "New", 19, 50.0))
    (change,) = rules.stall_limits(told, {"P / Offer": 10.0, "P / Demo": 10.0, "P / New": 10.0, "Q / Old": 3.0})
    assert change.new == {"P / Offer": 12.0, "P / Demo": 9.0, "P / New": 10.0, "Q / Old": 3.0}
    assert (change.kind, change.n, change.cap, change.values) == ("technical", 45, "20 %", {"moved": 2})


def test_a_first_stall_limit_is_taken_whole_and_an_unchanged_one_proposes_nothing():
    told = limits(("P", "Offer", 30, 20.0))
    assert rules.stall_limits(told, {})[0].new == {"P / Offer": 20.0}
    assert rules.stall_limits(told, {"P / Offer": 20.0}) == []
    assert rules.stall_limits(pd.DataFrame(), {"P / Offer": 20.0}) == []


def test_at_most_three_are_watched_the_surest_first():
    watch = pd.DataFrame({"stage": list("abcd"), "segment": "S", "q_value": [0.04, 0.01, 0.03, 0.02]})
    (change,) = rules.watched("watched_stages", watch, ["stage", "segment"], [])
    assert change.new == ["b / S", "d / S", "c / S"]
    assert change.evidence == "bottlenecks.watch"


def test_what_is_no_longer_flagged_is_no_longer_watched():
    (change,) = rules.watched("watched_themes", pd.DataFrame(), ["theme"], ["zh-1"])
    assert (change.old, change.new, change.reason) == (["zh-1"], [], "loop.reason.watched_themes_none")
    assert rules.watched("watched_themes", pd.DataFrame(), ["theme"], []) == []


def graded(promised, realised, se):
    return pd.DataFrame({"lever": ["volume"], "promised": [promised], "realised": [realised], "realised_se": [se]})


def test_lever_trust_is_the_posterior_of_realised_over_promised():
    # prior N(1, 0.5^2); half of the promise came, known to 0.5 of the promise: weight 1/2, mean 0.75, sd 0.5 / sqrt(2)
    (change,) = rules.lever_priors(graded(100.0, 50.0, 50.0), {})
    assert change.new == {"volume": {"mean": 0.75, "sd": 0.3536, "n": 1}}
    (second,) = rules.lever_priors(graded(100.0, 50.0, 50.0), change.new)
    assert second.new["volume"]["mean"] == pytest.approx(0.75 - 0.25 / 3, abs=1e-4)


@pytest.mark.parametrize(("promised", "realised", "se"), [(0.0, 1.0, 1.0), (1.0, math.nan, 1.0), (1.0, 1.0, 0.0)])
def test_what_cannot_be_measured_teaches_no_lever(promised, realised, se):
    assert rules.lever_priors(graded(promised, realised, se), {}) == []


@pytest.mark.parametrize(
    ("actual", "growth", "level"),
    [(130.0, 0.0, 110.5171), (90.0, 0.0, 94.8683), (100.0, 0.2, 120.0), (130.0, 0.2, 132.6205), (50.0, 0.0, 90.4837)],
)
def test_the_annual_level_passes_half_of_the_gap_and_at_most_a_tenth(actual, growth, level):
    assert rules.annual_level(100.0, actual, growth) == pytest.approx(level, abs=1e-4)


def test_the_ratchet_is_symmetric():
    up, down = rules.annual_level(100.0, 110.0, 0.0), rules.annual_level(100.0, 100.0 / 1.1, 0.0)
    assert up * down == pytest.approx(100.0**2)


def test_seasonal_shares_are_shrunk_and_flat_under_two_years():
    months = pd.period_range("2024-01", periods=24, freq="M")
    shares = rules.seasonal_shares(pd.Series([2.0 if m.month == 12 else 1.0 for m in months], index=months))
    assert shares[12] == pytest.approx(0.5 * 2 / 13 + 0.5 / 12)
    assert shares.sum() == pytest.approx(1.0)
    assert rules.seasonal_shares(pd.Series(1.0, index=months[:23])).tolist() == [1 / 12] * 12


def company(months=24, amount=100_000.0):
    index = pd.period_range(end=OCT, periods=months, freq="M")
    parts = {("company", None): amount, ("team", "North"): 0.6 * amount, ("team", "South"): 0.4 * amount}
    rows = [(level, name, month, value) for (level, name), value in parts.items() for month in index]
    return pd.DataFrame(rows, columns=["level", "name", "period", "value"])


def plan(amount, valid_from="2025-10-01", periods=12, end=OCT):
    months = [str(m) for m in pd.period_range(end=end, periods=periods, freq="M")]
    return pd.DataFrame(
        {"period": months, "level": "company", "name": None, "amount": amount, "valid_from": valid_from}
    )


def proposed(bookings, targets, **more):
    asked = {"period": OCT, "growth": 0.2, "locked": rules.locked_months(OCT, "fiscal_quarter", 1), **more}
    return rules.next_targets(bookings, targets, **asked)


def test_targets_are_proposed_for_the_first_quarter_that_is_not_locked_and_teams_add_up():
    made = proposed(company(), plan(100_000.0))
    assert [c.id for c in made[:3]] == [
        "target:2027-01:company", "target:2027-01:team:North", "target:2027-01:team:South"
    ]  # fmt: skip
    assert [c.new["amount"] for c in made] == [120_000.0, 72_000.0, 48_000.0] * 3
    assert {c.new["period"] for c in made} == {"2027-01", "2027-02", "2027-03"}
    assert made[0].values["previous"] == 1_200_000.0


def test_a_revised_target_counts_once_by_its_last_version():
    both = pd.concat([plan(100_000.0), plan(200_000.0, "2026-01-01", periods=1)])
    assert proposed(company(), both)[0].values["previous"] == 1_300_000.0


def test_a_target_that_stands_already_is_not_proposed_again():
    ahead = plan(120_000.0, periods=3, end=OCT + 5)
    made = proposed(company(), pd.concat([plan(100_000.0), ahead]))
    assert [c.new["level"] for c in made] == ["team"] * 6


def test_without_a_year_of_targets_the_reason_speaks_of_none():
    reasons = {c.new["level"]: c.reason for c in proposed(company(), plan(100_000.0, periods=3))}
    assert reasons["company"] == "loop.reason.target_first" and reasons["team"] != "loop.reason.target_first"
    assert proposed(company(), plan(100_000.0))[0].reason == "loop.reason.target"


def test_no_target_is_proposed_under_twelve_months_or_without_bookings():
    assert proposed(company(months=11), plan(100_000.0)) == []
    assert proposed(company(amount=0.0), plan(100_000.0)) == []


def test_a_small_company_keeps_three_digits():
    assert proposed(company(amount=123.0), plan(123.0), growth=0.0)[0].new["amount"] == 123.0


@pytest.mark.parametrize(
    ("horizon", "locked"),
    [("none", []), ("month", ["2026-11"]), ("fiscal_quarter", ["2026-10", "2026-11", "2026-12"])],
)
def test_locked_months(horizon, locked):
    assert [str(m) for m in rules.locked_months(OCT, horizon, 1)] == locked


def test_a_locked_fiscal_year_ends_with_it():
    assert str(rules.locked_months(OCT, "fiscal_year", 4)[-1]) == "2027-03"


def test_at_most_seven_actions_the_most_money_first():
    table = pd.DataFrame({
        "id": [f"a{i}" for i in range(9)], "what": "call", "deal_set": "d1; d2", "measure": None, "expected_move": "moved",
        "owner": "Ann", "due": pd.Timestamp("2026-11-30"), "amount": [float(i) for i in range(9)],
    })  # fmt: skip
    made = rules.open_actions(table)
    assert [c.id for c in made] == [f"action:a{i}" for i in (8, 7, 6, 5, 4, 3, 2)]
    assert (made[0].n, made[0].new["due"], made[0].new["measure"]) == (2, "2026-11-30", None)
    assert rules.open_actions(pd.DataFrame()) == []


def test_an_intervention_keeps_its_effect_and_range():
    row = {"id": "w1", "what": "More leads", "lever": "volume", "scope_kind": "all", "scope": "all", "start": "2026-12-01",
           "due": "2027-02-28", "change": 0.1, "expected_effect": 5.0, "low": 1.0, "high": 9.0, "cost": math.nan, "n": 40}  # fmt: skip
    (change,) = rules.interventions(pd.DataFrame([row]))
    assert change.new["end"] == "2027-02-28"
    assert change.new["cost"] is None
    assert (change.new["change"], change.new["stage"]) == (0.1, None)
    assert change.values == {"lever": "volume", "scope": "all", "effect": 5.0, "low": 1.0, "high": 9.0}
    close = row | {"scope_kind": "segment", "scope": "SMB", "stage": "Proposal"}
    (change,) = rules.interventions(pd.DataFrame([close]))
    assert [change.new[name] for name in ("applies_to_kind", "applies_to", "stage")] == ["segment", "SMB", "Proposal"]


def test_a_proposal_is_a_table_of_json_texts():
    frame = rules.as_frame(rules.open_actions(pd.DataFrame()))
    assert frame.empty
    assert "old" in frame
    made = rules.as_frame(proposed(company(), plan(100_000.0))[:1])
    assert json.loads(made["new"][0])["amount"] == 120_000.0
    assert json.loads(made["old"][0]) is None


def test_a_quarter_with_a_row_of_its_own_is_moved_to_the_sum_of_its_months():
    months = pd.period_range("2025-01", periods=24, freq="M")
    rows = [
        {"level": level, "name": name, "period": month, "value": 100_000.0 * share}
        for month in months for level, name, share in (("company", None, 1.0), ("region", "N", 0.6), ("region", "S", 0.4))
    ]  # fmt: skip
    plan = pd.DataFrame([{"period": "2027Q2", "level": "company", "name": None, "amount": 1.0},
                         {"period": "2027Q2", "level": "region", "name": "N", "amount": 1.0}])  # fmt: skip
    locked = [pd.Period("2027-01"), pd.Period("2027-02"), pd.Period("2027-03")]
    made = rules.next_targets(pd.DataFrame(rows), plan, period=pd.Period("2026-12"), growth=0.0, locked=locked)
    amounts = {change.id: change.new["amount"] for change in made}
    company = sum(amounts[f"target:2027-0{m}:company"] for m in (4, 5, 6))
    assert amounts["target:2027Q2:company"] == company == 300_000
    assert amounts["target:2027Q2:region:N"] == 180_000
    assert "target:2027Q2:region:S" not in amounts
    assert amounts["target:2027-04:region:N"] + amounts["target:2027-04:region:S"] == amounts["target:2027-04:company"]


PARTS = (("company", None, 1.0), ("region", "N", 0.6), ("region", "S", 0.4), ("team", "A", 0.5), ("team", "B", 0.1),
         ("team", "C", 0.4))  # fmt: skip
WITHIN = {"team": {"A": "N", "B": "N", "C": "S"}, "rep": {"Ann": "A", "Bob": "A"}}
LOCKED = [pd.Period("2027-01"), pd.Period("2027-02"), pd.Period("2027-03")]


def two_years(**changed):
    """Return 100,000 a month for 24 months to December 2026, shared out as `PARTS` says; `changed` multiplies a part's last year."""
    months = pd.period_range("2025-01", periods=24, freq="M")
    rows = [
        {"level": level, "name": name, "period": month,
         "value": 100_000.0 * share * (changed.get(str(name), 1.0) if month.year == 2026 else 1.0)}
        for month in months for level, name, share in PARTS
    ]  # fmt: skip
    return pd.DataFrame(rows)


def stated(*rows):
    return pd.DataFrame(rows, columns=["period", "level", "name", "amount"])


def moved(bookings, plan, **more):
    asked = {"period": pd.Period("2026-12"), "growth": 0.0, "locked": LOCKED, "within": WITHIN, **more}
    return {change.id: change.new["amount"] for change in rules.next_targets(bookings, plan, **asked)}


def test_a_year_moves_with_its_months_and_keeps_what_is_locked():
    months = [f"2027-{m:02d}" for m in range(1, 13)]
    plan = stated(*((m, "company", None, 90_000.0) for m in months), ("2027", "company", None, 1_080_000.0))
    told = moved(two_years(), plan)
    assert [told[f"target:2027-0{m}:company"] for m in (4, 5, 6)] == [100_000.0] * 3
    assert told["target:2027:company"] == 9 * 90_000.0 + 3 * 100_000.0


def test_years_and_longer_goals_are_summed_by_the_finest_rows_there_are():
    quarters = [("2027Q1", "company", None, 270.0), ("2027Q2", "company", None, 1.0), ("2027Q3", "company", None, 280.0),
                ("2027Q4", "company", None, 290.0)]  # fmt: skip
    plan = stated(
        *quarters,
        ("2027", "company", None, 9.0),
        ("2028", "company", None, 2000.0),
        ("2027-2028", "company", None, 9.0),
    )
    told = moved(two_years(), plan)
    assert told["target:2027Q2:company"] == 300_000.0
    assert told["target:2027:company"] == 270.0 + 300_000.0 + 280.0 + 290.0
    assert told["target:2027-2028:company"] == told["target:2027:company"] + 2000.0


def test_a_year_whose_other_months_are_not_stated_stays():
    told = moved(two_years(), stated(("2027", "company", None, 5.0)))
    assert "target:2027:company" not in told


def test_a_team_that_sells_more_keeps_nearly_its_share_of_the_plan():
    months = [f"2026-{m:02d}" for m in range(1, 13)]
    plan = stated(*((m, level, name, 100_000.0 * share) for m in months for level, name, share in PARTS))
    calm, beaten = moved(two_years(), plan), moved(two_years(A=3.0), plan)
    assert calm["target:2027-04:team:A"] == 50_000.0
    # A sold 3/4 with a planned half: 0.5 x 1.5^0.1 = 0.5207; B half of its tenth: 0.1 x 0.5^0.1 = 0.0933; of N's 60,000
    assert beaten["target:2027-04:team:A"] == 51_000.0
    # Without shares in the plan, what each booked is all there is: A has 150 of the 160 of its region's 60,000, in thousands
    first = moved(two_years(A=3.0), stated())
    assert first["target:2027-04:team:A"] == 56_000.0


def test_the_shares_of_the_months_ahead_come_before_those_of_the_past():
    ahead = [
        (f"2027-0{m}", "team", name, amount)
        for m in (4, 5, 6)
        for name, amount in (("A", 20.0), ("B", 40.0), ("C", 40.0))
    ]
    told = moved(two_years(), stated(*ahead), within={})
    assert [told[f"target:2027-04:team:{name}"] for name in "ABC"] == [20_000.0, 40_000.0, 40_000.0]


def test_teams_add_up_to_their_region_and_reps_to_their_team():
    reps = [
        (f"2027-0{m}", "rep", name, amount)
        for m in (4, 5, 6)
        for name, amount in (("Ann", 1.0), ("Bob", 2.0), ("Gone", 9.0))
    ]
    told = moved(two_years(), stated(*reps), unit=1000.0)
    for month in ("2027-04", "2027-05", "2027-06"):
        at = {
            name: told[f"target:{month}:{name}"]
            for name in ("region:N", "region:S", "team:A", "team:B", "team:C", "rep:Ann", "rep:Bob")
        }
        assert at["team:A"] + at["team:B"] == at["region:N"]
        assert at["team:C"] == at["region:S"]
        assert (at["rep:Ann"], at["rep:Bob"]) == (17_000.0, 33_000.0)
    assert not [name for name in told if "Gone" in name]


def test_what_the_plan_asked_is_read_from_quarters_and_years_too():
    rows = stated(*((f"2026Q{q}", "company", None, 330_000.0) for q in range(1, 5)))
    # 1,320,000 planned and 1,200,000 done: half of the gap in logs
    expected = 1_320_000.0 * (1_200_000 / 1_320_000) ** 0.5
    told = moved(two_years(), rows, unit=1.0)
    assert told["target:2027-04:company"] == pytest.approx(expected / 12, abs=1.0)
