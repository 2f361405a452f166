"""What people decide and what it does in truth: levers, actions on named deals, targets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from salesloop.demo import levers
from salesloop.demo.ids import named
from salesloop.demo.market import AMOUNT_PER_WIN, MONTHLY_WINS_PER_SCALE
from salesloop.demo.rng import mix, uniform
from salesloop.demo.world import Rule

if TYPE_CHECKING:
    from salesloop.demo.company import Company

ACTION_DAYS = 30.0
EFFORT, EFFORT_MOST = 0.10, 0.03
CHANGE_MOST = 1.5
SINCE = "_since"
"""Kept with each decision: before which day it did not act, because it was not given yet."""


def take(company: Company, plan: Mapping[str, pd.DataFrame], *, since: float) -> None:
    """Let a company take decisions: each acts from its own day on, and none before `since`.

    Parameters
    ----------
    plan : mapping of str to DataFrame
        ``targets``, ``actions``, ``interventions`` with the plan files' columns; rows taken before are passed over.
    since : float
        Days since the first simulated day: the first day that is not simulated yet.
    """
    for name in ("targets", "actions", "interventions"):
        rows = plan.get(name)
        if rows is None or not len(rows):
            continue
        new = _unseen(company.decisions.get(name), rows)
        before = new[SINCE].to_numpy(dtype=float) if SINCE in new else np.zeros(len(new))
        new = new.assign(**{SINCE: np.maximum(before, since)})
        told = new.to_dict("records")
        if name == "interventions":
            company.world.add([rule for row in told for rule in _lever(company, row, row[SINCE])])
        elif name == "actions":
            for row in told:
                _action(company, row, row[SINCE])
        if len(new):
            company.decisions[name] = pd.concat([company.decisions.get(name), new], ignore_index=True)


def _unseen(old: pd.DataFrame | None, rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows.astype(object).where(rows.notna(), None)
    if old is None or "id" not in rows:
        return rows
    return rows[~rows["id"].isin(old["id"])]


def as_day(value: object) -> dt.date | None:
    """Return a plan file's day, None where there is none."""
    stamp = pd.to_datetime(str(value)[:10], errors="coerce") if value is not None else pd.NaT
    return None if pd.isna(stamp) else stamp.date()


def number(value: object) -> float:
    """Return a plan file's number, NaN where there is none."""
    found = pd.to_numeric(str(value).replace(",", ""), errors="coerce") if value is not None else np.nan
    return float(found)


def truth_of_lever(company: Company, ident: str) -> float:
    """Return what share of a lever's promise comes true; hidden from everybody who reports."""
    if company.options.lever_truth is not None:
        return company.options.lever_truth
    u = uniform(mix(company.options.seed, f"lever {ident}"), "truth")
    return float(np.round(0.1 + 1.1 * u[0], 2))


def _lever(company: Company, row: dict, since: float) -> list[Rule]:
    planted = {found.id for found in company.options.interventions}
    start, approved = as_day(row.get("start")), as_day(row.get("approved"))
    if row.get("id") in planted or start is None:
        return []
    world, end = company.world, as_day(row.get("end"))
    last = world.day(end) + 1 if end else np.inf
    begin = max(world.day(start), since, world.day(approved) + 1 if approved else -np.inf)
    lever, ident = str(row.get("lever") or ""), str(row.get("id"))
    kind, value = _scope(row)
    change = number(row.get("change"))
    if not np.isfinite(change):
        days = max(min(last, begin + 90.0) - begin, 30.0)
        change = _share(company, levers.scope_of(kind, value, world.people), number(row.get("expected_effect")), days)
    factor = 1.0 + truth_of_lever(company, ident) * float(np.clip(change, -CHANGE_MOST, CHANGE_MOST))
    return levers.rules_of_lever(world, lever, kind, value, begin, last, factor, ident)


def _scope(row: dict) -> tuple[str, str]:
    """Return to what a lever applies; without a stage of its own, what its name says (``lever · stage / segment · change``)."""
    kind, value, stage = (str(row.get(name) or "") for name in ("applies_to_kind", "applies_to", "stage"))
    if stage:
        whole = levers.is_all(value)
        return ("stage", stage) if whole else (f"stage+{kind}", f"{stage} / {value}")
    told = [part.strip() for part in str(row.get("what") or "").split(" · ")]
    if len(told) == 3 and " / " in told[1]:
        return "", told[1]
    return kind, value


def _share(company: Company, scope: levers.Scope, effect: float, days: float) -> float:
    """Return a promised effect in money as a share of what such a scope usually books in as many days."""
    if not np.isfinite(effect):
        return 0.0
    usual = company.options.scale * MONTHLY_WINS_PER_SCALE * AMOUNT_PER_WIN * days / 30.4
    return effect / (usual * levers.usual_share(scope, company.world.people))


def _action(company: Company, row: dict, since: float) -> None:
    world, created = company.world, as_day(row.get("created"))
    if created is None:
        return
    due = as_day(row.get("due"))
    begin = max(world.day(created) + 1, since)
    end = max(world.day(due) + 1 if due else begin + ACTION_DAYS, begin + 7.0)
    for number_ in named(str(row.get("deal_set") or "").split(";")):
        company.nudges.setdefault(number_, (begin, end))


def effort(company: Company, months: np.ndarray) -> np.ndarray:
    """Return what targets do to the arrivals' log level by month.

    A company target that was changed before its month began moves effort a little, by the log of new over old.
    """
    made, rows = np.zeros(len(months)), company.decisions.get("targets")
    if rows is None or not len(rows):
        return made
    mine = rows[
        (rows["level"] == "company") & (rows["measure"] == "bookings") & (rows["tier"].fillna("base") == "base")
    ]
    told: dict[str, list[tuple[dt.date, float]]] = {}
    for row in mine.to_dict("records"):
        day, amount = as_day(row.get("valid_from")), number(row.get("amount"))
        if day is not None and amount > 0:
            told.setdefault(str(row["period"]), []).append((day, amount))
    for place, month in enumerate(months):
        begin = company.world.origin + dt.timedelta(days=int(company.world.starts[month]))
        known = sorted(pair for pair in told.get(f"{begin:%Y-%m}", ()) if pair[0] < begin)
        if len(known) > 1:
            made[place] = np.clip(EFFORT * np.log(known[-1][1] / known[0][1]), -EFFORT_MOST, EFFORT_MOST)
    return made
