"""The search for bottlenecks against planted ones and none, and its parts against numbers from outside the code."""

import datetime as dt
import os

import numpy as np
import pandas as pd
import pytest
import statsmodels
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

from salesloop.metrics import bottlenecks
from salesloop.metrics.bottlenecks import find, incidence, money, rates, scan, stalled, stays
from tests.metrics.bottleneck_company import KINDS, company


@pytest.fixture(scope="module")
def transplants() -> pd.DataFrame:
    """137 bone marrow transplants (Klein and Moeschberger, Survival Analysis, section 1.3), with ties and censoring."""
    folder = os.path.dirname(statsmodels.__file__)  # noqa: PTH120
    return pd.read_csv(f"{folder}/duration/tests/results/bmt.csv")


def test_kaplan_meier_equals_statsmodels_on_the_transplants(transplants):
    time, ended = transplants["T"].to_numpy(), transplants["Status"].to_numpy() == 1
    theirs, ours = SurvfuncRight(time, ended), incidence.kaplan_meier(time, ended)
    assert np.abs(theirs.surv_prob - ours["survival"]).max() < 1e-8
    assert np.abs(theirs.surv_prob_se - ours["se"]).max() < 1e-8
    assert incidence.quantile(ours, 0.5)[0] == theirs.quantile(0.5) == 481


def test_kaplan_meier_with_late_entry_equals_statsmodels(transplants):
    time = transplants["T"].to_numpy() // 30 + 1
    entry, ended = np.minimum(time / 3, 5.0), transplants["Status"].to_numpy() == 1
    theirs, ours = SurvfuncRight(time, ended, entry=entry), incidence.kaplan_meier(time, ended, entry)
    at = np.searchsorted(theirs.surv_times, ours["days"])
    assert np.abs(theirs.surv_prob[at] - ours["survival"]).max() < 1e-8


def test_incidence_equals_statsmodels_on_the_transplants_with_ties(transplants):
    time = transplants["T"].to_numpy() // 30 + 1
    cause = np.where(transplants["Status"] == 0, 0, 1 + (transplants["Group"] == "ALL"))
    assert len(np.unique(time)) < len(time) * 0.6
    theirs, ours = CumIncidenceRight(time, cause), incidence.incidence(time, cause, causes=2)
    at = np.searchsorted(theirs.times, ours["days"])
    for i in (0, 1):
        assert np.abs(theirs.cinc[i][at] - ours["share"][i]).max() < 1e-8
        assert np.abs(theirs.cinc_se[i][at] - ours["se"][i]).max() < 1e-8


def test_leukaemia_remission_as_published():
    """6-mercaptopurine arm of Freireich et al. (1963): .857 .807 .753 .690 .627 .538 .448 at 6 7 10 13 16 22 23 weeks."""
    time = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    ended = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    curve = incidence.kaplan_meier(np.array(time), np.array(ended, bool))
    assert curve["days"].tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert curve["survival"].round(3).tolist() == [0.857, 0.807, 0.753, 0.69, 0.627, 0.538, 0.448]
    assert incidence.quantile(curve, 0.5)[0] == 23


def test_open_stays_count_and_the_mean_of_ended_ones_would_not():
    """Stays of 60 days on average, seen for 90: completed ones alone show far less."""
    rng = np.random.default_rng(2)
    start, length = rng.uniform(0, 90, 4000), rng.exponential(60, 4000)
    ended = start + length <= 90
    curve = incidence.kaplan_meier(np.where(ended, length, 90 - start), ended)
    assert length[ended].mean() < 30
    assert abs(incidence.quantile(curve, 0.5)[0] - 60 * np.log(2)) < 3


def test_no_quartile_under_twenty_ended_stays():
    deals, events, last, _ = company(months=10, per_month=2, seed=4, warm=0)
    made = stays.stays(deals, events, as_of=last)
    told = find.describe(find.find(deals, made, names=[]).cells, deals, made)
    few = told["moves"] < 20
    assert few.any()
    assert told.loc[few & (told["n"] < 20), "p50_days"].isna().all()


