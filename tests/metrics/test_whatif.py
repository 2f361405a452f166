"""What-ifs: known answers of public data, and a small company with known rates."""

import numpy as np
import pandas as pd
import pytest

from salesloop import rules
from salesloop.book import Book
from salesloop.errors import ParameterError
from salesloop.metrics import pipeline, whatif
from salesloop.metrics.whatif import ask, estimators, joint, levers, panels, past, price, scenarios
from tests.metrics.pipeline_company import company


@pytest.fixture(scope="module")
def book():
    deals, events, _ = company()
    return Book.from_tables({"opportunities": deals, "stage_events": events}, period="2025-12")


@pytest.fixture(scope="module")
def sim(book):
    return whatif.simulation(book, book.deals())


def test_spread_beyond_noise_by_hand():
    # Levels 0 and 1, noise .1 each: mean .5, Q = 5, excess (5 - 1) / (20 - 10) = .4; shrunk (.4 + 3 x .01) / 4 = .1075
    mean, sd, now = levers.spread(np.array([0.0, 1.0]), np.array([0.1, 0.1]))
    assert mean == pytest.approx(0.5)
    assert sd == pytest.approx(np.sqrt(0.1075))
    assert now == pytest.approx(0.5 + 0.1075 / 0.2075 * 0.5)


def test_a_steady_rate_has_little_room_and_a_moved_one_much():
    steady = levers.odds_lever(levers.Lever("conversion", "stage", "x"), np.full(6, 300.0), np.full(6, 100.0))
    fallen = levers.odds_lever(
        levers.Lever("conversion", "stage", "x"), np.array([300.0] * 5 + [200.0]), np.array([100.0] * 5 + [200.0])
    )
    assert steady.now == pytest.approx(0.75, abs=0.005)
    assert steady.step < 0.06
    assert fallen.step > 0.5
    assert fallen.plausible[0] < fallen.step < fallen.plausible[1]


def test_a_lever_at_its_best_has_no_room():
    risen = levers.odds_lever(
        levers.Lever("conversion", "stage", "x"), np.array([200.0] * 5 + [320.0]), np.array([200.0] * 5 + [80.0])
    )
    assert risen.step == 0.0


def test_the_same_random_numbers_make_no_change_no_change(sim):
    assert (sim.run(pipeline.Change()) == sim.base).all()


def test_more_deals_and_larger_deals_bring_more(sim):
    larger = sim.run(pipeline.Change(size=1.1)).sum(axis=0)
    assert larger.mean() / sim.base.sum(axis=0).mean() == pytest.approx(1.1, abs=0.002)
    more = sim.run(pipeline.Change(volume=1.2))
    assert more[0].mean() / sim.base[0].mean() < 1.15  # what is in the pipeline already stays
    assert more[-3:].mean() / sim.base[-3:].mean() == pytest.approx(1.2, abs=0.02)


def test_levers_together_are_simulated_together(sim):
    size, volume = pipeline.Change(size=1.1), pipeline.Change(volume=1.2)
    alone = [sim.run(one).sum(axis=0).mean() - sim.base.sum(axis=0).mean() for one in (size, volume)]
    both = sim.run((size, volume)).sum(axis=0).mean() - sim.base.sum(axis=0).mean()
    assert both > sum(alone) * 1.02


def test_scenarios_of_a_company(book, sim):
    staff = pd.DataFrame(
        {"rep": [], "team": [], "region": [], "began": pd.to_datetime([]), "ended": pd.to_datetime([])}
    )
    from salesloop.metrics import goals

    land = goals.ground(book, pd.DataFrame())
    found = whatif.all_levers(sim, pd.DataFrame(), staff, land=land)
    targets = pd.DataFrame({"period": ["2026Q1"], "amount": [sim.base[:3].sum(axis=0).mean()], "actual_to_date": [0.0],
                            "begins": ["2026-01"], "ends": ["2026-03"]}, index=["quarter"])  # fmt: skip
    table = whatif.run(found, sim, targets, book)
    assert {"volume", "size", "conversion", "cycle"} <= set(table["lever"])
    assert table["p_hit_before"].nunique() == 1
    better = table[(table["change"] > 0) & (table["lever"] == "size")].iloc[0]
    assert better["p_hit"] > better["p_hit_before"]
    assert (table["low"] <= table["bookings_change"]).all()
    proposals, together = whatif.propose(table, found, sim, book)
    assert len(proposals) <= 3
    assert proposals["lever"].is_unique
    assert set(proposals["due"]) <= {"2026-02-28", "2026-03-31"}
    assert together.sum() > sim.base.sum()
    planned = rules.interventions(proposals)
    assert [change.new["expected_effect"] for change in planned] == proposals["expected_effect"].tolist()
    assert all(change.values["low"] < change.values["effect"] < change.values["high"] for change in planned)


