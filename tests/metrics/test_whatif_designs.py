"""Each design is met from a row of the plan file, finds what was planted, and keeps silent where nothing was."""

import numpy as np
import pandas as pd
import pytest

from salesloop.book import Book
from salesloop.metrics.whatif import past, rows, say, units

AS_OF, START = pd.Timestamp("2025-12-31"), "2025-01-01"
EVENTS = {"stage_events": pd.DataFrame(columns=["opportunity_id", "at", "from_stage", "to_stage"])}


def told(deals, *plan):
    """Return the effects of plan rows on deals as the notebook tells them."""
    book = Book.from_tables({"opportunities": deals, **EVENTS}, period="2025-12")
    history = past.history(book.deals(), book.table("stage_events"), book.table("stages"), as_of=book.as_of)
    return past.effects(pd.DataFrame([dict(row) for row in plan]), history).set_index("intervention")


def company(seed, win, n=4000, since="2024-01-01", accounts=800, owners=24):
    """Return deals over two years that are decided within 60 days; `win` says from a frame with what chance each is won."""
    rng = np.random.default_rng(seed)
    days = (AS_OF - pd.Timestamp(since)).days
    account = rng.integers(0, accounts, n)
    frame = pd.DataFrame({
        "opportunity_id": [f"d{i}" for i in range(n)], "account_id": [f"a{i}" for i in account],
        "created_at": pd.Timestamp(since) + pd.to_timedelta(np.sort(rng.integers(0, days, n)), unit="D"),
        "owner_id": [f"r{i:02d}" for i in rng.integers(0, owners, n)], "amount": rng.lognormal(7, 0.5, n).round(2),
        "type": "new", "product": rng.choice(["A", "B"], n), "segment": np.where(account < accounts // 4, "ENT", "SMB"),
        "lead_source": [f"s{i:02d}" for i in rng.integers(0, 24, n)],
    })  # fmt: skip
    closed = frame["created_at"] + pd.to_timedelta(rng.integers(5, 60, n), unit="D")
    won = rng.random(n) < win(frame)
    done = closed <= AS_OF
    frame["status"] = np.where(~done, "open", np.where(won, "won", "lost"))
    frame["stage"], frame["closed_on"] = frame["status"], closed.where(done)
    return frame


def logged(kind, value, lever="conversion", **more):
    return {"id": "x", "lever": lever, "applies_to_kind": kind, "applies_to": value, "start": START, **more}


SOME = [f"r{i:02d}" for i in range(9)]
DRAWN = [f"a{i}" for i in range(0, 800, 2)]
LARGE = [f"a{i}" for i in range(200) if i % 4]


def lifted(names, column, by):
    def win(frame):
        new = frame["created_at"] >= pd.Timestamp(START)
        return 0.35 + 0.15 * (frame["segment"] == "ENT") + by * (new & frame[column].isin(names))

    return win


def test_reps_who_were_trained_are_compared_with_many_others():
    row = told(company(1, lifted(SOME, "owner_id", 0.15)), logged("owner_id", "; ".join(SOME))).loc["x"]
    assert (row["design"], row["verdict"]) == ("did_many", "compatible")
    assert row["low"] < 0.15 / 0.39 < row["high"]
    assert row["placebo_p"] >= 0.05
    assert 0.05 < row["minimum_detectable"] < 0.6


def test_reps_whose_training_did_nothing_are_left_alone():
    rows = [
        told(company(s, lifted([], "owner_id", 0.0), n=2500), logged("owner_id", "; ".join(SOME))).loc["x"]
        for s in range(20, 30)
    ]
    assert sum(row["verdict"] == "compatible" for row in rows) <= 1


def test_drawn_customers_are_compared_as_they_are():
    row = told(company(3, lifted(DRAWN, "account_id", 0.12)), logged("account", ";".join(DRAWN))).loc["x"]
    assert (row["design"], row["estimand"], row["verdict"]) == ("arms", "win_chance_units", "compatible")
    assert row["low"] < 0.12 / 0.39 < row["high"]


def test_picked_customers_are_compared_with_their_like():
    """Three of four large customers were picked, who win more anyway: 50 against 35 %."""
    nothing = company(4, lifted(LARGE, "account_id", 0.0))
    row = told(nothing, logged("account_id", ";".join(LARGE))).loc["x"]
    ripe = nothing[nothing["created_at"] >= pd.Timestamp(START)]
    on = ripe["account_id"].isin(LARGE)
    assert (ripe.loc[on, "status"] == "won").mean() - (ripe.loc[~on, "status"] == "won").mean() > 0.08
    assert (row["design"], row["verdict"]) == ("doubly_robust", "cannot_tell")
    assert row["low"] < 0 < row["high"]
    row = told(company(5, lifted(LARGE, "account_id", 0.25)), logged("account_id", ";".join(LARGE))).loc["x"]
    assert (row["design"], row["verdict"]) == ("doubly_robust", "compatible")
    assert row["low"] < 0.25 / 0.5 < row["high"]


def test_customers_without_their_like_cannot_be_tested():
    everybody = ";".join(f"a{i}" for i in range(200))
    row = told(company(6, lifted([], "account_id", 0.0)), logged("account_id", everybody)).loc["x"]
    assert (row["design"], row["verdict"], row["why"]) == ("doubly_robust", "cannot_test", "no_overlap")
    assert np.isnan(row["estimate"])


def test_customers_who_were_better_before_are_not_credited_to_the_change():
    """What tells them apart was never recorded, but their deals of the time before show it."""
    better = company(7, lambda frame: 0.3 + 0.2 * frame["account_id"].isin(DRAWN), n=6000)
    better = better.assign(segment=np.where(np.random.default_rng(1).random(len(better)) < 0.5, "ENT", "SMB"))
    row = told(better, logged("account_id", ";".join(DRAWN))).loc["x"]
    assert (row["verdict"], row["why"]) == ("cannot_test", "placebo")


def test_a_campaign_that_no_deal_bore_before_is_compared_deal_by_deal():
    deals = company(8, lifted([], "account_id", 0.0))
    drawn = (np.random.default_rng(9).random(len(deals)) < 0.3) & (deals["created_at"] >= pd.Timestamp(START))
    row = told(deals.assign(campaign=np.where(drawn, "spring", None)), logged("campaign", "spring"))
    assert row.loc["x", ["design", "verdict"]].tolist() == ["arms", "cannot_tell"]


def test_one_source_of_many_has_a_mix_of_the_others_beside_it():
    deals = company(10, lifted([], "account_id", 0.0), n=9000)
    more = deals[(deals["lead_source"] == "s03") & (deals["created_at"] >= pd.Timestamp(START))]
    copies = pd.concat([more.assign(opportunity_id=more["opportunity_id"] + f"-{k}") for k in range(2)])
    row = told(pd.concat([deals, copies], ignore_index=True), logged("lead_source", "s03", "volume")).loc["x"]
    assert (row["design"], row["verdict"]) == ("synthetic", "compatible")
    assert row["estimate"] == pytest.approx(2.0, abs=0.7)
    assert row["p_value"] == pytest.approx(1 / 24)
    alone = [told(deals, logged("lead_source", f"s{i:02d}", "volume")).loc["x"] for i in range(3, 7)]
    assert sum(one["verdict"] == "compatible" for one in alone) <= 1


def test_the_whole_company_is_a_series_with_a_placebo_and_one_step_a_change():
    larger = company(11, lifted([], "account_id", 0.0), since="2022-07-01")
    new = larger["closed_on"] >= pd.Timestamp(START)
    larger["amount"] = larger["amount"] * np.where(new, 1.5, 1.0)
    table = told(
        larger, logged("company", "all", "size"), logged("company", "all", "conversion", id="y", start="2025-06-01")
    )
    assert table["design"].tolist() == ["interrupted", "interrupted"]
    assert table.loc["x", "verdict"] == "compatible"
    assert table.loc["x", "low"] < 0.5 < table.loc["x", "high"]
    assert table["placebo_p"].between(0.05, 1).all()
    assert table.loc["y", "verdict"] == "cannot_tell"


@pytest.mark.parametrize(("row", "why"), [
    (logged("product", "A", "hope"), "no_lever"), (logged("product", "A", end="2024-06-01"), "ends_first"),
    (logged("account_id", "a1", "volume"), "nobody"), (logged("product", "A; B"), "no_comparison"),
    (logged("account_id", "a1; a2"), "too_few"), (logged("product", "A", start="soon"), "no_start"),
])  # fmt: skip
def test_bad_rows_are_named(row, why):
    assert told(company(12, lifted([], "account_id", 0.0), n=600), row).loc["x", ["verdict", "why"]].tolist() == [
        "cannot_test",
        why,
    ]


def test_two_changes_of_the_same_at_the_same_time_are_named():
    deals = company(13, lifted([], "account_id", 0.0), n=900)
    table = told(
        deals,
        logged("product", "A"),
        logged("product", "A", id="y"),
        logged("company", "all", id="z"),
        logged("", "", id="w"),
    )
    assert table["why"].to_dict() == dict.fromkeys("xyzw", "overlapping")


def test_doubled_ids_both_get_an_answer():
    table = told(company(14, lifted([], "account_id", 0.0), n=900), logged("product", "A"), logged("type", "new"))
    assert table["why"].tolist() == [None, "no_comparison"]


def test_a_row_of_the_plan_file_is_read_with_several_values():
    one = rows.read(pd.DataFrame([logged("customer", "a1；a2 ; a1")]))[0]
    assert (one.kind, one.values, one.everyone) == ("account_id", ("a1", "a2"), False)


def test_alike_is_said_of_a_draw_and_not_of_a_choice():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"x": rng.normal(size=400), "z": rng.normal(size=400)})
    assert units.alike(frame.assign(on=np.tile([0, 1], 200)), ["x", "z"])
    assert not units.alike(frame.assign(on=(frame["x"] > 0.5).astype(int)), ["x", "z"])


