"""The calendar that deals move on: every month is four steps that end on the 8th, 15th, 23rd and last day.

Steps end where months end, so that what a deal does by the end of a month needs no rounding, and the last step of a
month and of a quarter can have a pace of their own.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

PER_MONTH = 4
_LAST_DAYS = (8, 15, 23)


def step_of(days: pd.Series) -> np.ndarray:
    """Return the step that each day lies in, counted from year 0; -1 where the day is missing.

    Examples
    --------
    >>> step_of(pd.Series(pd.to_datetime(["2026-10-01", "2026-10-08", "2026-10-31", "2026-11-01", None]))).tolist()
    [97284, 97284, 97287, 97288, -1]
    """
    day = pd.to_datetime(pd.Series(days)).reset_index(drop=True)
    month = day.dt.year * 12 + day.dt.month - 1
    part = np.searchsorted(_LAST_DAYS, day.dt.day.fillna(1).to_numpy(), side="left")
    return np.where(day.isna(), -1, month.fillna(0).to_numpy() * PER_MONTH + part).astype(np.int64)


def last_step(as_of: dt.date) -> int:
    """Return the last step that `as_of` completes.

    Examples
    --------
    >>> import datetime as dt
    >>> last_step(dt.date(2026, 10, 31)) - last_step(dt.date(2026, 10, 8)), last_step(dt.date(2026, 10, 14))
    (3, 97284)
    """
    after = pd.Series([pd.Timestamp(as_of) + pd.Timedelta(days=1)])
    return int(step_of(after)[0]) - 1


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
