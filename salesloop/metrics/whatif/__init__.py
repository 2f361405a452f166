"""Which change is worth making, and what past ones did: the functions of `40_whatif`, tables in, tables out."""

from __future__ import annotations

from typing import Any

import pandas as pd

from salesloop import periods
from salesloop.metrics.goals import Ground
from salesloop.metrics.whatif import (
    ask,
    build,
    designs,
    estimators,
    joint,
    levers,
    past,
    price,
    rows,
    runner,
    say,
    scenarios,
    units,
)
from salesloop.metrics.whatif.ask import scenario
from salesloop.metrics.whatif.build import all_levers
from salesloop.metrics.whatif.chances import chances
from salesloop.metrics.whatif.runner import Simulation, simulation

__all__ = [
    "Simulation", "aims", "all_levers", "ask", "build", "chances", "designs", "effects", "estimators", "has_moved", "joint", "levers", "past", "price", "propose",
    "rows", "run", "runner", "say", "scenario", "scenarios", "simulation", "units",
]  # fmt: skip


def aims(targets: pd.DataFrame, land: Ground) -> pd.DataFrame:
    """Return the company's targets of the month ahead, its quarter and year; see `scenarios.aims`."""
    ahead, start = land.ahead[0], land.fiscal_start
    labels = {"quarter": periods.quarter_label(ahead, start), "year": str(periods.fiscal_year(ahead, start))}
    return scenarios.aims(targets, ahead=ahead, **labels)


def run(found: list[levers.Lever], sim: Simulation, targets: pd.DataFrame, book: Any) -> pd.DataFrame:
    """Return every lever's scenario with the unit's trust, costs and currency; see `scenarios.run`."""
    costs = scenarios.costs_of(book.table("interventions"))
    made = scenarios.run(found, sim, targets, trust=book.params.value("lever_priors", {}), costs=costs)
    return made.assign(uom=made["uom"].replace("money", book.currency))


def propose(table: pd.DataFrame, found: list[levers.Lever], sim: Simulation, book: Any):
    """Return a few complementary changes and the draws with all of them; see `scenarios.propose`."""
    return scenarios.propose(table, found, sim, period=book.period, trust=book.params.value("lever_priors", {}))


def has_moved(book: Any) -> bool:
    """Return whether any rep ever changed teams, by the dated memberships."""
    teams = book.table("memberships").groupby("rep_id")["team"].nunique()
    return bool((teams > 1).any())


def effects(book: Any) -> pd.DataFrame:
    """Return what each logged change did; see `past.effects`."""
    told = past.history(book.deals(), book.table("stage_events"), book.table("stages"), as_of=book.as_of)
    return past.effects(book.table("interventions"), told)
