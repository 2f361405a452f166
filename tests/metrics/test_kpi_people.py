"""People on the performance page: fairness, no false ranking, assessments, and two public data sets with known answers."""

import datetime as dt
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from salesloop.book import Book
from salesloop.metrics import kpi
from salesloop.metrics.execution import examples
from salesloop.params import UnitConfig
from salesloop.periods import parse_period

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
END = dt.date(2026, 10, 31)
OCTOBER = parse_period("2026-10")


def closed(n, chance, *, seed=1, reps="ABCDEF", **columns):
    """Return decided deals whose rep and features are drawn, won with the chance that a function gives."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"rep": rng.choice(list(reps), n), "lead_source": rng.choice(["easy", "hard"], n)})
    for name, value in columns.items():
        frame[name] = value
    frame["won"] = (rng.random(n) < chance(frame)).astype(float)
    frame["amount"] = np.nan
    return frame.assign(closed_on=pd.Timestamp("2026-06-01"), created_at=pd.Timestamp("2026-05-01"), ramping="no")


def test_a_rep_who_is_handed_hard_deals_is_not_called_weak():
    def chance(frame):
        return np.where(frame["lead_source"] == "easy", 0.7, 0.2)

    rows = closed(3000, chance, reps="AB")
    hard = (rows["rep"] == "A") & (rows.index % 5 > 0)  # four of five of A's deals are hard ones
    rng = np.random.default_rng(9)
    rows.loc[hard, "lead_source"] = "hard"
    rows["won"] = (rng.random(len(rows)) < chance(rows)).astype(float)
    found = kpi.fair.indexes(rows, kpi.fair.fit(rows)).set_index("rep")
    assert found.loc["A", "raw"] < found.loc["B", "raw"] - 0.1  # the raw rates mislead
    assert found["index"].between(0.95, 1.05).all() and not found["distinct"].any()


def test_a_rep_who_truly_wins_more_is_told_apart_and_in_the_right_direction():
    rows = closed(2400, lambda f: np.where(f["rep"] == "A", 0.6, 0.35))
    found = kpi.fair.indexes(rows, kpi.fair.fit(rows)).set_index("rep")
    assert found["distinct"].to_dict()["A"] and found.loc["A", "verdict"] == "higher"
    share = rows["won"].mean()
    assert found.loc["A", "low"] < 0.6 / share < found.loc["A", "high"]  # the true index is inside


def test_equal_reps_are_not_singled_out():
    wrong = 0
    for seed in range(20):
        rows = closed(600, lambda f: 0.4, seed=100 + seed)
        wrong += int(kpi.fair.indexes(rows, kpi.fair.fit(rows))["distinct"].any())
    assert wrong <= 1  # 5 % of companies


def test_few_deals_are_drawn_to_one_and_too_early_to_tell():
    rows = pd.concat([closed(600, lambda f: 0.4), closed(3, lambda f: 1.1, reps="Z")], ignore_index=True)
    row = kpi.fair.indexes(rows, kpi.fair.fit(rows)).set_index("rep").loc["Z"]
    assert row["raw"] == 1.0 and row["index"] < 1.3 and row["verdict"] == "too_early" and not row["distinct"]


def test_expected_and_actual_wins_agree_over_all():
    rows = closed(500, lambda f: np.where(f["lead_source"] == "easy", 0.7, 0.2))
    assert kpi.fair.fit(rows).expected.sum() == pytest.approx(rows["won"].sum())


def test_what_is_only_known_once_a_deal_is_decided_is_not_read():
    rows = closed(500, lambda f: 0.4)
    rows["segment"] = np.where(rows["won"] == 1, "S", None)  # filled in for won deals alone
    assert "segment" not in kpi.fair.fit(rows).features and "lead_source" in kpi.fair.fit(rows).features


def maven():
    folder = DATA / "crm_maven"
    if not folder.is_dir():
        pytest.skip("the public data set is not at hand")
    raw, teams = (pd.read_csv(folder / f"{name}.csv") for name in ("sales_pipeline", "sales_teams"))
    ids = {name: str(i) for i, name in enumerate(sorted(teams["sales_agent"]))}
    status = raw["deal_stage"].map({"Won": "won", "Lost": "lost"}).fillna("open")
    deals = pd.DataFrame({"opportunity_id": raw["opportunity_id"], "status": status, "stage": raw["deal_stage"], "product": raw["product"],
                          "amount": raw["close_value"], "created_at": pd.to_datetime(raw["engage_date"]), "account": raw["account"],
                          "closed_on": pd.to_datetime(raw["close_date"]), "owner_id": raw["sales_agent"].map(ids)})  # fmt: skip
    reps = pd.DataFrame({"rep_id": list(ids.values()), "name": list(ids)})
    members = pd.DataFrame({"rep_id": teams["sales_agent"].map(ids), "rep": teams["sales_agent"], "team": teams["regional_office"],
                            "region": teams["regional_office"], "manager": teams["manager"]})  # fmt: skip
    tables = {"opportunities": deals, "reps": reps, "memberships": members}
    return Book.from_tables(tables, period="2017-12", config=UnitConfig(unit="memory", currency="USD", country="US"))


def test_maven_names_neither_a_best_nor_a_worst_rep():
    book = maven()
    deals, listed, members = book.deals(), book.table("reps"), book.table("memberships")
    start = kpi.people.started(listed, book.rep_names, deals, members)
    everyone = kpi.people.everyone(listed, book.rep_names, deals, members)
    table, fitted = kpi.fair.reps(deals, as_of=book.as_of, started=start, everyone=everyone)
    assert fitted is not None and fitted.n == 6711 and len(table) == 35
    assert not table["distinct"].any() and table["verdict"].isin(["as_expected", "no_deals"]).all()
    assert (table["verdict"] == "no_deals").sum() == 5 and table.loc[table["verdict"] == "no_deals", "raw"].isna().all()
    said = [message for message, _ in kpi.say.reps(table, fitted)]
    assert "kpi.reps_alike" in said and "kpi.reps_without" in said
    parts = kpi.figures.parts({"win_rate": 0.5, "bookings": 0.5}, book.facts, book.table("targets"), table,
                              pd.DataFrame(), period=book.period)  # fmt: skip
    assert len(kpi.composite.composite(parts, {"win_rate": 1.0})) == 30
    assert kpi.composite.composite(parts, {"win_rate": 1.0})["rank"].isna().all()


def test_maven_win_rate_and_no_value_win_rate():
    rates = kpi.winrates.win_rates(maven().deals(), as_of=dt.date(2017, 12, 31)).set_index("kind")
    assert rates.loc["win_rate", "value"] == pytest.approx(4238 / 6711) and math.isnan(
        rates.loc["win_rate_value", "value"]
    )


def adventureworks():
    folder = DATA / "quotas_adventureworks"
    if not folder.is_dir():
        pytest.skip("the public data set is not at hand")
    quotas, people = pd.read_csv(folder / "quotas_to_2019q2.csv"), pd.read_csv(folder / "sales_employees.csv")
    sales = pd.read_csv(folder / "reseller_sales_to_2019q2.csv.gz")
    people = people.drop_duplicates("EmployeeKey").set_index("EmployeeKey")
    names = people["FirstName"] + " " + people["LastName"]
    orders = sales.groupby("SalesOrderNumber").agg(
        on=("OrderDate", "first"), amount=("SalesAmount", "sum"), owner=("EmployeeKey", "first")
    )
    deals = pd.DataFrame({"opportunity_id": orders.index, "status": "won", "amount": orders["amount"].round(2).to_numpy(),
                          "closed_on": pd.to_datetime(orders["on"]).to_numpy(), "owner_id": orders["owner"].astype(str).to_numpy()})  # fmt: skip
    ids = people.index.astype(str)
    members = pd.DataFrame({"rep_id": ids, "rep": names.to_numpy(), "manager": [names.get(k) for k in people["ParentEmployeeKey"]],
                            "from_on": pd.Timestamp("2017-01-01")})  # fmt: skip
    targets = pd.DataFrame({"period": quotas["quarter_aligned"], "level": "rep", "name": quotas["EmployeeKey"].map(names),
                            "measure": "bookings", "tier": "base", "basis": "amount", "amount": quotas["quota"]})  # fmt: skip
    tables = {
        "opportunities": deals,
        "reps": pd.DataFrame({"rep_id": ids, "name": names.to_numpy()}),
        "memberships": members,
        "targets": targets,
    }
    return (
        Book.from_tables(tables, period="2019-06", config=UnitConfig(unit="memory", currency="USD", country="US")),
        sales,
        quotas,
        names,
    )


def test_adventureworks_attainment_by_rep_and_quarter_with_the_missing_quarter_named():
    book, sales, quotas, names = adventureworks()
    table = kpi.attain.by_rep(book.facts("bookings"), book.table("targets"), period=book.period, as_of=book.as_of)
    gaps = kpi.attain.missing(table)
    assert gaps["period"].tolist() == ["2018Q1"] and gaps["rep"].isna().all() and gaps["n"].tolist() == [10]
    twice = kpi.attain.doubled(book.table("targets"))  # 2018Q2 is in the file twice for each of ten reps, once alike
    assert len(table) == len(quotas) - 10 + 10 and twice["period"].unique().tolist() == ["2018Q2"] and len(twice) == 9
    label = pd.PeriodIndex(sales["OrderDate"].str[:7], freq="M").asfreq("Q").astype(str)
    told = (
        sales.assign(label=label, name=sales["EmployeeKey"].map(names)).groupby(["name", "label"])["SalesAmount"].sum()
    )
    for row in table.itertuples():
        assert row.actual == pytest.approx(told[(row.rep, row.period)], abs=0.1)
    one = table.set_index(["rep", "period"]).loc[("Michael Blythe", "2017Q3")]
    assert one["target"] == 367_000 and one["attainment"] == pytest.approx(304_755.49 / 367_000, abs=1e-6)


def test_adventureworks_rolls_up_by_manager():
    book, _, quotas, _ = adventureworks()
    table = kpi.attain.by_rep(book.facts("bookings"), book.table("targets"), period=book.period, as_of=book.as_of)
    found = kpi.attain.by_manager(kpi.attain.with_managers(table, book.credit, book.rep_names)).set_index(
        ["manager", "period"]
    )
    top = found.loc[("Brian Welcker", "2019Q2")]  # everybody reports to him in the end
    assert top["whole_target"] == quotas.loc[quotas["quarter_aligned"] == "2019Q2", "quota"].sum()
    assert top["n"] == 2 and found.loc[("Stephen Jiang", "2019Q2"), "n"] == 10
    assert (
        math.isnan(found.loc[("Stephen Jiang", "2018Q1"), "attainment"])
        and found.loc[("Stephen Jiang", "2018Q1"), "without"] == 9
    )


def test_quartiles_need_four_reps_and_a_mean_is_never_shown():
    table = pd.DataFrame({"rep": list("abc"), "period": "2026Q3", "target": 1.0, "actual": [0.5, 1.0, 1.5], "attainment": [0.5, 1.0, 1.5],
                          "n": 1, "complete": True})  # fmt: skip
    row = kpi.attain.distribution(table).iloc[0]
    assert math.isnan(row["median"]) and row["reached"] == pytest.approx(2 / 3) and "mean" not in row.index


def part(values, se):
    return pd.DataFrame({"rep": list("abcd")[: len(values)], "value": values, "se": se, "n": 20})


def test_no_rank_where_intervals_overlap_and_one_where_they_do_not():
    near = kpi.composite.composite({"bookings": part([0.9, 1.0, 1.1], [0.2] * 3)}, {"bookings": 1.0})
    assert near["rank"].isna().all() and (near["rank_first"] == 1).all() and (near["rank_last"] == 3).all()
    far = kpi.composite.composite({"bookings": part([0.4, 1.0, 1.6], [0.02] * 3)}, {"bookings": 1.0}).set_index("rep")
    assert far["rank"].to_dict() == {"a": 3.0, "b": 2.0, "c": 1.0}


def test_how_much_the_order_hangs_on_the_weights():
    parts = {"bookings": part([0.5, 1.5], [0.01] * 2), "win_rate": part([1.5, 0.5], [0.01] * 2)}
    found = kpi.composite.composite(parts, {"bookings": 0.6, "win_rate": 0.4})
    assert found["keeps"].between(0.44, 0.56).all()  # half of all weightings favour the one, half the other
    one = kpi.composite.composite({"bookings": parts["bookings"]}, {"bookings": 1.0})
    assert (one["keeps"] == 1.0).all()
    pd.testing.assert_frame_equal(found, kpi.composite.composite(parts, {"bookings": 0.6, "win_rate": 0.4}))


def test_no_measure_counts_for_more_than_twice_its_target():
    found = kpi.composite.composite({"bookings": part([9.0, 1.0], [0.01] * 2)}, {"bookings": 1.0}).set_index("rep")
    assert found.loc["a", "score"] == 2.0


def rated(rows):
    names = ["period", "rater", "rater_kind", "subject", "dimension", "score", "scale"]
    return examples.canonical("assessments", pd.DataFrame(rows, columns=names).to_dict("list"))


def test_scales_are_made_comparable():
    rows = rated([("2026-10", "Max", "manager", "Ann", "teamwork", 5, "1-5"), ("2026-10", "Bo", "peer", "Ann", "teamwork", 5.5, "1-10"),
                  ("2026-10", "Cy", "customer", "Ann", "teamwork", 75, "0-100")])  # fmt: skip
    usable, problems = kpi.assess.comparable(rows, period=OCTOBER, people={"Ann", "Bo", "Max"})
    assert usable["share"].tolist() == [1.0, 0.5, 0.75] and problems.empty
    assert kpi.assess.summary(usable).iloc[0]["score"] == pytest.approx(0.75)


def test_every_problem_of_an_assessment_is_named_and_nothing_is_lost():
    rows = rated([
        ("2026-10", "Ann", "self", "Ann", "teamwork", 5, "1-5"), ("2026-10", "Max", "manager", "Bo", "teamwork", 7, "1-5"),
        ("2026-10", "Who", "peer", "Bo", "teamwork", 4, "1-5"), ("2026-10", None, "peer", "Bo", "teamwork", 2, "1-5"),
        ("2026-10", "Max", "manager", "Nobody", "teamwork", 3, "1-5"), ("someday", "Max", "manager", "Bo", "teamwork", 3, "1-5"),
        ("2026-10", "Max", "manager", "Bo", "care", 4, None), ("2026-10", "Max", "manager", "Bo", "calm", 400, "stars"),
    ])  # fmt: skip
    usable, problems = kpi.assess.comparable(rows, period=OCTOBER, people={"Ann", "Bo", "Max"})
    assert problems.groupby("problem").size().to_dict() == {
        "outside_scale": 1, "unknown_rater": 2, "unknown_subject": 1, "unknown_period": 1, "scale_guessed": 1, "no_scale": 1,
    }  # fmt: skip
    named = set(usable.index.size * [0]) and set(usable["score"]) | set(problems["score"])
    assert named == set(rows["score"])  # each row is averaged, named, or both
    marks = kpi.assess.summary(usable).set_index("subject")["mark"]
    assert marks["Ann"] == "self_only"


def test_a_lenient_rater_does_not_lift_those_he_happens_to_judge():
    kind = [("2026-10", "Kind", "peer", who, "teamwork", 5, "1-5") for who in ("Ann", "Bo", "Cy")]
    hard = [("2026-10", "Hard", "peer", who, "teamwork", 1, "1-5") for who in ("Dee", "Eve", "Flo")]
    usable, _ = kpi.assess.comparable(rated(kind + hard), period=OCTOBER, people=set())
    assert kpi.assess.summary(usable)["score"].nunique() == 1  # all the same: only the raters differ


def test_raters_who_agree_and_raters_who_do_not():
    def icc(scores):
        rows = [
            ("2026-10", f"R{i}", "peer", f"S{s}", "teamwork", v, "1-5")
            for s, pair in enumerate(scores)
            for i, v in enumerate(pair)
        ]
        usable, _ = kpi.assess.comparable(rated(rows), period=OCTOBER, people=set())
        return kpi.assess.agreement(usable).iloc[0]

    assert icc([(1, 1), (3, 3), (5, 5)])["icc"] == pytest.approx(1.0)
    # Between 4/3 * ..., by hand: means 2.5, 3.5, 3; MSB = 0.5 / 16, MSW = (4.5 + 4.5 + 8) / 3 / 16: ICC below 0, shown as 0
    assert icc([(1, 4), (2, 5), (5, 1)])["icc"] == 0.0 and icc([(1, 4), (2, 5), (5, 1)])["verdict"] == "apart"
    assert icc([(1, 4), (2, 5)])["verdict"] == "too_few"


def staged(n, chance, seed=4):
    rng = np.random.default_rng(seed)
    rep = rng.choice(list("ABCD"), n)
    passed = rng.random(n) < np.array([chance(r) for r in rep])
    ids = [f"d{i}" for i in range(n)]
    deals = examples.canonical("opportunities", {"opportunity_id": ids, "status": np.where(passed, "won", "lost"), "created_at": ["2026-01-01"] * n,
                                                 "closed_on": ["2026-06-01"] * n}).assign(rep=rep)  # fmt: skip
    events = examples.canonical("stage_events", {"event_id": ids, "opportunity_id": ids, "at": ["2026-06-01"] * n,
                                                 "from_stage": ["Offer"] * n, "to_stage": np.where(passed, "Won", "Lost")})  # fmt: skip
    return deals, events


def test_a_coaching_point_only_where_the_interval_excludes_peers():
    start = pd.Series(dtype="datetime64[us]")
    deals, events = staged(1200, lambda rep: 0.3 if rep == "A" else 0.6)
    points = kpi.coaching.points(kpi.coaching.conversions(deals, events, as_of=END, started=start))
    assert points["rep"].tolist() == ["A"] and points["stage"].tolist() == ["Offer"] and points["high"].iloc[0] < 1
    deals, events = staged(1200, lambda rep: 0.5)
    assert kpi.coaching.points(kpi.coaching.conversions(deals, events, as_of=END, started=start)).empty
    assert kpi.coaching.conversions(deals, events.head(0), as_of=END, started=start).empty


def test_new_and_part_period_reps_are_marked():
    reps = examples.canonical(
        "reps", {"rep_id": ["1", "2", "3", "4"], "left_on": [None, None, "2026-07-01", "2024-07-01"]}
    )
    shown = {"1": "Ann", "2": "Bo", "3": "Cy", "4": "Di"}
    start = pd.Series(
        pd.to_datetime(["2026-08-01", "2026-01-15", "2020-01-01", "2020-01-01"]), index=["Ann", "Bo", "Cy", "Di"]
    )
    found = kpi.people.marks(list(start.index), reps, shown, start, as_of=END)
    assert found["mark"].tolist() == ["new", "part_period", "part_period", "left"]


def test_agreement_of_the_published_case():
    # Shrout and Fleiss (1979), table 2: six targets, four judges; ICC(1,1) is .17
    scores = [(9, 2, 5, 8), (6, 1, 3, 2), (8, 4, 6, 8), (7, 1, 2, 6), (10, 5, 6, 9), (6, 2, 4, 7)]
    rows = [("2026-10", f"R{judge}", "peer", f"S{target}", "teamwork", score, "1-10")
            for target, given in enumerate(scores) for judge, score in enumerate(given)]  # fmt: skip
    usable, _ = kpi.assess.comparable(rated(rows), period=OCTOBER, people=set())
    told = kpi.assess.agreement(usable).iloc[0]
    assert (round(told["icc"], 2), told["subjects"], told["n"], told["verdict"]) == (0.17, 6, 24, "apart")


def test_a_place_that_three_in_four_weightings_keep():
    # (1, 0) stands above (1/4, 1/4) where the first weighs more than a quarter: three in four of all weightings
    parts = {"bookings": part([1.0, 0.25], [0.001] * 2), "win_rate": part([0.0, 0.25], [0.001] * 2)}
    found = kpi.composite.composite(parts, {"bookings": 0.6, "win_rate": 0.4})
    assert found["keeps"].between(0.71, 0.79).all()
    # the score and its interval by hand: .6 x 1 and .6 x .25 + .4 x .25; se .001 x sqrt(.36 + .16)
    assert found["score"].round(3).tolist() == [0.6, 0.25]
    assert (found["high"] - found["score"]).round(5).tolist() == pytest.approx([1.96 * 0.001 * 0.52**0.5] * 2, abs=1e-5)