def row_of(**kept):
    base = {"intervention": "x", "what": "Coaching", "lever": "conversion", "measure": "win_chance", "scope_kind": "team", "scope": "South",
            "design": "did_few", "estimate": 0.1, "low": -0.1, "high": 0.3, "minimum_detectable": 0.3, "placebo_p": 0.4,
            "verdict": "cannot_tell", "why": None, "n": 50}  # fmt: skip
    return base | kept


def test_the_page_says_a_verdict_once_and_names_a_proposed_change_in_words():
    own = row_of(
        what="cycle · Proposal · +30%", lever="cycle", scope="Proposal", design="interrupted", verdict="compatible"
    )
    silent = [row_of(verdict="cannot_test", why="too_few", placebo_p=np.nan, design="none") for _ in range(4)]
    ids = [name for name, _ in say.effects(pd.DataFrame([row_of(), own, *silent]))]
    assert ids == [
        "whatif.effect_compatible_own",
        "whatif.effect_cannot_tell",
        "whatif.effects_silent",
        "whatif.placebo",
        "whatif.few_groups",
    ]
    assert say.effects(pd.DataFrame([own]))[0][1]["unit"] == "n_months"
    levers = say.effect_rows(pd.DataFrame([row_of(), own, *silent]))["lever"]
    assert levers.isna().tolist() == [True, False]
    picked = say.effects(pd.DataFrame([row_of(design="doubly_robust")]))
    assert "whatif.chosen" in [name for name, _ in picked]


def test_a_placebo_that_fails_leaves_no_estimate_behind():
    better = company(7, lambda frame: 0.3 + 0.2 * frame["account_id"].isin(DRAWN), n=6000)
    better = better.assign(segment=np.where(np.random.default_rng(1).random(len(better)) < 0.5, "ENT", "SMB"))
    row = told(better, logged("account_id", ";".join(DRAWN))).loc["x"]
    assert row[["estimate", "low", "high", "minimum_detectable"]].isna().all()
    assert row["placebo_p"] < 0.05


def test_effort_that_moves_is_judged_where_it_went():
    one = rows.read(pd.DataFrame([logged("segment", "SMB > ENT", "focus")]))[0]
    assert (one.kind, one.values) == ("segment", ("ENT",))
