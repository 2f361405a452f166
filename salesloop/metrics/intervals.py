"""Intervals and tests of shares that every stage shares: Wilson, two shares, NPS, many looks at once."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import NormalDist

import numpy as np


def z(confidence: float) -> float:
    """Return the normal quantile of a two-sided interval.

    Examples
    --------
    >>> round(z(0.95), 2), round(z(0.8), 2)
    (1.96, 1.28)
    """
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share after Wilson; NaN where nothing was counted.

    Parameters
    ----------
    successes, n : float
        How many of how many.
    confidence : float, default 0.95
        The interval's confidence.

    Examples
    --------
    3 of 5 won is 60 %, and may be anything from 23 to 88 %:

    >>> [round(bound, 2) for bound in wilson(3, 5)]
    [0.23, 0.88]
    """
    if not n:
        return float("nan"), float("nan")
    q, share = z(confidence), successes / n
    centre = (share + q**2 / (2 * n)) / (1 + q**2 / n)
    half = q * math.sqrt(share * (1 - share) / n + q**2 / (4 * n**2)) / (1 + q**2 / n)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def share_change(
    now: tuple[float, float], before: tuple[float, float], confidence: float = 0.95
) -> tuple[float, float]:
    """Return the interval of the difference of two shares, after Newcombe's hybrid of two Wilson intervals.

    Parameters
    ----------
    now, before : (successes, n)
        Both counts.

    Returns
    -------
    low, high
        NaN where one side has no count. An interval that holds 0 means: no change can be told.

    Examples
    --------
    Newcombe (1998), example (a): 56 of 70 against 48 of 80.

    >>> [round(bound, 4) for bound in share_change((56, 70), (48, 80))]
    [0.0524, 0.3339]
    """
    (a, n), (b, m) = now, before
    if not n or not m:
        return float("nan"), float("nan")
    (low1, high1), (low2, high2), p1, p2 = wilson(a, n, confidence), wilson(b, m, confidence), a / n, b / m
    return (
        p1 - p2 - math.sqrt((p1 - low1) ** 2 + (high2 - p2) ** 2),
        p1 - p2 + math.sqrt((high1 - p1) ** 2 + (p2 - low2) ** 2),
    )


def nps(promoters: float, detractors: float, n: float, confidence: float = 0.95) -> tuple[float, float, float]:
    """Return NPS with its interval from counts; NaN without answers.

    Examples
    --------
    >>> value, low, high = nps(27, 12, 60)
    >>> round(value), round(value - low)
    (25, 19)
    """
    if not n:
        return (float("nan"),) * 3
    p, d = promoters / n, detractors / n
    half = z(confidence) * nps_error(p, d, n)
    return 100 * (p - d), max(100 * (p - d) - half, -100.0), min(100 * (p - d) + half, 100.0)


def nps_error(p: float, d: float, n: float) -> float:
    """Return the standard error of NPS, 100 * sqrt((p + d - (p - d)^2) / n), from the shares of promoters and detractors."""
    return 100 * math.sqrt(max(p + d - (p - d) ** 2, 0.0) / n)


def benjamini_hochberg(p_values: Iterable[float]) -> np.ndarray:
    """Return q values: p values corrected for many looks; NaN stays NaN and counts as no look.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.02, 0.03, 0.5]).round(3).tolist()
    [0.04, 0.04, 0.04, 0.5]
    """
    p = np.asarray(list(p_values), dtype=float)
    q, known = np.full(len(p), np.nan), np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    ranked = p[order] * len(order) / np.arange(1, len(order) + 1)
    q[order] = np.minimum(np.minimum.accumulate(ranked[::-1])[::-1], 1.0)
    return q
