"""The chance of the targets before and after: as things stand, with each change, and with several together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from salesloop.metrics.whatif.levers import LEAST_ROOM
from salesloop.metrics.whatif.runner import Simulation
from salesloop.metrics.whatif.scenarios import hit

MOST = 8


def chances(
    table: pd.DataFrame, proposals: pd.DataFrame, together: np.ndarray, sim: Simulation, targets: pd.DataFrame
) -> pd.DataFrame:
    """Return the chance of each target as things stand, with each of the best changes, and with the proposed ones together.

    Parameters
    ----------
    table, proposals, together
        From `scenarios.run` and `scenarios.propose`.
    sim : Simulation
        The baseline.
    targets : DataFrame
        From `scenarios.aims`.

    Returns
    -------
    DataFrame
        ``lever`` (as_it_stands, a lever, or together), ``scope, p_month, p_quarter, p_year, cost, roi``; empty without targets.
    """
    names = [f"p_{name}" for name in ("month", "quarter", "year")]
    columns = ["lever", "scope", *names, "cost", "roi"]
    if targets.empty:
        return pd.DataFrame(columns=columns)

    def row(lever: str, total: np.ndarray, cost: float) -> dict[str, Any]:
        told = {f"p_{name}": hit(total, sim, target) for name, target in targets.iterrows()}
        return {"lever": lever, "scope": None, "cost": cost, "roi": float("nan"), **told}

    rooms = table[(table["change"] > LEAST_ROOM) & ~table["extrapolated"]].head(MOST)
    parts = [pd.DataFrame([row("as_it_stands", sim.base, float("nan"))]), rooms]
    if len(proposals) > 1:
        parts.append(pd.DataFrame([row("together", together, proposals["cost"].sum(min_count=len(proposals)))]))
    return pd.concat(
        [part.reindex(columns=columns).astype({"scope": object}) for part in parts if len(part)], ignore_index=True
    )
