"""Forecast calls: what managers and reps say will be booked, bent by each person's habit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from salesloop.demo.arrivals import teams
from salesloop.demo.market import WON
from salesloop.demo.people import MANAGERS
from salesloop.demo.rng import mix, normal, purpose
from salesloop.demo.world import BURN
from salesloop.schema import TABLES

if TYPE_CHECKING:
    from salesloop.demo.tables import View

HEAD = "Lin Haiming"
FIRST_MONTH = 3
CHANCE = np.array([0.13, 0.22, 0.34, 0.50, 0.72])
UNSEEN = (0.04, 0.22, 0.80, 0.95)
NOISE = 0.16
CATEGORIES = (("most_likely", 1.0), ("commit", 0.78), ("best_case", 1.25))


def frame(now: View) -> pd.DataFrame:
    """Return the calls made by now: the running month's on its 12th, the three months after it on its 26th."""
    world, rows = now.world, []
    last = int(world.month[int(min(now.until, world.n_days) - 1)])
    for month in range(BURN + FIRST_MONTH, last + 1):
        for day, leads in ((11, (0,)), (25, (1, 2, 3))):
            t = float(world.starts[month]) + day
            if t < now.until:
                rows += _said(now, month, t, leads)
    made = pd.DataFrame(rows, columns=list(TABLES["forecast_calls"].columns))
    made["said_at"] = now.date(made["said_at"].to_numpy(dtype=float))
    return made


def _said(now: View, month: int, t: float, leads: tuple[int, ...]) -> list[dict]:
    """Return what everybody says on a day about some months ahead, from what the CRM shows on that day."""
    crm, world = now.crm, now.world
    live = np.flatnonzero((crm.stays["t_in"] < t) & (crm.entered >= t))
    owner = world.people.holder(crm.stays["owner"][live], np.full(len(live), t))
    close, worth = (
        crm.last_date(t)[crm.stays["deal"][live]],
        CHANCE[crm.stays["stage"][live]] * crm.stays["amount"][live],
    )
    won = (crm.stays["to"] == WON) & (crm.entered < t)
    out, amount, seller = crm.stays["out"][won], crm.final[won], crm.stays["owner"][won]
    n, rows = len(world.people.names), []
    year = (
        np.bincount(seller, weights=amount * (out >= t - 365), minlength=n)
        / 12.0
        * min(365.0 / max(t - crm.start, 30.0), 4.0) ** (t - crm.start < 365)
    )
    for lead in leads:
        begin, end = float(world.starts[month + lead]), float(world.starts[month + lead + 1])
        due = (close < end) & ((close >= begin) | (lead <= 1))
        base = np.bincount(owner[due], weights=worth[due], minlength=n)
        base = base + np.bincount(seller, weights=amount * ((out >= begin) & (out < end)), minlength=n)
        rows += _by_scope(now, month, t, lead, base + UNSEEN[lead] * year)
    return rows


def _by_scope(now: View, month: int, t: float, lead: int, base: np.ndarray) -> list[dict]:
    people, period = now.world.people, str(now.world.first_month + month + lead)
    here = np.flatnonzero((people.start < t) & (people.leave > t))
    team = teams(now.world, here, np.full(len(here), t))
    scopes: list[tuple[str, str | None, str, float, float]] = [("company", None, HEAD, base[here].sum(), 1.0)]
    for code, name in enumerate(people.teams):
        scopes.append(("team", name, MANAGERS[code % len(MANAGERS)], base[here[team == code]].sum(), 1.0))
    if lead <= 1:
        scopes += [("rep", people.names[rep], people.names[rep], base[rep], people.calls[rep]) for rep in here]
    person = mix(now.company.options.seed, np.array([purpose(f"call {who}") for _, _, who, _, _ in scopes]))
    habit = np.where(
        [level == "rep" for level, *_ in scopes],
        [own for *_, own in scopes],
        np.exp(0.16 + 0.2 * normal(person, "habit")),
    )
    value = (
        habit
        * np.exp(NOISE * normal(mix(person, month, lead), "noise"))
        * np.array([found for _, _, _, found, _ in scopes])
    )
    step = np.where(value > 1e5, 1000.0, 100.0)
    return [
        {"said_at": t, "who": who, "level": level, "name": scope, "period": period, "category": category,
         "amount": float(np.round(value[i] * factor / step[i]) * step[i])}
        for i, (level, scope, who, _, _) in enumerate(scopes)
        for category, factor in CATEGORIES[: 1 if level == "rep" else 3]
    ]  # fmt: skip