def test_trust_scales_what_is_promised(sim):
    lever = levers.Lever("size", "company", "all", (pipeline.Change(size=2.0),), blocks=4, n=99, sd=0.2)
    full, half = (scenarios.moved(lever, 0.1, sim, trust=trust) - sim.base for trust in (1.0, 0.5))
    assert half.sum() == pytest.approx(full.sum() / 2)


def test_one_line_scenario(book, sim):
    table = whatif.scenario(book, {"size": {"change": 0.1}}, sim=sim)
    total = table[table["period"] == "total"].iloc[0]
    assert total["after"] / total["before"] == pytest.approx(1.1, abs=0.002)
    stage = whatif.scenario(book, {"conversion": {"stage": "propose", "product": "A", "change": 0.05}}, sim=sim)
    assert stage["change"].iloc[-1] > 0


def test_points_are_of_the_share_that_goes_on(sim):
    # 65 % of proposals go on by the company's law; about 14 % of those move again in the same week, and 30 % of them are lost
    share = ask.going_on(sim, stage="propose", column=None, value=None)
    assert share == pytest.approx(0.65 * (1 - 0.14 * 0.30), abs=0.05)
    assert ask.odds_factor(0.05, 0.65) == pytest.approx((0.70 / 0.30) / (0.65 / 0.35))


@pytest.mark.parametrize("asked", [
    {"luck": {"change": 0.1}}, {"size": {}}, {"size": {"change": -2}}, {"conversion": {"change": 0.1, "stage": "nowhere"}},
    {"volume": {"change": 0.1, "colour": "red"}}, {"volume": {"change": 0.1, "product": "Z"}},
])  # fmt: skip
def test_a_wrong_question_is_named(book, sim, asked):
    with pytest.raises(ParameterError):
        whatif.scenario(book, asked, sim=sim)


def changed(seed, boost=0.0):
    """Return exits of deals in three groups over two years; from 2025 on new deals of group B go on more often, in log odds."""
    rng = np.random.default_rng(seed)
    n = 6000
    created = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 700, n), unit="D")
    on = created + pd.to_timedelta(rng.integers(1, 60, n), unit="D")
    group = rng.choice(list("ABC"), n)
    odds = 0.5 + 0.3 * (group == "C") + boost * ((group == "B") & (created >= pd.Timestamp("2025-01-01")))
    hit = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float)
    return pd.DataFrame({"hit": hit, "on": on, "created_at": created, "team": group, "stage": "s", "type": "new",
                         "quarter": on.to_period("Q").astype(str)})  # fmt: skip


TRIAL = joint.Trial("b", "team", "B", pd.Timestamp("2025-01-01"), pd.NaT)


def test_a_change_of_one_team_is_found_and_covered():
    found = joint.fit(changed(1, boost=0.8), [TRIAL], factors=["quarter", "team"], group="team", family="binomial")["b"]
    assert found.low < 0.8 < found.high
    assert found.p_value < 0.001


def test_nothing_is_found_where_nothing_changed():
    told = [
        joint.fit(changed(s), [TRIAL], factors=["quarter", "team"], group="team", family="binomial")["b"]
        for s in range(20)
    ]
    assert sum(one.p_value < 0.05 for one in told) <= 3
    assert np.mean([one.estimate for one in told]) == pytest.approx(0.0, abs=0.08)


def test_a_decoy_at_the_same_team_is_told_apart():
    decoy = joint.Trial("decoy", "team", "B", pd.Timestamp("2024-09-01"), pd.NaT)
    found = joint.fit(
        changed(3, boost=0.8), [TRIAL, decoy], factors=["quarter", "team"], group="team", family="binomial"
    )
    assert found["b"].p_value < 0.01
    assert found["decoy"].p_value > 0.05


