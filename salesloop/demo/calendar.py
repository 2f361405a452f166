"""Working time: how much of a working day each day carries, and clocks that run by it."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

import numpy as np
import pandas as pd

from salesloop import periods

OFF = 0.01
OPENS, HOURS = 9.0, 9.5


@lru_cache(maxsize=32)
def day_weights(first: dt.date, n_days: int) -> np.ndarray:
    """Return each day's share of a working day: about 1, little on days off, less around Spring Festival."""
    days = [first + dt.timedelta(days=i) for i in range(n_days)]
    weight = np.array([1.0 if periods.is_working_day(day) else OFF for day in days])
    for year in range(days[0].year, days[-1].year + 2):
        gap = (periods.spring_festival(year) - first).days
        for offset in range(-9, 16):
            if 0 <= gap + offset < n_days:
                weight[gap + offset] *= 0.55 if offset < 0 else 0.7
    weight.flags.writeable = False
    return weight


@lru_cache(maxsize=32)
def quarter_end(first: dt.date, n_days: int, *, hard: bool) -> np.ndarray:
    """Return factors of the pace of closing: faster at the end of months and above all of quarters."""
    days = pd.date_range(first, periods=n_days)
    left = np.asarray(days.days_in_month - days.day)
    last = np.asarray(days.month % 3 == 0)
    plain, strong = (1.1, 1.35) if not hard else (1.4, 3.2)
    slow = 1.0 if not hard else 0.65
    factor = np.where(left < 8, np.where(last, strong, plain), slow)
    factor.flags.writeable = False
    return factor


@lru_cache(maxsize=32)
def month_of(first: dt.date, n_days: int) -> tuple[np.ndarray, np.ndarray]:
    """Return each day's month, counted from the first day's, and the first day of each month."""
    days = pd.date_range(first, periods=n_days + 1)
    month = np.asarray((days.year - first.year) * 12 + days.month - first.month)
    starts = np.flatnonzero(np.r_[True, np.diff(month) > 0])
    return month, starts


class Clocks:
    """Several clocks side by side, each the sum of its days' weights, read in both directions.

    Parameters
    ----------
    weights : ndarray
        One row a clock, one column a day.
    """

    def __init__(self, weights: np.ndarray):
        self.weights = weights
        self.sums = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights, axis=1)], axis=1)
        self.step = float(self.sums.max()) + 1.0
        self.flat = (self.sums + self.step * np.arange(len(weights))[:, None]).ravel()

    def read(self, clock: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Return what clocks show at times (days since the first day)."""
        day = np.minimum(t.astype(np.int64), self.weights.shape[1] - 1)
        return self.sums[clock, day] + (t - day) * self.weights[clock, day]

    def when(self, clock: np.ndarray, shown: np.ndarray) -> np.ndarray:
        """Return when clocks show something; past the last day infinity."""
        width = self.sums.shape[1]
        day = np.searchsorted(self.flat, shown + self.step * clock, side="right") - 1 - clock * width
        late = day >= width - 1
        day = np.clip(day, 0, width - 2)
        t = day + (shown - self.sums[clock, day]) / self.weights[clock, day]
        return np.where(late, np.inf, np.minimum(t, day + 0.999999))


def stamp(origin: dt.date, t: np.ndarray) -> np.ndarray:
    """Return local times of days since `origin`: the fraction of a day runs through its office hours."""
    held = np.where(np.isfinite(t), t, 0.0)
    day = np.floor(held)
    second = np.round((OPENS + HOURS * (held - day)) * 3600)
    gone = (day * 86_400 + second).astype("timedelta64[s]")
    made = np.datetime64(origin, "s") + gone
    return np.where(np.isfinite(t), made, np.datetime64("NaT")).astype("datetime64[us]")


def date_of(origin: dt.date, t: np.ndarray) -> np.ndarray:
    """Return local days of days since `origin`."""
    made = np.datetime64(origin, "D") + np.floor(np.where(np.isfinite(t), t, 0.0)).astype("timedelta64[D]")
    return np.where(np.isfinite(t), made, np.datetime64("NaT")).astype("datetime64[us]")
