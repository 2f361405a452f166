"""Where do we stand, and are the goals SMART: the functions of `10_goals`, tables in, tables out."""

from __future__ import annotations

from typing import Any

import pandas as pd

from salesloop.metrics.goals import ahead, capacity, changes, judge, page, parts, plan, recovery, say, smart
from salesloop.metrics.goals.ground import Ground, ground
from salesloop.rules import locked_months

__all__ = [
    "Ground", "ahead", "audit", "capacity", "carried", "changes", "current", "ground", "judge", "judged", "locked", "mismatches", "page", "parts", "people", "plan",
    "recovery", "say", "smart", "splits", "team_deals",
]  # fmt: skip


def locked(period: pd.Period, config: Any) -> list[pd.Period]:
    """Return the months whose targets may not move once a period is over."""
    return locked_months(period, config.locked_horizon, config.fiscal_year_start)


def judged(plan_rows: pd.DataFrame, land: Ground, config: Any) -> pd.DataFrame:
    """Return every target judged; see `judge.judge`."""
    return judge.judge(plan_rows, land, locked=locked(land.period, config))


def people(book: Any) -> pd.DataFrame:
    """Return who sells: ``rep, team, region, began, ended``; see `capacity.tenure`."""
    return capacity.tenure(
        book.table("memberships"), book.table("reps"), book.rep_names, book.deals(), as_of=book.as_of
    )


def carried(told: pd.DataFrame, staff: pd.DataFrame, book: Any, land: Ground) -> pd.DataFrame:
    """Return what the people can carry against the targets ahead; see `capacity.capacity`."""
    moves = capacity.stints(book.table("memberships"), book.rep_names)
    return capacity.capacity(told, staff, ground=land, moves=moves)


def current(staff: pd.DataFrame, land: Ground) -> pd.DataFrame:
    """Return who is there now: ``rep, team, region``."""
    day = pd.Timestamp(land.as_of)
    there = (staff["ended"].isna() | (staff["ended"] > day)) & (staff["began"].isna() | (staff["began"] <= day))
    return staff.loc[there, ["rep", "team", "region"]].reset_index(drop=True)


def mismatches(told: pd.DataFrame, who: pd.DataFrame, land: Ground) -> pd.DataFrame:
    """Return where parts and whole differ among targets that are not over; see `parts.mismatches`."""
    return page.parts(parts.mismatches(told, who, since=land.ahead[0], ground=land))


def audit(
    told: pd.DataFrame, plan_rows: pd.DataFrame, issues: pd.DataFrame, gaps: pd.DataFrame, land: Ground, config: Any
) -> pd.DataFrame:
    """Return the SMART audit; see `smart.audit`."""
    objectives = {objective.id for objective in config.objectives}
    return smart.audit(told, plan_rows, issues, gaps, ground=land, objectives=objectives)


def splits(told: pd.DataFrame, land: Ground, who: pd.DataFrame) -> tuple[pd.DataFrame, dict | None]:
    """Return the company's next target split over teams and reps, and that target; see `parts.split`."""
    whole = parts.next_whole(told, land)
    if whole is None:
        return pd.DataFrame(columns=list(parts.SPLIT)), None
    months = list(pd.period_range(whole["begins"], whole["ends"], freq="M"))
    made = [parts.split(whole["amount"], months, level, ground=land, who=who) for level in ("team", "rep")]
    filled = [table for table in made if len(table)] or made[:1]
    return pd.concat(filled, ignore_index=True).assign(period=whole["period"]), whole


def team_deals(chances: pd.DataFrame, deals: pd.DataFrame) -> pd.DataFrame:
    """Return the forecast's chances of open deals with their team and region."""
    columns = ["opportunity_id", "amount", "p_win", "p_win_in_period"]
    told = chances.reindex(columns=columns)
    where = deals.drop_duplicates("opportunity_id").set_index("opportunity_id")[["team", "region"]]
    return told.join(where, on="opportunity_id") if len(told) else told.assign(team=None, region=None)
