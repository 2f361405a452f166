"""The company: the same in whatever steps and processes it is run, and such as one meets."""

import datetime as dt
import hashlib
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from salesloop.demo import DEFAULT, Bottleneck, Company
from salesloop.errors import ParameterError
from salesloop.schema import TABLES

DAY = dt.date(2024, 4, 14)
PRINT = """
import hashlib, datetime as dt, pandas as pd
from salesloop.demo import Company
tables = Company(seed=5, months=6, scale=25).tables(dt.date(2024, 4, 14))
print(hashlib.sha256("".join(frame.to_csv() for frame in tables.values()).encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def company():
    return Company(DEFAULT)


@pytest.fixture(scope="module")
def tables(company):
    return company.tables()


def _digest(tables):
    return hashlib.sha256("".join(frame.to_csv() for frame in tables.values()).encode()).hexdigest()


def test_two_processes_make_the_same_company():
    made = [
        subprocess.run(
            [sys.executable, "-c", PRINT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        for seed in ("1", "271")
    ]
    assert made[0].stdout == made[1].stdout
    assert made[0].stdout.strip() == _digest(Company(seed=5, months=6, scale=25).tables(DAY))


def test_month_by_month_is_the_same_as_in_one_go():
    stepped = Company(seed=5, months=15)
    for _ in range(3):
        stepped.advance()
    assert _digest(stepped.tables(dt.date(2024, 12, 3))) == _digest(
        Company(seed=5, months=15).tables(dt.date(2024, 12, 3))
    )
    once = Company(seed=5, months=15).advance(months=3)
    assert _digest(stepped.tables()) == _digest(once.tables())


def test_another_seed_is_another_company():
    assert _digest(Company(seed=5, months=3).tables()) != _digest(Company(seed=6, months=3).tables())


def test_tables_are_canonical(tables):
    for name, frame in tables.items():
        table = TABLES[name]
        assert set(frame.columns) <= set(table.columns), name
        key = [column for column in table.key if column in frame]
        assert not frame[key].duplicated().any(), name
        for column in table.columns.values():
            if column.allowed and column.name in frame:
                assert set(frame[column.name].dropna()) <= set(column.allowed), (name, column.name)
            if column.required and len(frame):
                assert frame[column.name].notna().all(), (name, column.name)


def test_it_is_such_a_company_as_one_meets(tables):
    deals, reps = tables["opportunities"], tables["reps"]
    closed = deals[deals["status"].isin(["won", "lost"])]
    a_month = closed.groupby(closed["closed_on"].dt.to_period("M")).size()
    assert len(a_month) == 36
    assert 20 <= a_month.iloc[2:].mean() <= 60
    assert a_month.iloc[2:].between(12, 70).all()
    here = [
        (reps["started_on"] <= day) & ~(reps["left_on"] <= day)
        for day in pd.date_range("2023-12-01", "2026-10-01", freq="MS")
    ]
    assert all(5 <= there.sum() <= 15 for there in here)
    rate = (closed["status"] == "won").groupby(closed["type"]).mean()
    assert 0.2 < rate["new"] < 0.45
    assert rate["renewal"] > 0.75
    cycle = (deals["closed_on"] - deals["created_at"].dt.normalize())[deals["status"] == "won"].dt.days
    assert cycle.min() >= 0
    assert 30 < cycle.median() < 110
    assert tables["leads"]["converted"].mean() == pytest.approx(0.2, abs=0.06)


def test_what_belongs_together_agrees(tables):
    deals, events = tables["opportunities"].set_index("opportunity_id"), tables["stage_events"]
    last = events.drop_duplicates("opportunity_id", keep="last").set_index("opportunity_id")
    assert (last["to_stage"].reindex(deals.index) == deals["stage"]).all()
    won = deals[deals["status"] == "won"]
    assert (last["amount"].reindex(won.index) - won["amount"]).abs().max() < 0.005
    orders, lines = tables["orders"].set_index("order_id"), tables["order_lines"]
    assert (lines.groupby("order_id")["amount"].sum().reindex(orders.index) - orders["amount"]).abs().max() < 0.005
    assert (
        tables["payments"]
        .groupby("order_id")["amount"]
        .sum()
        .reindex(orders.index, fill_value=0)
        .le(orders["amount"] + 0.005)
        .all()
    )
    renewals = deals[deals["type"] == "renewal"]
    before = deals[deals["status"] == "won"].groupby("account_id")["closed_on"].min()
    later = renewals[renewals["created_at"] > "2024-12-31"]
    gap = later["created_at"] - later["account_id"].map(before)
    assert gap.dt.days.min() > 270
    moves = events[events["from_stage"].notna() & (events["from_stage"] != events["to_stage"])]
    order = {stage: i for i, stage in enumerate(tables["stages"]["stage"])}
    jump = moves["to_stage"].map(order) - moves["from_stage"].map(order)
    open_moves = moves["to_stage"].map(order) < 5
    assert (jump[open_moves] < 0).mean() > 0.01, "some go back"
    assert (jump[open_moves] == 2).mean() > 0.01, "some skip a stage"


def test_facts_are_a_little_dirty(tables):
    deals, accounts = tables["opportunities"], tables["accounts"]
    assert 0 < deals["amount"].isna().sum() < 0.05 * len(deals)
    assert deals.loc[deals["status"] == "won", "amount"].notna().all()
    stem = accounts["name"].str.replace("有限公司", "公司").str.replace("Co., Ltd.", "Co Ltd")
    assert stem.duplicated().sum() > 0
    typed, closed = deals[deals["status"] == "open"], tables["stage_events"]
    assert typed["expected_close"].lt(pd.Timestamp("2026-10-31")).sum() > 0, "some close dates have passed"
    late = closed[closed["to_stage"] == "Closed Won"].merge(deals[["opportunity_id", "closed_on"]], on="opportunity_id")
    days = (late["at"].dt.normalize() - late["closed_on"]).dt.days
    assert days.min() >= 0
    assert (days > 0).sum() > 5
    assert (days > 10).sum() >= 1


def test_its_parts_can_be_chosen():
    equal, skilled = Company(seed=2, months=1, skill_sd=0.0), Company(seed=2, months=1, skill_sd=0.5)
    assert equal.world.people.skill.std() == 0
    assert skilled.world.people.skill.std() > 0.3
    mixed = Company(seed=2, months=24, lead_mix=1.5).path.leads
    hard = pd.Series(np.isin(mixed["lead_source"], (1, 4))).groupby(mixed["owner"]).agg(["mean", "size"])
    assert hard.loc[hard["size"] > 60, "mean"].max() > 3 * hard.loc[hard["size"] > 60, "mean"].min()
    assert "feedback" not in Company(seed=2, months=2, feedback=False).tables()
    with pytest.raises(ParameterError, match="movement"):
        Company(movement=("sideways",))


def test_kinds_of_movement_differ():
    def wins(**changes):
        stays = Company(seed=4, months=24, **changes).path
        won = stays.stays["to"] == 5
        days = stays.stays["out"] - stays.deals["t"][stays.stays["deal"]]
        return days[won & np.isfinite(stays.stays["out"])]

    assert (wins() < 1.0).mean() < 0.02
    assert (wins(movement=("fast",)) < 1.5).mean() > 0.08
    company = Company(seed=4, months=24, movement=("close_dates",)).tables()
    deals = company["opportunities"]
    events = company["stage_events"]
    said = (
        events[events["to_stage"] == "Negotiation"]
        .drop_duplicates("opportunity_id")
        .set_index("opportunity_id")["expected_close"]
    )
    won = deals[deals["status"] == "won"].set_index("opportunity_id")["closed_on"]
    off = (won - said.reindex(won.index)).dt.days.dropna().abs()
    assert off.median() < 15, "there close dates carry signal"


def test_a_bottleneck_slows_its_own_cell_and_no_other():
    plain = Company(seed=9, months=30)
    slow = plain.counterfactual(bottlenecks=(Bottleneck("Proposal", "segment", "SMB", "2024-06", speed=0.3),))
    a, b = _stay(plain), _stay(slow)
    assert (b["Proposal", "SMB"] > 1.3 * a["Proposal", "SMB"]) and np.isclose(
        a["Proposal", "Enterprise"], b["Proposal", "Enterprise"], rtol=0.1
    )


def _stay(company):
    stays, deals = company.path.stays, company.path.deals
    rows = np.isfinite(stays["out"]) & (stays["t_in"] > 500)
    names = np.array(["Qualification", "Needs Analysis", "Solution", "Proposal", "Negotiation"])[stays["stage"]]
    segment = np.array(["Enterprise", "Mid-market", "SMB"])[deals["segment"][stays["deal"]]]
    frame = pd.DataFrame({"stage": names, "segment": segment, "days": stays["out"] - stays["t_in"]})[rows]
    return frame.groupby(["stage", "segment"])["days"].mean()