def interventions(*rows):
    columns = ["id", "what", "lever", "applies_to_kind", "applies_to", "start", "end"]
    made = pd.DataFrame([dict(row) for row in rows]).reindex(columns=columns)
    return made.assign(start=pd.to_datetime(made["start"]), end=pd.to_datetime(made["end"]))


@pytest.mark.parametrize(("row", "why"), [
    ({"lever": "conversion", "applies_to_kind": "product", "applies_to": "A"}, "no_start"),
    ({"lever": "conversion", "applies_to_kind": "product", "applies_to": "A", "start": "2027-01-01"}, "not_begun"),
    ({"lever": "conversion", "applies_to_kind": "product", "applies_to": "Z", "start": "2025-01-01"}, "nobody"),
    ({"lever": "conversion", "applies_to_kind": "colour", "applies_to": "A", "start": "2025-01-01"}, "nobody"),
    ({"lever": "conversion", "applies_to_kind": "type", "applies_to": "new", "start": "2025-01-01"}, "no_comparison"),
    ({"lever": "conversion", "applies_to_kind": "product", "applies_to": "A", "start": "2025-12-20"}, "too_early"),
])  # fmt: skip
def test_what_cannot_be_tested_says_why(book, row, why):
    history = past.history(book.deals(), book.table("stage_events"), book.table("stages"), as_of=book.as_of)
    table = past.effects(interventions({"id": "x", **row}), history)
    assert table[["verdict", "why"]].iloc[0].tolist() == ["cannot_test", why]


def test_designs_follow_their_rule(book):
    history = past.history(book.deals(), book.table("stage_events"), book.table("stages"), as_of=book.as_of)
    rows = [{"id": "few", "lever": "conversion", "applies_to_kind": "product", "applies_to": "A", "start": "2025-01-01"},
            {"id": "all", "lever": "volume", "applies_to_kind": "company", "start": "2025-01-01"}]  # fmt: skip
    table = past.effects(interventions(*rows), history).set_index("intervention")
    assert table["design"].to_dict() == {"few": "did_few", "all": "interrupted"}
    assert (table["minimum_detectable"] > 0).all()
    assert table["verdict"].isin(["cannot_tell", "compatible"]).all()


def test_a_change_in_one_stage_of_one_team_is_found_and_the_other_stage_left_alone():
    # team B goes on more often in "close" always (0.6 in log odds), and in "propose" by 0.9 since 2025
    rows = changed(5).assign(stage=np.random.default_rng(6).choice(["propose", "close"], 6000))
    b, new = rows["team"] == "B", rows["created_at"] >= pd.Timestamp("2025-01-01")
    odds = 0.5 + 0.3 * (rows["team"] == "C") + 0.6 * (b & (rows["stage"] == "close"))
    odds += 0.9 * (b & (rows["stage"] == "propose") & new)
    rows["hit"] = (np.random.default_rng(7).random(6000) < 1 / (1 + np.exp(-odds))).astype(float)
    trials = [joint.Trial(one, "team", "B", pd.Timestamp("2025-01-01"), pd.NaT, one) for one in ("propose", "close")]
    found = joint.fit(rows, trials, factors=["stage", "quarter", "team"], group="team", family="binomial")
    assert found["propose"].low < 0.9 < found["propose"].high
    assert found["propose"].p_value < 0.001
    assert found["close"].low < 0.0 < found["close"].high


def test_a_change_limited_to_a_stage_is_read_from_the_plan_file(book):
    history = past.history(book.deals(), book.table("stage_events"), book.table("stages"), as_of=book.as_of)
    row = {
        "lever": "conversion",
        "applies_to_kind": "product",
        "applies_to": "A",
        "start": "2025-01-01",
        "stage": "propose",
    }
    rows = [{"id": "here", **row}, {"id": "nowhere", **row, "stage": "no such stage"}, {"id": "size", **row, "lever": "size"},
            {"id": "all", **row, "applies_to_kind": "company", "applies_to": "all"}, {"id": "plain", **row, "stage": None}]  # fmt: skip
    table = past.effects(pd.DataFrame(rows), history).set_index("intervention")
    assert table["scope"].to_dict() == {
        "here": "propose / A", "nowhere": "no such stage / A", "size": "propose / A", "all": "propose", "plain": "A",
    }  # fmt: skip
    assert table.loc[["nowhere", "size"], "why"].tolist() == ["nobody", "nobody"]
    assert table.loc["here", "n"] < table.loc["plain", "n"]
    assert table.loc["here", "n"] > 0


