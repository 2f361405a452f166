"""How much each entrant counts, by series and lead: what it missed by in the past, held back towards the panel's weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from salesloop.metrics.series import intervals, past
from salesloop.metrics.series.pool import AVERAGED

PRIOR, FLOOR = 12.0, 0.05
_LARGEST = 20.0
"""Scaled errors beyond it count as it: one wild month must not decide."""


def weigh(
    pasts: list[past.Past],
    rolled: list[dict[str, np.ndarray]],
    flat: np.ndarray,
    given: Mapping[str, Mapping[str, float]] | None = None,
    horizon: int = 12,
) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Return the entrants' weights now and at each past end, each from the errors that were known by then.

    A weight is the inverse of the mean squared error (none smaller than 5 % of the entrants' mean), its series' own by n /
    (n + 12) of n errors, for the rest the panel's, which in turn is held back towards equal ones.

    Parameters
    ----------
    pasts, rolled
        From `past.earlier` and `pool.rolling`.
    flat : ndarray
        The series now.
    given : mapping, optional
        ``{lead: {entrant: weight}}`` that the loop has learned, in the place of the panel's.
    horizon : int
        Months ahead.

    Returns
    -------
    now, then, panel
        Entrants x series x leads; a list of the same; entrants x leads by the back-test alone.
    """
    count = len(flat)
    sums, n = _known(pasts, rolled, intervals.usual_move(flat), count, horizon)
    made = [_weights(sums[i], n[i], given) for i in range(len(pasts) + 1)]
    return made[0][0], [own for own, _ in made[1:]], made[0][1]


def mean(told: dict[str, np.ndarray], weight: np.ndarray) -> np.ndarray:
    """Return the entrants' weighted mean; where they agree, what they agree on."""
    first = told[AVERAGED[0]]
    return first + sum(part * (told[name] - first) for name, part in zip(AVERAGED[1:], weight[1:], strict=True))


def as_table(panel: np.ndarray) -> dict[str, dict[str, float]]:
    """Return the panel's weights as the loop keeps them: ``{lead: {entrant: weight}}``."""
    return {str(lead + 1): dict(zip(AVERAGED, column.tolist(), strict=True)) for lead, column in enumerate(panel.T)}


def _known(pasts, rolled, scale: np.ndarray, count: int, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Return sums of squared scaled errors, and their number, as known now and at each past end, the latest first."""
    ends, shape = len(pasts), (len(AVERAGED), count, horizon)
    squared, seen = np.zeros((ends + horizon + 1, *shape)), np.zeros((ends + horizon + 1, *shape[1:]))
    for place, (one, told) in enumerate(zip(pasts, rolled, strict=True), start=1):
        miss = np.stack([(one.came - told[name]) / scale[:, None] for name in AVERAGED])
        squared[place] = np.clip(np.nan_to_num(miss), -_LARGEST, _LARGEST) ** 2
        seen[place] = np.isfinite(one.came)
    squared, seen = squared[::-1].cumsum(axis=0)[::-1], seen[::-1].cumsum(axis=0)[::-1]
    leads = np.arange(horizon)
    at = np.arange(ends + 1)[:, None] + leads + 1
    return np.moveaxis(squared[at, :, :, leads], 1, 3), np.moveaxis(seen[at, :, leads], 1, 2)


def _weights(sums: np.ndarray, n: np.ndarray, given) -> tuple[np.ndarray, np.ndarray]:
    panel = _held(_inverse(sums.sum(axis=1) / np.maximum(n.sum(axis=0), 1)), n.sum(axis=0), 1 / len(AVERAGED))
    return _held(_inverse(sums / np.maximum(n, 1)), n, _with(panel, given or {})[:, None]), panel


def _with(panel: np.ndarray, given: Mapping[str, Mapping[str, float]]) -> np.ndarray:
    """Return the panel's weights with learned ones in the place of some leads'; those that are no weights change nothing."""
    made = panel.copy()
    for lead, row in given.items():
        found = np.array([row.get(name, np.nan) for name in AVERAGED])
        if lead.isdigit() and 0 < int(lead) <= panel.shape[1] and (found >= 0).all() and found.sum() > 0:
            made[:, int(lead) - 1] = found / found.sum()
    return made


def _inverse(squared: np.ndarray) -> np.ndarray:
    """Return weights by inverse squared error, floored; equal ones where none has erred."""
    base = squared.mean(axis=0, keepdims=True)
    inverse = 1 / np.where(base > 0, np.maximum(squared, FLOOR * base), 1.0)
    return inverse / inverse.sum(axis=0, keepdims=True)


def _held(own: np.ndarray, n: np.ndarray, towards) -> np.ndarray:
    share = n / (n + PRIOR)
    return share * own + (1 - share) * towards