def test_ratio_of_a_cell_by_hand():
    """90 of 99 moves before the cut where 74.25 were due: 90 ln(90/74.25) + 9 ln(9/24.75) = 8.21."""
    seen = np.array([[10.0] * 9 + [3.0] * 3])
    best, month = scan.ratios(seen, np.full((1, 12), 10.0), fewer=True)
    assert month[0] == 9
    assert best[0] == pytest.approx(90 * np.log(90 / 74.25) + 9 * np.log(9 / 24.75))
    assert scan.ratios(seen, np.full((1, 12), 10.0), fewer=False)[0][0] < best[0]


def test_p_values_are_small_as_often_as_they_say():
    rng = np.random.default_rng(5)
    seen = rng.poisson(2.0, (4000, 30)).astype(float)
    best, _ = scan.ratios(seen, np.full((4000, 30), 2.0), fewer=True)
    p = scan.p_values(best, seen.sum(axis=1), months=30, fewer=True)
    assert 0.005 < (p < 0.05).mean() < 0.05
    assert (p < 0.001).mean() < 0.003


def test_expected_moves_add_up_and_recover_rates():
    deals, events, last, _ = company(months=24, per_month=80, seed=6)
    made = stays.stays(deals, events, as_of=last)
    pieces = rates.cut(made)
    splits = rates.kinds(deals, made, pieces, ["segment"])
    line = rates.Baseline(pieces, splits, 0)
    assert line._expected.sum() == pytest.approx(line.observed.sum(), rel=0.01)
    slow = splits.codes[:, 0] == splits.levels[0].index("ENT")
    pace = [line.observed[inside].sum() / pieces.days[inside].sum() for inside in (slow, ~slow)]
    assert pace[0] / pace[1] == pytest.approx(0.7, abs=0.06)


def test_days_in_stage_are_cut_at_months_without_loss():
    deals, events, last, _ = company(months=12, per_month=20, seed=7, warm=0)
    made = stays.stays(deals, events, as_of=last)
    pieces = rates.cut(made)
    table = made.table
    lived = np.minimum(np.maximum(table["end"], table["start"] + 0.5), made.until) - np.maximum(
        table["start"], made.since
    )
    assert pieces.days.sum() == pytest.approx(lived.clip(lower=0).sum(), rel=0.002)


def diagnosed(seed, **kept):
    deals, events, last, _ = company(seed=seed, **kept)
    return bottlenecks.diagnose(deals, events, None, as_of=last, names=list(KINDS))


def test_a_planted_slowdown_comes_first_with_its_month_and_once():
    told = diagnosed(3, slow=("propose", "MID"), since=21)
    first = told.flagged.iloc[0]
    assert (first["stage"], first["segment"], first["nature"], first["direction"]) == (
        "propose",
        "MID",
        "change",
        "slower",
    )
    assert first["since"] in ("2025-09", "2025-10", "2025-11")
    assert 0.25 < first["ratio"] < 0.5
    assert first["excess_days"] > 5
    assert 0 < first["money_low"] < first["money"] < first["money_high"]
    assert len(told.found.causes) == 1
    assert told.total()["value"] >= first["money"]


def searched(seed):
    deals, events, last, _ = company(seed=seed)
    return find.find(deals, stays.stays(deals, events, as_of=last), names=list(KINDS))


@pytest.mark.parametrize("seed", [11, 12, 13, 14])
def test_nothing_planted_and_no_change_is_told(seed):
    assert len(searched(seed).causes) == 0


def test_a_lasting_difference_is_told_as_one():
    """ENT goes forward at 0.7 of the pace of the others, all along and in every stage."""
    cells = searched(11).cells
    found = cells[cells["found"] < 2]
    assert set(found["segment"]) == {"ENT"}
    assert set(found["nature"]) == {"lasting"}
    assert set(found["direction"]) == {"slower"}


