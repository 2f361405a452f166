"""Why a month's forecast was off: its error in parts that add up to the cent."""

from __future__ import annotations

import itertools
import math

import pandas as pd

from salesloop import periods
from salesloop.metrics.review.so_far import month_forecast

PARTS = ("volume", "conversion", "timing", "size")


def month_factors(deals: pd.DataFrame, month: pd.Period) -> dict[str, float]:
    """Return what a month's bookings are made of.

    Parameters
    ----------
    deals : DataFrame
        ``Book.deals()``.
    month : Period
        The month.

    Returns
    -------
    dict
        ``volume`` deals to work on (open at its start or created in it), ``timing`` the share of them closed won or
        lost in the month, ``conversion`` won of those, ``size`` mean won amount. Their product is the bookings.
    """
    first, last = pd.Timestamp(periods.start(month)), pd.Timestamp(periods.start(month + 1))
    closed = deals["closed_on"].fillna(pd.Timestamp("2200-01-01"))
    there = (deals["created_at"] < last) & (closed >= first) & (deals["status"] != "void")
    decided = there & (closed < last) & deals["status"].isin(["won", "lost"])
    won = decided & (deals["status"] == "won")
    n, k, w = int(there.sum()), int(decided.sum()), int(won.sum())
    nan = float("nan")
    return {
        "volume": float(n), "timing": k / n if n else nan, "conversion": w / k if k else nan,
        "size": deals.loc[won, "amount"].sum() / w if w else nan,
    }  # fmt: skip


def error_split(
    deals: pd.DataFrame, *, period: pd.Period, graded: pd.DataFrame, adjustments: float = 0.0
) -> pd.DataFrame:
    """Split forecast minus actual by what the month was made of; the parts add up to the cent.

    The forecast's side is what the twelve months before stood at in volume, timing and conversion, with the deal size
    that makes their product the forecast; each part is its average effect over all orders of replacing forecast by
    actual.

    Parameters
    ----------
    deals : DataFrame
        ``Book.deals()``.
    period : Period
        The month that fell due.
    graded : DataFrame
        From `grade`: the company's forecast of that month, made one month before, is the one that is split.
    adjustments : float
        Facts of earlier months known only now; no part of the month's error, shown for completeness.

    Returns
    -------
    DataFrame
        ``part`` (volume, conversion, timing, size, adjustments, total) and ``amount`` (positive: the forecast was too
        high by this). Empty where there was no such forecast, or the month or the year before has no won deal.
    """
    row = month_forecast(graded, period)
    if row.empty:
        return pd.DataFrame(columns=["part", "amount"])
    forecast, actual = float(row["promised"].iloc[0]), month_factors(deals, period)
    before = pd.DataFrame([month_factors(deals, period - i) for i in range(1, 13)]).mean()
    if (
        any(math.isnan(actual[part]) or not actual[part] for part in PARTS)
        or before[["timing", "conversion"]].isna().any()
    ):
        return pd.DataFrame(columns=["part", "amount"])
    expected = {part: float(before[part]) for part in PARTS}
    expected["size"] = forecast / (expected["volume"] * expected["timing"] * expected["conversion"])
    parts = shapley(expected, actual)
    cents = _whole_cents(parts, forecast - math.prod(actual[part] for part in PARTS))
    rows = [*cents.items(), ("adjustments", round(adjustments, 2)), ("total", round(sum(cents.values()), 2))]
    return pd.DataFrame(rows, columns=["part", "amount"])


def shapley(start: dict[str, float], end: dict[str, float]) -> dict[str, float]:
    """Return each factor's average effect on a product, over all orders of moving from `end` to `start`.

    Examples
    --------
    >>> shapley({"a": 2.0, "b": 1.0}, {"a": 1.0, "b": 3.0})
    {'a': 2.0, 'b': -3.0}
    """
    names, effect = list(start), dict.fromkeys(start, 0.0)
    orders = list(itertools.permutations(names))
    for order in orders:
        now = dict(end)
        for name in order:
            was = math.prod(now.values())
            now[name] = start[name]
            effect[name] += (math.prod(now.values()) - was) / len(orders)
    return effect


def _whole_cents(parts: dict[str, float], whole: float) -> dict[str, float]:
    """Round parts to cents so that they add up to the rounded whole; the last cent goes to the largest part."""
    cents = {name: round(100 * part) for name, part in parts.items()}
    largest = max(cents, key=lambda name: abs(cents[name]))
    cents[largest] += round(100 * whole) - sum(cents.values())
    return {name: cent / 100 for name, cent in cents.items()}
