"""Kaplan-Meier and Aalen-Johansen with late entry, ties and censoring, vectorised; medians and quartiles with intervals.

Klein and Moeschberger, Survival Analysis, chapters 4.2 and 4.7. The variance of the incidence is the delta-method one
of Betensky and Schoenfeld's textbook form (Marubini and Valsecchi, 1995).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtri

LEAST_WON = 20
"""Ended stays below which no quartile is told."""


def at_risk(entry: np.ndarray, time: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return how many had entered before each point and not yet left.

    Examples
    --------
    >>> at_risk(np.array([0.0, 2.0, 0.0]), np.array([3.0, 5.0, 1.0]), np.array([1.0, 3.0, 5.0])).tolist()
    [2, 2, 1]
    """
    entered = np.searchsorted(np.sort(entry), points, side="left")
    left = np.searchsorted(np.sort(time), points, side="left")
    return entered - left


def kaplan_meier(time: np.ndarray, ended: np.ndarray, entry: np.ndarray | None = None) -> pd.DataFrame:
    """Return the share still in a stage by day.

    Parameters
    ----------
    time : ndarray
        Days from entering the stage to leaving it, or to the last day seen.
    ended : ndarray of bool
        Whether it was left.
    entry : ndarray, optional
        Days already spent in it when first seen (left truncation).

    Returns
    -------
    DataFrame
        ``days, n`` (at risk), ``events, survival, se`` (Greenwood), a row a day on which something ended.

    Examples
    --------
    >>> kaplan_meier(np.array([6, 6, 6, 6, 7]), np.array([True, True, True, False, True]))["survival"].round(3).tolist()
    [0.4, 0.0]
    """
    time, ended = np.asarray(time, float), np.asarray(ended, bool)
    entry = np.zeros(len(time)) if entry is None else np.asarray(entry, float)
    points, events = np.unique(time[ended], return_counts=True)
    n = at_risk(entry, time, points)
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.cumprod(1 - events / n)
        se = survival * np.sqrt(np.cumsum(events / (n * (n - events).astype(float))))
    return pd.DataFrame({"days": points, "n": n, "events": events, "survival": survival, "se": np.nan_to_num(se)})


def quantile(curve: pd.DataFrame, share: float, *, confidence: float = 0.95) -> tuple[float, float, float]:
    """Return the day by which a share has left, with its interval (Brookmeyer-Crowley, log-log); NaN where not reached.

    Parameters
    ----------
    curve : DataFrame
        From `kaplan_meier`.
    share : float
        0.5 for the median, 0.75 for the 75th percentile.
    """
    if curve.empty:
        return np.nan, np.nan, np.nan
    s, se = curve["survival"].to_numpy(), curve["se"].to_numpy()
    z = float(ndtri(0.5 + confidence / 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        width = z * se / (s * np.abs(np.log(s)))
        low, high = s ** np.exp(width), s ** np.exp(-width)
    low, high = np.where(np.isfinite(low), low, s), np.where(np.isfinite(high), high, s)
    days = curve["days"].to_numpy()
    told = []
    for line in (s, low, high):
        reached = np.flatnonzero(line <= 1 - share + 1e-12)
        told.append(float(days[reached[0]]) if len(reached) else np.nan)
    return told[0], told[1], told[2]


def reached(curve: pd.DataFrame, *shares: float) -> list[float]:
    """Return the day by which each share has left, as `quantile` but without an interval.

    Examples
    --------
    >>> reached(kaplan_meier(np.array([1, 2, 3, 4]), np.ones(4, dtype=bool)), 0.5, 0.75)
    [2.0, 3.0]
    """
    days, left = curve["days"].to_numpy(float), 1.0 - curve["survival"].to_numpy()
    found = [np.flatnonzero(left >= share - 1e-12) for share in shares]
    return [float(days[places[0]]) if len(places) else float("nan") for places in found]


def restricted_mean(curve: pd.DataFrame, until: float) -> float:
    """Return the mean days in the stage up to a limit: the area under the share still there."""
    days, s = curve["days"].to_numpy(float), curve["survival"].to_numpy(float)
    inside = days < until
    edges = np.r_[0.0, days[inside], until]
    return float((np.diff(edges) * np.r_[1.0, s[inside]]).sum())


def incidence(
    time: np.ndarray, cause: np.ndarray, entry: np.ndarray | None = None, *, causes: int
) -> dict[str, np.ndarray]:
    """Return the cumulative incidence of each way out, with the others competing (Aalen-Johansen).

    Parameters
    ----------
    time : ndarray
        Days to leaving, or to the last day seen.
    cause : ndarray of int
        1 .. `causes` for the way out, 0 while still there.
    entry : ndarray, optional
        Days already spent when first seen.
    causes : int
        How many ways out there are.

    Returns
    -------
    dict
        ``days`` (T), ``n`` (T, at risk), ``share`` (causes x T), ``se`` (causes x T).

    Examples
    --------
    >>> found = incidence(np.array([1, 2, 2, 3]), np.array([1, 2, 0, 1]), causes=2)
    >>> found["share"].round(4).tolist()
    [[0.25, 0.25, 0.75], [0.0, 0.25, 0.25]]
    """
    time, cause = np.asarray(time, float), np.asarray(cause, int)
    entry = np.zeros(len(time)) if entry is None else np.asarray(entry, float)
    points, place = np.unique(time[cause > 0], return_inverse=True)
    n = at_risk(entry, time, points).astype(float)
    counts = np.zeros((causes, len(points)))
    np.add.at(counts, (cause[cause > 0] - 1, place), 1.0)
    total = counts.sum(axis=0)
    survival = np.cumprod(1 - total / n) if len(points) else np.zeros(0)
    before = np.r_[1.0, survival[:-1]] if len(points) else survival
    share = np.cumsum(before * counts / n, axis=1)
    return {"days": points, "n": n, "share": share, "se": _incidence_se(share, before, counts, total, n)}


def _incidence_se(share, before, counts, total, n) -> np.ndarray:
    """Delta-method standard error of the incidence, from running sums of the three terms of its variance."""
    with np.errstate(divide="ignore", invalid="ignore"):
        a = np.nan_to_num(total / (n * (n - total)), posinf=0.0)
        b = before**2 * (n - counts) * counts / n**3
        c = before * counts / n**2
    s1, s2, s3 = np.cumsum(a), np.cumsum(share * a, axis=1), np.cumsum(share**2 * a, axis=1)
    variance = share**2 * s1 - 2 * share * s2 + s3 + np.cumsum(b, axis=1)
    variance -= 2 * (share * np.cumsum(c, axis=1) - np.cumsum(share * c, axis=1))
    return np.sqrt(np.maximum(variance, 0.0))


def last_share(found: dict[str, np.ndarray], cause: int, until: float | None = None) -> tuple[float, float, float]:
    """Return the incidence of a way out by a day (default: the last seen), with its 95 % interval on the log-log scale."""
    days = found["days"]
    if not len(days):
        return np.nan, np.nan, np.nan
    at = len(days) - 1 if until is None else int(np.searchsorted(days, until, side="right")) - 1
    if at < 0:
        return 0.0, np.nan, np.nan
    p, se = float(found["share"][cause - 1, at]), float(found["se"][cause - 1, at])
    if not 0 < p < 1:
        return p, np.nan, np.nan
    width = min(1.96 * se / (p * abs(np.log(p))), 20.0)
    return p, float(p ** np.exp(width)), float(p ** np.exp(-width))
