"""The search for the month since when a stage of a segment is slower or leakier, and what counts as more than chance.

Observed against expected moves before and after every month; the largest likelihood ratio counts. Its chance under no
change is simulated once for the number of moves, over the twelve last monthly looks together, so that looking again
every month is paid for. Many cells at once are corrected by Benjamini and Hochberg (1995).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

LOOKS = 12
BEFORE, AFTER = 6, 3
"""Months that a change needs before and after it."""
_SIZES = (6, 10, 18, 32, 60, 120, 400)
_DRAWS, _SEED = 3000, 8
_TAIL = 0.03


def ratios(observed: np.ndarray, expected: np.ndarray, *, fewer: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest log likelihood ratio of each cell and the first month of the change.

    Parameters
    ----------
    observed, expected : ndarray, cells x months
        Moves.
    fewer : bool
        Whether fewer moves than expected (slower) or more (leakier) are looked for.

    Examples
    --------
    >>> seen = np.array([[10.0] * 9 + [3.0] * 3])
    >>> best, month = ratios(seen, np.full((1, 12), 10.0), fewer=True)
    >>> round(float(best[0]), 2), int(month[0])
    (8.21, 9)
    """
    months = observed.shape[1]
    if months < BEFORE + AFTER:
        return np.zeros(len(observed)), np.zeros(len(observed), dtype=int)
    seen, due = np.cumsum(observed, axis=1), np.cumsum(expected, axis=1)
    cuts = np.arange(BEFORE, months - AFTER + 1)
    o0, e0 = seen[:, cuts - 1], due[:, cuts - 1]
    whole, all_due = seen[:, -1:], np.maximum(due[:, -1:], 1e-12)
    told = _ratio(o0, e0 / all_due, whole, fewer)
    best = told.argmax(axis=1)
    return told[np.arange(len(told)), best], cuts[best]


def _ratio(o0, share, whole, fewer):
    """Log likelihood ratio of `o0` of `whole` moves before the cut, where `share` of them was to be expected there."""
    o1, share = whole - o0, np.clip(share, 1e-9, 1 - 1e-9)
    e0, e1 = whole * share, whole * (1 - share)
    with np.errstate(divide="ignore", invalid="ignore"):
        told = np.where(o0 > 0, o0 * np.log(o0 / e0), 0.0) + np.where(o1 > 0, o1 * np.log(o1 / e1), 0.0)
    side = o1 < e1 if fewer else o1 > e1
    return np.where(side, np.nan_to_num(told), 0.0)


@lru_cache(maxsize=4)
def _null(months: int) -> np.ndarray:
    """Simulate the largest ratio over the last twelve looks without any change: fewer and more, by number of moves."""
    rng = np.random.default_rng(_SEED)
    told = []
    for size in _SIZES:
        seen = np.cumsum(rng.poisson(size / months, (_DRAWS, months)), axis=1)
        self_log = _self_log(int(seen.max()))
        worst = np.zeros((2, _DRAWS))
        for look in range(max(BEFORE + AFTER, months - LOOKS + 1), months + 1):
            cuts = np.arange(BEFORE, look - AFTER + 1)
            side = _sided(seen[:, cuts - 1], cuts / look, seen[:, look - 1 : look], self_log)
            worst = np.maximum(worst, [side.max(axis=1), -side.min(axis=1)])
        told.append(np.sort(worst, axis=1))
    return np.stack(told, axis=1)


def _self_log(most: int) -> np.ndarray:
    """Return n log n for whole numbers up to a largest one."""
    n = np.arange(most + 1.0)
    return n * np.log(np.maximum(n, 1.0))


def _sided(o0: np.ndarray, share: np.ndarray, whole: np.ndarray, self_log: np.ndarray) -> np.ndarray:
    """Return the ratio as `_ratio` does for whole numbers of moves: above 0 for fewer after the cut, below for more."""
    told = self_log[o0] + self_log[whole - o0] - self_log[whole] - o0 * np.log(share / (1 - share))
    told -= whole * np.log(1 - share)
    return np.copysign(np.maximum(told, 0.0), o0 - whole * share)


def p_values(best: np.ndarray, moves: np.ndarray, *, months: int, fewer: bool) -> np.ndarray:
    """Return the chance of such a ratio somewhere in twelve monthly looks if nothing ever changed.

    Parameters
    ----------
    best : ndarray
        From `ratios`, overdispersion divided out.
    moves : ndarray
        Moves of each cell.
    months : int
        Months looked at.

    Examples
    --------
    >>> p = p_values(np.array([0.0, 4.0, 12.0]), np.array([50.0, 50.0, 50.0]), months=30, fewer=True)
    >>> bool(p[0] == 1.0 and 0.01 < p[1] < 0.2 and p[2] < 1e-4)
    True
    """
    if months < BEFORE + AFTER:
        return np.ones(len(best))
    null = _null(min(max(months // 6 * 6, BEFORE + AFTER), 48))[0 if fewer else 1]
    by_size = np.stack([_tail(sorted_, best) for sorted_ in null])
    place = np.interp(np.log(np.maximum(moves, 1.0)), np.log(_SIZES), np.arange(len(_SIZES)))
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, len(_SIZES) - 1)
    cell, weight = np.arange(len(best)), place - low
    logs = np.log(by_size)
    return np.minimum(np.exp((1 - weight) * logs[low, cell] + weight * logs[high, cell]), 1.0)


def _tail(null: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Return the share of the null at or above each ratio; beyond its tail the share falls as exp(-ratio)."""
    above = (len(null) - np.searchsorted(null, best, side="left")) / len(null)
    edge = null[int(len(null) * (1 - _TAIL))]
    return np.where(best > edge, _TAIL * np.exp(-(best - edge)), np.where(best <= 0, 1.0, np.maximum(above, 1e-9)))


def dispersion(observed: np.ndarray, expected: np.ndarray) -> float:
    """Return how much more than Poisson the monthly counts vary around what was expected; at least 1."""
    inside = expected > 1.0
    if inside.sum() < 30:
        return 1.0
    return float(max(1.0, ((observed - expected) ** 2 / np.maximum(expected, 1e-9))[inside].mean()))