def test_a_stage_of_a_group_is_said_apart():
    lever = levers.Lever(
        "cycle", "stage+segment", "Proposal / SMB", (pipeline.Change(stage="Proposal", column="segment", value="SMB"),)
    )
    assert scenarios.plan_scope(lever) == ("segment", "SMB", "Proposal")


COVARIATES = ["age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75"]


@pytest.fixture(scope="module")
def shared():
    from pathlib import Path

    folder = Path(__file__).parents[3] / "shared" / "data" / "causal"
    if not folder.is_dir():
        pytest.skip("the public data sets are not here")
    return folder


def test_nsw_experiment_and_its_observational_twin(shared):
    nsw, cps = pd.read_csv(shared / "nsw_mixtape.csv"), pd.read_csv(shared / "cps_mixtape.csv")
    told = estimators.difference_in_means(nsw, outcome="re78", treated="treat")
    assert told.estimate == pytest.approx(1794.34, abs=0.005)
    both = pd.concat([nsw[nsw["treat"] == 1], cps], ignore_index=True)
    naive = estimators.difference_in_means(both, outcome="re78", treated="treat", covariates=COVARIATES)
    assert naive.estimate == pytest.approx(-8497.52, abs=0.005)
    assert naive.comparable is False
    robust = estimators.doubly_robust(both, outcome="re78", treated="treat", covariates=COVARIATES)
    assert robust.comparable
    assert robust.low < 1794.34 < robust.high
    assert robust.low > 0


def test_hillstrom_visits(shared):
    told = pd.read_csv(shared / "hillstrom.csv.gz", usecols=["segment", "visit"])
    table = estimators.arms(told, outcome="visit", arm="segment", control="No E-Mail").set_index("arm")
    shares = table["share"].round(5).to_dict()
    assert shares == {"No E-Mail": 0.10617, "Mens E-Mail": 0.18276, "Womens E-Mail": 0.1514}
    assert (table.loc[["Mens E-Mail", "Womens E-Mail"], "change_low"] > 0).all()


def test_oj_elasticities(shared):
    told = pd.read_csv(shared / "oj.csv")
    pooled = estimators.elasticity(told, quantity="sales", price="price", effects=["brand"])
    assert pooled["estimate"].iloc[0] == pytest.approx(-3.1387, abs=0.00005)
    by = estimators.elasticity(told, quantity="sales", price="price", item="brand").set_index("item")["estimate"]
    assert by["dominicks"] == pytest.approx(-3.378, abs=0.0005)
    assert by["minute.maid"] - by["dominicks"] == pytest.approx(0.057, abs=0.0005)
    assert by["tropicana"] - by["dominicks"] == pytest.approx(0.666, abs=0.0005)


def test_google_data_has_an_effect_near_27(shared):
    told = pd.read_csv(shared / "google_data.csv")
    found = estimators.against_controls(told, outcome="y", controls=["x1", "x2"], start=len(told) - 30)
    assert found.estimate == pytest.approx(27, abs=4.5)
    assert found.low > 0


def test_comparison_data_has_none(shared):
    told = pd.read_csv(shared / "comparison_data.csv")
    start = told["DATE"].tolist().index("2019-07-15")
    controls = [name for name in told if name.startswith("NOT_CHANGED")]
    found = estimators.against_controls(told, outcome="CHANGED", controls=controls, start=start)
    assert found.low < 0 < found.high
    assert found.estimate / told["CHANGED"].iloc[start:].mean() == pytest.approx(-0.0083, abs=0.005)
    assert found.p_value == pytest.approx(0.20, abs=0.05)


def test_synthetic_control_finds_what_was_added_and_ranks_it():
    rng = np.random.default_rng(4)
    paths = {f"g{i}": np.cumsum(rng.normal(0, 1, 60)) + rng.normal(0, 0.3, 60) for i in range(12)}
    wide = pd.DataFrame(paths)
    wide["treated"] = 0.5 * wide["g1"] + 0.5 * wide["g2"] + rng.normal(0, 0.2, 60)
    wide.loc[40:, "treated"] += 6.0
    told = panels.synthetic_control(wide, treated="treated", start=40)
    assert told.estimate == pytest.approx(6.0, abs=1.0)
    assert told.p_value == pytest.approx(1 / 13)


