"""The six win rates in use, side by side, and which is ours."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pandas as pd

from salesloop.metrics import intervals, measures

KINDS = ("win_rate", "win_rate_value", "created_win_rate", "win_rate_overdue", "win_rate_stale", "win_curve")
STALE_DAYS, CURVE_DAYS, CURVE_YEARS = 90, 365, 3
LOST_PRICED = 0.5
"""A value win rate needs amounts on at least this share of lost deals, as a share of the won deals that have one."""
_DAY = pd.Timedelta(days=1)


def win_rates(deals: pd.DataFrame, *, as_of: dt.date, months: int = 12) -> pd.DataFrame:
    """Return the win rate by the six definitions in use.

    Parameters
    ----------
    deals : DataFrame
        ``Book.deals()``.
    as_of : date
        The last day counted.
    months : int, default 12
        How far back deals were closed, or created, that count.

    Returns
    -------
    DataFrame
        ``kind``, ``value``, ``low, high`` (95 %), ``n`` (what it is a share of), ``won``. The kinds: won of decided by
        close date (ours, for comparing); the same by amount (undefined where lost deals bear no amount); won of all
        created, open ones included; decided plus open deals past their date as if lost; those plus open deals in
        which nothing happened for 90 days as if lost; and what share of new deals is won within a year, open deals
        censored and lost ones competing (the one to predict with).

    Examples
    --------
    >>> deals = pd.DataFrame({"status": ["won"] * 3 + ["lost"] * 7 + ["open"] * 90, "amount": 1.0,
    ...     "created_at": pd.Timestamp("2026-06-01"), "closed_on": [pd.Timestamp("2026-09-01")] * 10 + [pd.NaT] * 90,
    ...     "expected_close": [pd.Timestamp("2026-09-01")] * 30 + [pd.Timestamp("2027-01-01")] * 70,
    ...     "last_activity_at": pd.Timestamp("2026-10-30"), "stage_entered_at": pd.NaT, "modified_at": pd.NaT})
    >>> found = win_rates(deals, as_of=dt.date(2026, 10, 31)).set_index("kind")["value"]
    >>> found[["win_rate", "created_win_rate", "win_rate_overdue"]].tolist()
    [0.3, 0.03, 0.1]
    """
    deals = deals if measures.losses_known(deals) else deals[:0]
    day = pd.Timestamp(as_of)
    start = (day.to_period("M") - months + 1).start_time
    decided = deals[deals["status"].isin(["won", "lost"]) & (deals["closed_on"] >= start) & (deals["closed_on"] <= day)]
    created = deals[(deals["created_at"] >= start) & (deals["created_at"] < day + _DAY) & (deals["status"] != "void")]
    live = deals[deals["status"] == "open"]
    overdue = live["expected_close"] < day
    stale = ~overdue & (_last_sign(live) < day - STALE_DAYS * _DAY)
    won, n = int((decided["status"] == "won").sum()), len(decided)
    rows = [
        _share("win_rate", won, n), _by_value(decided),
        _share("created_win_rate", int((created["status"] == "won").sum()), len(created)),
        _share("win_rate_overdue", won, n + int(overdue.sum())) if live["expected_close"].notna().any() or live.empty
        else _share("win_rate_overdue", 0, 0),
        _share("win_rate_stale", won, n + int(overdue.sum() + stale.sum())), _curve(deals, day),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["kind", "value", "low", "high", "n", "won"])


def _last_sign(live: pd.DataFrame) -> pd.Series:
    """Return the last day on which anything is known to have happened in a deal."""
    columns = [c for c in ("created_at", "stage_entered_at", "last_activity_at", "modified_at") if c in live]
    return live[columns].max(axis=1)


def _share(kind: str, won: int, n: int) -> tuple:
    low, high = intervals.wilson(won, n)
    return kind, won / n if n else math.nan, low, high, n, won


def _by_value(decided: pd.DataFrame) -> tuple:
    """Return the win rate by amount; its interval takes deals as the units of a ratio."""
    priced = decided[decided["amount"] > 0]
    filled = decided.assign(has=decided["amount"] > 0).groupby("status")["has"].mean()
    won = priced["status"] == "won"
    if filled.get("lost", 0.0) < LOST_PRICED * filled.get("won", 1.0) or len(priced) < 2 or won.all():
        return "win_rate_value", math.nan, math.nan, math.nan, 0, 0
    value, half = ratio(priced["amount"].where(won, 0.0).to_numpy(), priced["amount"].to_numpy())
    return "win_rate_value", value, max(value - half, 0.0), min(value + half, 1.0), len(priced), int(won.sum())


def ratio(part: np.ndarray, whole: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Return a ratio of two sums and half its interval, by linearisation (Cochran 1977, section 6.4).

    Examples
    --------
    >>> ratio(np.array([1.0, 0.0]), np.array([1.0, 1.0]))[0]
    0.5
    """
    n, total = len(whole), float(np.sum(whole))
    if not n or total <= 0:
        return math.nan, math.nan
    value = float(np.sum(part)) / total
    error = np.asarray(part) - value * np.asarray(whole)
    half = intervals.z(confidence) * math.sqrt(n / max(n - 1, 1) * float(error @ error)) / total
    return value, half if n > 1 else math.nan


