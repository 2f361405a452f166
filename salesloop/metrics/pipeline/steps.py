"""The calendar that deals move on: every month is four steps that end on the 8th, 15th, 23rd and last day.

Steps end where months end, so that what a deal does by the end of a month needs no rounding, and the last step of a
month and of a quarter can have a pace of their own.
"""

from __future__ import annotations

import calendar
import datetime as dt
from functools import lru_cache

import numpy as np
import pandas as pd

from salesloop import periods

PER_MONTH = 4
_LAST_DAYS = (8, 15, 23)
_USUAL_WORK, _LEAST_WORK = 5.2, 0.5


def step_of(days: pd.Series) -> np.ndarray:
    """Return the step that each day lies in, counted from year 0; -1 where the day is missing.

    Examples
    --------
    >>> step_of(pd.Series(pd.to_datetime(["2026-10-01", "2026-10-08", "2026-10-31", "2026-11-01", None]))).tolist()
    [97284, 97284, 97287, 97288, -1]
    """
    if not pd.api.types.is_datetime64_dtype(days):
        days = pd.to_datetime(pd.Series(days))
    day = days.to_numpy().astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    part = np.searchsorted(_LAST_DAYS, (day - month).astype(np.int64) + 1, side="left")
    step = (month.astype(np.int64) + 1970 * 12) * PER_MONTH + part
    return np.where(np.isnat(day), -1, step)


def last_step(as_of: dt.date) -> int:
    """Return the last step that `as_of` completes.

    Examples
    --------
    >>> import datetime as dt
    >>> last_step(dt.date(2026, 10, 31)) - last_step(dt.date(2026, 10, 8)), last_step(dt.date(2026, 10, 14))
    (3, 97284)
    """
    after = as_of + dt.timedelta(days=1)
    part = sum(after.day > last for last in _LAST_DAYS)
    return (after.year * 12 + after.month - 1) * PER_MONTH + part - 1


def first_month(as_of: dt.date) -> pd.Period:
    """Return the first month that lies ahead of `as_of`: its own until its last day, then the next one."""
    return (pd.Timestamp(as_of) + pd.Timedelta(days=1)).to_period("M")


def month_start(month: pd.Period) -> int:
    """Return a month's first step."""
    return (month.year * 12 + month.month - 1) * PER_MONTH


def timing(step: np.ndarray) -> np.ndarray:
    """Return each step's place: 0-3 in a plain month, 4-7 in the last month of a calendar quarter.

    Examples
    --------
    >>> timing(np.array([97284, 97288, 97295])).tolist()
    [0, 0, 7]
    """
    place, month = step % PER_MONTH, (step // PER_MONTH) % 12
    return place + PER_MONTH * (month % 3 == 2)


def work(step: np.ndarray, country: str) -> np.ndarray:
    """Return the log of each step's working days over the usual ones: 0 in a usual step, far below in a holiday week.

    Examples
    --------
    >>> work(np.array([97285, 97284]), "CN").round(2).tolist()  # 9 to 15 and 1 to 8 October 2026
    [0.14, -1.65]
    """
    if len(step) == 0:
        return np.zeros(0)
    first = int(step.min())
    found = np.flatnonzero(np.bincount(step - first))
    told = np.zeros(found[-1] + 1)
    days = np.array([_worked(first + int(one), country) for one in found], dtype=float)
    told[found] = np.log(np.maximum(days, _LEAST_WORK) / _USUAL_WORK)
    return told[step - first]


@lru_cache(maxsize=4096)
def _worked(step: int, country: str) -> int:
    year, month = divmod(step // PER_MONTH, 12)
    last = calendar.monthrange(year, month + 1)[1]
    first, until = (0, *_LAST_DAYS)[step % PER_MONTH] + 1, (*_LAST_DAYS, last)[step % PER_MONTH]
    days = (dt.date(year, month + 1, day) for day in range(first, until + 1))
    return sum(periods.is_working_day(day, country) for day in days)