def test_old_moves_of_survivors_are_not_counted():
    """Deals open when the CRM was filled come with older moves; counting these would count survivors only."""
    deals, events, last, _ = company(months=14, per_month=40, seed=8, warm=8)
    old = deals["created_at"] < pd.Timestamp("2024-01-01")
    moves = pd.DataFrame({"opportunity_id": deals.loc[old, "opportunity_id"], "at": deals.loc[old, "created_at"],
                          "from_stage": None, "to_stage": "qualify", "amount": np.nan})  # fmt: skip
    made = stays.stays(deals, pd.concat([moves, events]), as_of=last)
    assert np.datetime64("1970-01-01") + int(made.since) >= np.datetime64("2024-01-01")


def test_flawed_history_is_counted_by_name_and_the_rest_answered():
    at = pd.to_datetime
    deals = pd.DataFrame({
        "opportunity_id": ["a", "b", "c", "d"], "status": ["won", "lost", "open", "open"], "stage": ["won", "lost", "B", "A"],
        "created_at": at(["2026-01-10", "2026-01-10", "2026-01-10", "2026-01-10"]), "amount": 1.0,
        "closed_on": at(["2026-03-01", "2026-02-01", None, None]),
    })  # fmt: skip
    events = pd.DataFrame(
        [
            ("a", "2026-01-20", "A", "B"), ("a", "2026-01-20", "A", "B"),  # doubled
            ("a", "2026-01-05", None, "A"),  # before creation
            ("a", "2026-03-09", "B", "C"),  # after closing
            ("b", "2026-01-25", "C", "X"),  # unknown stage
            ("c", "2026-01-22", "A", "B"), ("c", "2026-01-30", "A", "C"),  # does not start where the last one ended
            ("z", "2026-01-22", "A", "B"), ("c", None, "A", "B"), ("c", "2027-01-01", "B", "C"),
        ], columns=["opportunity_id", "at", "from_stage", "to_stage"],
    )  # fmt: skip
    events["at"] = at(events["at"])
    order = pd.DataFrame({"pipeline": None, "stage": list("ABC"), "order": [1, 2, 3], "kind": "open"})
    made = stays.stays(deals, events, as_of=dt.date(2026, 3, 31), stages=order)
    assert dict(made.problems.itertuples(index=False)) == {
        "unknown_deal": 1, "undated": 1, "future": 1, "doubled": 1, "unknown_stage": 1, "before_creation": 1,
        "after_closing": 1, "out_of_order": 1, "no_event": 1,
    }  # fmt: skip
    assert set(made.table["opportunity_id"]) == {"a", "b", "c", "d"}
    of_a = made.table[made.table["opportunity_id"] == "a"]
    assert of_a[["stage", "exit"]].to_numpy().tolist() == [["A", "forward"], ["B", "forward"]]


def test_a_stage_renamed_half_way_stays_one_stage():
    deals, events, last, _ = company(months=16, per_month=40, seed=9, warm=0)
    late = events["at"] >= pd.Timestamp("2024-10-01")
    for column in ("from_stage", "to_stage"):
        events[column] = events[column].where(~(late & (events[column] == "propose")), "Proposal sent")
    deals["stage"] = deals["stage"].replace("propose", "Proposal sent")
    made = stays.stays(deals, events, as_of=last)
    assert dict(made.problems.itertuples(index=False))["renamed"] == 1
    assert len(made.order) == 3
    old = pd.DataFrame(
        {"pipeline": None, "stage": ["qualify", "propose", "negotiate"], "order": [1, 2, 3], "kind": "open"}
    )
    made = stays.stays(deals, events, as_of=last, stages=old)
    assert made.order["stage"].tolist() == ["qualify", "propose", "negotiate"]
    assert "unknown_stage" not in set(made.problems["problem"])