def _curve(deals: pd.DataFrame, day: pd.Timestamp) -> tuple:
    cohort = deals[(deals["created_at"] > day - CURVE_YEARS * 365 * _DAY) & (deals["created_at"] < day + _DAY)]
    cohort = cohort[~(cohort["status"] != "open") | cohort["closed_on"].notna()]
    ended = cohort["closed_on"].where(cohort["status"] != "open", day)
    days = ((ended - cohort["created_at"].dt.normalize()) / _DAY).clip(lower=0).to_numpy()
    how = cohort["status"].map({"won": 1, "lost": 2, "void": 2}).fillna(0).to_numpy()
    value, half = incidence(days, how, at=CURVE_DAYS)
    n, won = len(cohort), int((how == 1).sum())
    return "win_curve", value, max(value - half, 0.0), min(value + half, 1.0), n, won


def incidence(days: np.ndarray, how: np.ndarray, *, at: float) -> tuple[float, float]:
    """Return the share won by an age, lost as the competing event and open deals censored, and half its interval.

    Parameters
    ----------
    days : ndarray
        Age of each deal when it ended or was last seen.
    how : ndarray
        1 won, 2 lost, 0 open.
    at : float
        The age in days.

    Notes
    -----
    The Aalen-Johansen estimator with the variance of Marubini and Valsecchi (1995, section 10.2).

    Examples
    --------
    Without open deals it is the plain share:

    >>> round(incidence(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1, 2, 1, 2]), at=10)[0], 6)
    0.5
    """
    if not len(days):
        return math.nan, math.nan
    times = np.unique(days[(how > 0) & (days <= at)])
    if not len(times):
        return (0.0, math.nan) if np.max(days) >= at else (math.nan, math.nan)
    ordered = np.sort(days)
    risk = (len(days) - np.searchsorted(ordered, times, side="left")).astype(float)
    won, out = (np.array([float(np.sum((days == t) & mask)) for t in times]) for mask in (how == 1, how > 0))
    stay = np.cumprod(1 - out / risk)
    before = np.concatenate([[1.0], stay[:-1]])
    curve = np.cumsum(before * won / risk)
    ahead = curve[-1] - curve
    rest = np.maximum(risk - out, 1e-9)
    variance = np.sum(ahead**2 * out / (risk * rest) * (risk > out)) + np.sum(before**2 * won * (risk - won) / risk**3)
    variance -= 2 * np.sum(ahead * before * won / risk**2)
    return float(curve[-1]), intervals.z(0.95) * math.sqrt(max(float(variance), 0.0))
