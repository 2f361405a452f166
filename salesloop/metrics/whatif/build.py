"""Which levers a unit has: read from its own history, its people, and the bottlenecks that were found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from salesloop.metrics.goals import capacity as staffing
from salesloop.metrics.goals.ground import Ground
from salesloop.metrics.whatif import levers, price
from salesloop.metrics.whatif.levers import Lever
from salesloop.metrics.whatif.runner import Simulation

MOST_STAGES = 6
_FOCUS = ("segment", "product")


def all_levers(
    sim: Simulation,
    bottlenecks: pd.DataFrame,
    staff: pd.DataFrame,
    *,
    land: Ground,
    moved: bool = False,
    lines: pd.DataFrame | None = None,
) -> list[Lever]:
    """Return every lever that the data carry.

    Parameters
    ----------
    sim : Simulation
        The baseline, with the frozen state.
    bottlenecks : DataFrame
        The stage's own table; flagged rows become levers of their stage and segment.
    staff : DataFrame
        From ``goals.people``: who sells.
    land : Ground
        From ``goals.ground``: for what a rep books and how starters ramp.
    moved : bool
        Whether a rep ever changed teams.
    lines : DataFrame, optional
        Order lines, for prices.
    """
    if not sim.ready:
        return []
    facts: dict[str, Any] = {"as_of": sim.as_of, "country": sim.country}
    lived = levers.lived_by_block(sim.deals, sim.events, sim.stages, as_of=sim.as_of)
    order = [stage for stage in sim.model.stages if stage in set(lived["stage"])][:MOST_STAGES]
    found: list[Lever | None] = [levers.of_volume(sim.deals, **facts), levers.of_size(sim.deals, as_of=sim.as_of)]
    found += _named(levers.of_stages(lived, order), staged=sim.model.staged)
    found += levers.of_channels(sim.deals, **facts)
    found += [_focus(sim, column, facts) for column in _FOCUS if column in sim.deals]
    found += flagged(lived, sim, bottlenecks)
    found.append(_capacity(staff, land))
    there = staff[staff["ended"].isna() | (staff["ended"] > pd.Timestamp(land.as_of))]
    found.append(levers.moving(sim.deals, there, as_of=sim.as_of, moved=moved))
    if lines is not None and len(lines):
        found += price.of_price(lines, price.elasticities(lines), as_of=sim.as_of)
    return [lever for lever in found if lever is not None]


def _named(found: list[Lever], *, staged: bool) -> list[Lever]:
    """Name the one open state of data without a stage history by the company."""
    return found if staged else [replace(lever, scope_kind="company", scope="all") for lever in found]


def flagged(lived: pd.DataFrame, sim: Simulation, bottlenecks: pd.DataFrame) -> list[Lever]:
    """Return the levers of stages and segments that were flagged as bottlenecks."""
    if bottlenecks.empty or "flagged" not in bottlenecks:
        return []
    made: list[Lever] = []
    for row in bottlenecks[bottlenecks["flagged"].astype(bool)].head(3).itertuples():
        column, value = str(row.segment_kind), str(row.segment)
        if column not in sim.deals:
            continue
        inside = sim.deals.loc[sim.deals[column].astype(str) == value, "opportunity_id"]
        made += levers.of_stages(lived[lived["opportunity_id"].isin(inside)], [str(row.stage)], column, value)
    return made


def _focus(sim: Simulation, column: str, facts: dict[str, Any]) -> Lever | None:
    day = pd.Timestamp(sim.as_of)
    fresh = sim.deals[(sim.deals["type"] != "renewal") & sim.deals["created_at"].notna()]
    ripe = fresh[
        (fresh["created_at"] > day - pd.DateOffset(months=24)) & (fresh["created_at"] <= day - pd.DateOffset(months=6))
    ]
    won = ripe["amount"].where(ripe["status"] == "won", 0.0).fillna(0.0)
    told = won.groupby(ripe[column].astype(object)).agg(["mean", "var", "size"])
    told = levers.distinct(told.set_axis(told.index.astype(str)))
    return levers.focus(sim.deals, told, column=column, **facts) if len(told) > 1 else None


def _capacity(staff: pd.DataFrame, land: Ground) -> Lever | None:
    months = staffing.rep_months(staff, land)
    if months.empty:
        return None
    share, n = staffing.ramp(months)
    there = staff["ended"].isna() | (staff["ended"] > pd.Timestamp(land.as_of))
    return levers.capacity(int(there.sum()), share, n, months["period"].nunique())