def test_a_stage_that_is_not_declared_stands_where_deals_come_into_it():
    deals, events, last, _ = company(months=12, per_month=30, seed=9, warm=0)
    declared = pd.DataFrame({"pipeline": None, "stage": ["qualify", "negotiate"], "order": [1, 2], "kind": "open"})
    made = stays.stays(deals, events, as_of=last, stages=declared)
    assert made.order["stage"].tolist() == ["qualify", "propose", "negotiate"]
    assert (made.table["exit"] != "back").all()


def test_skips_and_returns():
    deals = pd.DataFrame({"opportunity_id": ["a"], "status": ["won"], "stage": ["won"], "amount": [5.0],
                          "created_at": pd.to_datetime(["2026-01-01"]), "closed_on": pd.to_datetime(["2026-03-01"])})  # fmt: skip
    events = pd.DataFrame([("a", "2026-01-11", "A", "C"), ("a", "2026-01-21", "C", "B"), ("a", "2026-02-01", "B", "C")],
                          columns=["opportunity_id", "at", "from_stage", "to_stage"])  # fmt: skip
    events["at"] = pd.to_datetime(events["at"])
    order = pd.DataFrame({"pipeline": None, "stage": list("ABC"), "order": [1, 2, 3], "kind": "open"})
    made = stays.stays(deals, events, as_of=dt.date(2026, 3, 31), stages=order)
    assert made.table[["stage", "exit", "skipped", "visit"]].to_numpy().tolist() == [
        ["A", "forward", 1, 0], ["C", "back", 0, 0], ["B", "forward", 0, 0], ["C", "forward", 0, 1],
    ]  # fmt: skip
    path = bottlenecks.paths.by_deal(deals, made)
    assert path[["rework", "skipped"]].to_numpy().tolist() == [[True, True]]
    assert bottlenecks.paths.variants(path, made)["variant"].tolist() == ["A > C > B > C"]


def test_stall_limits_are_shrunk_to_the_pipeline():
    deals, events, last, _ = company(months=20, per_month=40, seed=10, warm=0)
    made = stays.stays(deals, events, as_of=last)
    told = stalled.limits(deals, made).set_index("stage")
    won = deals.index[deals["status"] == "won"]
    inside = made.table[
        made.table["row"].isin(won) & (made.table["stage"] == "propose") & (made.table["start"] >= made.since)
    ]
    own = (inside["end"] - inside["start"]).clip(lower=0.5).quantile(0.75)
    assert told.loc["propose", "n_won"] == len(inside)
    assert abs(told.loc["propose", "p75_days"] - own) < 2
    standing = stalled.stalled(deals, made, {("default", "propose"): 30.0}, as_of=last)
    assert (standing["days"] > 30).all()
    assert set(standing["stage"]) == {"propose"}


def test_shift_finds_what_was_added_to_the_logits():
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"leave_logit": np.full(5000, -2.0), "lost_logit": np.full(5000, -1.0)})
    rows["left"] = rng.random(5000) < 1 / (1 + np.exp(2.0 - 0.5))
    rows["lost"] = rows["left"] & (rng.random(5000) < 1 / (1 + np.exp(1.0 + 0.4)))
    found = money.shift(rows)
    assert found.leave == pytest.approx(0.5, abs=3 * found.leave_se)
    assert found.lost == pytest.approx(-0.4, abs=3 * found.lost_se)
    assert money.shift(rows.head(10)) is None


def test_inputs_stay_as_they_were():
    deals, events, last, _ = company(months=10, per_month=10, seed=1, warm=0)
    before = deals.copy(), events.copy()
    made = stays.stays(deals, events, as_of=last)
    find.describe(find.find(deals, made, names=list(KINDS)).cells, deals, made)
    pd.testing.assert_frame_equal(deals, before[0])
    pd.testing.assert_frame_equal(events, before[1])
