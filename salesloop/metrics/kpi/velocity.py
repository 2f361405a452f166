"""Sales velocity, money a day, and its change explained exactly."""

from __future__ import annotations

import math

import pandas as pd

FACTORS = ("open_deals", "mean_amount", "win_rate", "cycle_days")
MONTHS, LEAST_WON = 6, 10


def factors(deals: pd.DataFrame, period: pd.Period, months: int = MONTHS) -> dict[str, float]:
    """Return what velocity is made of over some months up to a period.

    Parameters
    ----------
    deals : DataFrame
        ``Book.deals()``.
    period : Period
        The last month.
    months : int, default 6
        How many.

    Returns
    -------
    dict
        ``open_deals`` at the end, ``mean_amount`` won, ``win_rate``, ``cycle_days`` (median of won deals), ``velocity``
        (their product over the cycle; NaN without a win), ``n_won``, ``n_closed``, ``log_error`` (standard error of its
        log, the factors taken as independent; NaN under 10 wins).
    """
    start, end = (period - months + 1).start_time, (period + 1).start_time
    closed = deals[deals["status"].isin(["won", "lost"]) & (deals["closed_on"] >= start) & (deals["closed_on"] < end)]
    won = closed[closed["status"] == "won"]
    alive = (deals["created_at"] < end) & ~(deals["closed_on"] < end) & (deals["status"] != "void")
    days = (won["closed_on"] - won["created_at"].dt.normalize()).dt.days
    days = days[days >= 0]
    nan = float("nan")
    made = {
        "open_deals": float(alive.sum()), "mean_amount": float(won["amount"].mean()) if len(won) else nan,
        "win_rate": len(won) / len(closed) if len(closed) else nan, "cycle_days": float(days.median()) if len(days) else nan,
    }  # fmt: skip
    cycle = made["cycle_days"] if made["cycle_days"] > 0 else nan
    made["velocity"] = made["open_deals"] * made["mean_amount"] * made["win_rate"] / cycle
    return {**made, "n_won": float(len(won)), "n_closed": float(len(closed)), "log_error": _log_error(made, won, days)}


def _log_error(made: dict[str, float], won: pd.DataFrame, days: pd.Series) -> float:
    """Return the standard error of the log of velocity: of a count, a mean, a share and a median."""
    n, rate, cycle = len(won), made["win_rate"], made["cycle_days"]
    if n < LEAST_WON or not made["open_deals"] > 0 or not cycle > 0 or not made["mean_amount"] > 0:
        return float("nan")
    ordered, half = days.sort_values().to_numpy(), math.sqrt(len(days)) / 2
    low, high = (ordered[min(max(round(len(days) / 2 + side * half), 0), len(days) - 1)] for side in (-1, 1))
    median = math.log(max(high, 1) / max(low, 1)) / 2
    size = won["amount"].std(ddof=1) / made["mean_amount"] / math.sqrt(n)
    return math.sqrt(1 / made["open_deals"] + size**2 + (1 - rate) / (n / rate * rate) + median**2)


def decomposition(before: dict[str, float], now: dict[str, float]) -> pd.DataFrame:
    """Return the change of velocity by factor; in logs the parts add up exactly.

    Parameters
    ----------
    before, now : dict
        From `factors`.

    Returns
    -------
    DataFrame
        ``factor`` (open_deals, mean_amount, win_rate, cycle_days, velocity), ``before``, ``now``, ``log_effect`` (the
        cycle's with its sign turned), ``effect`` (the factor by which velocity moved because of it, less 1), ``uom``.
        Effects are NaN where velocity is undefined in either: no win, no cycle.

    Examples
    --------
    >>> a = {"open_deals": 10.0, "mean_amount": 100.0, "win_rate": 0.5, "cycle_days": 50.0, "velocity": 10.0}
    >>> b = {"open_deals": 20.0, "mean_amount": 100.0, "win_rate": 0.5, "cycle_days": 100.0, "velocity": 10.0}
    >>> decomposition(a, b)["log_effect"].round(3).tolist()
    [0.693, 0.0, 0.0, -0.693, 0.0]
    """
    defined = all(part["velocity"] == part["velocity"] and part["velocity"] > 0 for part in (before, now))
    rows = []
    for name in (*FACTORS, "velocity"):
        sign = -1.0 if name == "cycle_days" else 1.0
        effect = sign * math.log(now[name] / before[name]) if defined else math.nan
        rows.append((name, before[name], now[name], effect, math.expm1(effect)))
    return pd.DataFrame(rows, columns=["factor", "before", "now", "log_effect", "effect"])