def grouped(seed, lift, drift=0.0, groups=40):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame([(g, t) for g in range(groups) for t in range(12)], columns=["group", "time"])
    frame["treated"] = (frame["group"] < groups // 2).astype(int)
    level = rng.normal(0, 2, groups)[frame["group"]] + 0.3 * frame["time"]
    moved = lift * (frame["time"] >= 8) + drift * np.maximum(0, 8 - frame["time"])
    frame["y"] = level + frame["treated"] * moved + rng.normal(0, 1, len(frame))
    return frame


def test_difference_in_differences_over_many_groups_and_its_check_of_the_time_before():
    how = {"outcome": "y", "group": "group", "time": "time", "treated": "treated", "start": 8}
    told = panels.difference_in_differences(grouped(1, 2.0), **how)
    assert told.effect.low < 2.0 < told.effect.high
    assert told.effect.p_value < 0.001
    assert told.effect.comparable
    assert panels.difference_in_differences(grouped(2, 2.0, drift=0.8), **how).effect.comparable is False


def test_errors_by_group_need_many_groups_and_then_widen():
    rows = changed(5)
    rows["team"] = rows["team"] + (np.arange(len(rows)) % 8).astype(str)
    trial = joint.Trial("b", "team", "B1", pd.Timestamp("2025-01-01"), pd.NaT)
    told = joint.fit(rows, [trial], factors=["quarter", "team"], group="team", family="binomial", clustered=True)["b"]
    assert told.se > 0
    assert told.low < 0 < told.high


def test_prices_are_read_product_by_product():
    rng = np.random.default_rng(6)
    made = []
    for item, slope in (("steady", -0.4), ("keen", -2.5)):
        paid = np.exp(rng.normal(0, 0.2, 400))
        quantity = np.exp(3 + slope * np.log(paid) + rng.normal(0, 0.2, 400))
        days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 720, 400), unit="D")
        made.append(
            pd.DataFrame(
                {
                    "product": item,
                    "quantity": quantity,
                    "net_price": 100 * paid,
                    "list_price": 110.0,
                    "ordered_on": days,
                }
            )
        )
    lines = pd.concat(made, ignore_index=True)
    table = price.elasticities(lines).set_index("item")
    assert table["verdict"].to_dict() == {"steady": "inelastic", "keen": "elastic"}
    assert table["estimate"].to_dict() == {
        "steady": pytest.approx(-0.4, abs=0.12),
        "keen": pytest.approx(-2.5, abs=0.12),
    }
    found = price.of_price(lines, table.reset_index(), as_of=pd.Timestamp("2025-12-31").date())
    assert [lever.scope for lever in found] == ["steady"]
    # a price 10 % up brings 1.1 ** 0.6 of the money
    assert scenarios.changes_of(found[0], 0.1)[0].size == pytest.approx(1.1 ** (1 + table.loc["steady", "estimate"]))


def test_chances_before_and_after_and_together(book, sim):
    levers_ = [
        levers.of_size(sim.deals, as_of=sim.as_of),
        levers.of_volume(sim.deals, as_of=sim.as_of, country=sim.country),
    ]
    targets = pd.DataFrame({"period": ["2026Q1"], "amount": [sim.base[:3].sum(axis=0).mean()], "actual_to_date": [0.0],
                            "begins": ["2026-01"], "ends": ["2026-03"]}, index=["quarter"])  # fmt: skip
    table = whatif.run([lever for lever in levers_ if lever], sim, targets, book)
    made = table.assign(cost=[100.0] * len(table))
    told = whatif.chances(made, made.head(2), sim.base * 1.5, sim, targets)
    assert told["lever"].iloc[[0, -1]].tolist() == ["as_it_stands", "together"]
    assert told["p_quarter"].iloc[0] == pytest.approx(table["p_hit_before"].iloc[0])
    assert told["p_quarter"].iloc[-1] > told["p_quarter"].iloc[0]
    assert told["p_month"].isna().all()
    assert told["cost"].iloc[-1] == 200.0
    assert whatif.chances(table, made, sim.base, sim, targets.iloc[:0]).empty


def test_moved_effort_is_written_as_from_and_to():
    lever = levers.Lever("focus", "segment", "SMB > ENT", (), extra={"best": "ENT", "worst": "SMB"})
    assert scenarios.plan_scope(lever) == ("segment", "SMB > ENT", None)
