"""The cells that are worse than their stage all along, and whether they are worse than their own segment is elsewhere."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from salesloop.metrics.bottlenecks import scan
from salesloop.metrics.bottlenecks.cells import DIRECTION, LEAST_MOVES, named, tabulated
from salesloop.metrics.bottlenecks.rates import Baseline, Kinds, Pieces

BY_NATURE = ("type",)
"""Kinds whose levels differ by what they are: new business and renewals are no measure of one another."""
_LOOK_FACTOR = 3.0
"""What looking again every month costs a lasting difference: a twelfth of new data a look changes little."""
_SHRUNK = 10.0
"""Moves at the stage's own pace that a lasting difference is shrunk by."""


def lasting(pieces: Pieces, splits: Kinds, line: Baseline, cause: str) -> pd.DataFrame:
    """Compare every level with its stage, what the other kinds explain and what changed left aside."""
    table = tabulated(pieces, splits, line)
    phi = scan.dispersion(table.observed, table.expected)
    keep = [i for i, (_, kind, _) in enumerate(table.names) if kind >= 0 and table.expected[i].sum() >= LEAST_MOVES]
    factor = np.array([_factor(line, splits, *table.names[i]) for i in keep])
    seen, due = table.observed[keep].sum(axis=1), table.expected[keep].sum(axis=1) / np.maximum(factor, 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(seen > 0, seen * np.log(seen / due), 0.0) - (seen - due)
    worse = seen < due if cause == "forward" else seen > due
    told = np.where(worse, ratio, 0.0) / phi
    p = np.where(worse, stats.norm.sf(np.sqrt(2 * np.maximum(told, 0.0))), 1.0)
    usual, usual_var = _usual([table.names[i] for i in keep], pieces, seen, due, phi, fewer=cause == "forward")
    apart = (np.log((seen + 0.5) / (due + 0.5)) - usual) / np.sqrt(phi / (seen + 0.5) + usual_var)
    own = np.maximum(p, stats.norm.cdf(apart if cause == "forward" else -apart))
    own = np.where([splits.names[table.names[i][1]] in BY_NATURE for i in keep], 1.0, own)
    shrunk = (seen + _SHRUNK) / (due + _SHRUNK) / np.exp(usual)
    return pd.DataFrame({
        **named(pieces, splits, [table.names[i] for i in keep]), "nature": "lasting", "cause": cause,
        "direction": DIRECTION[cause], "month": 0, "since": None, "n": seen.astype(int), "observed": seen,
        "expected": due * np.exp(usual), "ratio": shrunk, "ratio_se": np.sqrt(phi / (seen + _SHRUNK) + usual_var), "best": told,
        "p_value": np.minimum(p * _LOOK_FACTOR, 1.0), "own_p": np.minimum(own * _LOOK_FACTOR, 1.0),
    })  # fmt: skip


def _usual(
    names: list[tuple[int, int, int]], pieces: Pieces, seen: np.ndarray, due: np.ndarray, phi: float, *, fewer: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return how each level does in the other stages of its pipeline, as a log ratio with its variance; 0 where it does well.

    Being worse in one stage is more than being worse everywhere.
    """
    lines = np.array([pieces.stages[stage][0] for stage, _, _ in names], dtype=object)
    group = pd.factorize(
        pd.MultiIndex.from_arrays([lines, [kind for _, kind, _ in names], [level for *_, level in names]])
    )[0]
    others, theirs = (np.bincount(group, value)[group] - value for value in (seen, due))
    told = np.log((others + _SHRUNK) / (theirs + _SHRUNK))
    worse = told < 0 if fewer else told > 0
    return np.where(worse, told, 0.0), np.where(worse, phi / (others + _SHRUNK), 0.0)


def _factor(line: Baseline, splits: Kinds, stage: int, kind: int, level: int) -> float:
    return float(line.factors[2 + kind][stage * len(splits.levels[kind]) + level])
