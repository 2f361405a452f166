"""How much of a period should be done by a day: seasonal shares of its months, working days and habit inside a month."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from salesloop import periods
from salesloop.metrics.series import season

STEPS = 20
"""Points of the curve inside a month."""
HABIT_PRIOR = 6
"""Months of an even pace that the habit inside a month is shrunk with."""
SEASON_MONTHS, HABIT_MONTHS = 24, 24


def month_weights(
    bookings: pd.DataFrame, months: list[pd.Period], *, period: pd.Period, country: str = "CN"
) -> pd.Series:
    """Return what share of some months' bookings each month usually brings.

    Parameters
    ----------
    bookings : DataFrame
        Facts of bookings: ``on, value``.
    months : list of Period
        The months of a month, quarter or year.
    period : Period
        The month under way or just ended: only whole months before it teach.
    country : str
        Whose working days count.

    Returns
    -------
    Series
        Shares that add up to 1, by month: working days times a seasonal factor (shrunk; none under 24 months).
    """
    days = pd.Series([float(periods.working_days(m, country)) for m in months], index=pd.PeriodIndex(months))
    monthly = _monthly(bookings, period)
    if len(monthly) < SEASON_MONTHS:
        return days / days.sum()
    rate = monthly / [periods.working_days(m, country) for m in monthly.index]
    factor = season.factors(rate.to_numpy(dtype=float)[None])[0]
    place = [(monthly.index[-1] - m).n % 12 for m in months]
    weight = days * factor[place]
    return weight / weight.sum()


def _monthly(bookings: pd.DataFrame, period: pd.Period) -> pd.Series:
    """Return bookings by whole month before `period`, from the first month on."""
    if bookings.empty:
        return pd.Series(dtype="float64")
    by = bookings.groupby(bookings["on"].dt.to_period("M"))["value"].sum()
    by = by[by.index < period]
    return by.reindex(pd.period_range(by.index[0], period - 1, freq="M"), fill_value=0.0) if len(by) else by


def habit(bookings: pd.DataFrame, *, period: pd.Period, country: str = "CN") -> np.ndarray:
    """Return the share of a month's bookings usually closed by each twentieth of its working days.

    Returns
    -------
    ndarray
        21 rising shares from 0 to 1; a straight line where nothing is known, shrunk towards it with 6 months.

    Examples
    --------
    >>> habit(pd.DataFrame({"on": [], "value": []}), period=periods.parse_period("2026-10"))[[0, 10, 20]].tolist()
    [0.0, 0.5, 1.0]
    """
    grid = np.linspace(0, 1, STEPS + 1)
    monthly = _monthly(bookings, period).tail(HABIT_MONTHS)
    monthly = monthly[monthly > 0]
    if monthly.empty:
        return grid
    facts = bookings.assign(month=bookings["on"].dt.to_period("M"), day=bookings["on"].dt.normalize())
    facts = facts[facts["month"].isin(monthly.index)].groupby(["month", "day"])["value"].sum().reset_index()
    facts["share"] = [
        periods.working_day_share(m, d.date(), country) for m, d in zip(facts["month"], facts["day"], strict=True)
    ]
    curves = [_cumulative(group, grid) for _, group in facts.groupby("month")]
    weight = len(curves) / (len(curves) + HABIT_PRIOR)
    made = weight * np.mean(curves, axis=0) + (1 - weight) * grid
    made[0], made[-1] = 0.0, 1.0
    return np.clip(np.maximum.accumulate(made), 0.0, 1.0)


def _cumulative(group: pd.DataFrame, grid: np.ndarray) -> np.ndarray:
    """Return the share of a month's value that lies at or before each point of the grid."""
    ordered = group.sort_values("share", kind="stable")
    rising = np.concatenate([[0.0], ordered["value"].cumsum().to_numpy()])
    return rising[np.searchsorted(ordered["share"].to_numpy(), grid + 1e-9, side="right")] / rising[-1]


def elapsed_share(weights: pd.Series, inside: np.ndarray, *, as_of: dt.date, country: str = "CN") -> float:
    """Return the share of a period that should be done by the end of a day.

    Parameters
    ----------
    weights : Series
        From `month_weights`.
    inside : ndarray
        From `habit`.
    as_of : date
        The day.

    Examples
    --------
    >>> even = pd.Series([0.5, 0.5], index=pd.PeriodIndex(["2026-09", "2026-10"], freq="M"))
    >>> elapsed_share(even, np.linspace(0, 1, 21), as_of=dt.date(2026, 9, 30))
    0.5
    """
    grid = np.linspace(0, 1, len(inside))
    share = [np.interp(periods.working_day_share(month, as_of, country), grid, inside) for month in weights.index]
    return float(np.dot(weights.to_numpy(), share))


def working_days_between(first: dt.date, last: dt.date, country: str = "CN") -> int:
    """Return the number of working days from one day to another, both counted.

    Examples
    --------
    >>> working_days_between(dt.date(2026, 10, 26), dt.date(2026, 10, 31))
    5
    """
    days = (last - first).days + 1
    return sum(periods.is_working_day(first + dt.timedelta(days=i), country) for i in range(max(days, 0)))
