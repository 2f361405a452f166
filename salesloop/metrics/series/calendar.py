"""What the calendar does to a month: its working days, and where the Spring Festival falls in its year."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from salesloop import periods

USUAL_DAYS = 20.9
"""Working days of an average month."""
FESTIVAL_COUNTRIES = ("CN", "HK", "TW", "SG", "MO")
_BEFORE, _AFTER = 7, 14
_PRIOR, _PRIOR_SD = np.array([1.0, 0.0]), np.array([0.5, 0.4])
_LEAST, _HALF = 24, 6


def festival_share(months: pd.PeriodIndex) -> np.ndarray:
    """Return the share of the days around the lunar new year (7 before it, 14 from it on) that lie in each month.

    Examples
    --------
    >>> festival_share(pd.period_range("2025-01", "2025-03", freq="M")).round(2).tolist()
    [0.48, 0.52, 0.0]
    """
    made = np.zeros(len(months))
    for year in sorted(set(months.year)):
        first = periods.spring_festival(int(year)) - dt.timedelta(days=_BEFORE)
        days = pd.PeriodIndex([first + dt.timedelta(days=i) for i in range(_BEFORE + _AFTER)], freq="D").asfreq("M")
        for month, n in days.value_counts().items():
            made[np.asarray(months == month)] += n / (_BEFORE + _AFTER)
    return made


def effects(values: np.ndarray, months: pd.PeriodIndex, country: str) -> np.ndarray:
    """Return the factor that the calendar puts on each month, from how the panel itself moved with it.

    The monthly logs, freed of each series' moving level and each calendar month's mean, are regressed on the log of
    working days and on the place of the Spring Festival; both coefficients are shrunk, towards proportional to working
    days and towards no effect.

    Parameters
    ----------
    values : ndarray
        Series by month, NaN where missing.
    months : PeriodIndex
        The months of the columns, any number of coming ones behind them included.
    country : str
        Whose holidays count, an ISO code.

    Returns
    -------
    ndarray
        One factor a month, 1 on average over the known ones.
    """
    return fitted(values, design(months, country), months.month.to_numpy())


def design(months: pd.PeriodIndex, country: str) -> np.ndarray:
    """Return what moves with the calendar by month: the log of working days, and the festival's place where it is kept."""
    days = np.log([max(periods.working_days(month, country), 1) / USUAL_DAYS for month in months])
    columns = [days]
    if country in FESTIVAL_COUNTRIES:
        columns.append(festival_share(months))
    return np.column_stack(columns)


def fitted(values: np.ndarray, regressors: np.ndarray, month: np.ndarray) -> np.ndarray:
    """Return the factors of `effects` from its regressors and the calendar month of each column."""
    n = values.shape[1]
    beta = _shrunk(values, regressors[:n], month[:n])
    made = np.exp(regressors @ beta)
    return made / made[:n].mean()


def _shrunk(values: np.ndarray, regressors: np.ndarray, month: np.ndarray) -> np.ndarray:
    """Return ridge coefficients around their priors: 1 for working days, 0 for the festival."""
    prior, sd = _PRIOR[: regressors.shape[1]], _PRIOR_SD[: regressors.shape[1]]
    target = _moves(values, month)
    if target is None:
        return prior
    x, known = _free(regressors, month), np.isfinite(target)
    rest, inside = (target - x @ prior)[known], x[known]
    noise = max(float(np.var(rest)), 1e-8)
    return prior + np.linalg.solve(inside.T @ inside + np.diag(noise / sd**2), inside.T @ rest)


def _moves(values: np.ndarray, month: np.ndarray) -> np.ndarray | None:
    """Return the panel's mean monthly log, freed of level and season; None where there is too little of it."""
    logs = np.where(values > 0, np.log(np.where(values > 0, values, 1.0)), np.nan)
    usable = np.isfinite(logs).sum(axis=1) >= _LEAST
    if not usable.any():
        return None
    flat = logs[usable] - _level(logs[usable])
    n = np.isfinite(flat).sum(axis=0)
    mean = np.where(n > 0, np.nansum(flat, axis=0) / np.maximum(n, 1), np.nan)
    return _free(mean[:, None], month)[:, 0]


def _level(logs: np.ndarray) -> np.ndarray:
    """Return the mean of the months around each, six on either side; NaN where under seven of them are known."""
    padded = np.pad(logs, ((0, 0), (_HALF, _HALF)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _HALF + 1, axis=1)
    n = np.isfinite(windows).sum(axis=2)
    return np.where(n > _HALF, np.nansum(windows, axis=2) / np.maximum(n, 1), np.nan)


def _free(columns: np.ndarray, month: np.ndarray) -> np.ndarray:
    """Return columns less their mean of each calendar month: what is left moves from year to year only."""
    same = (month[:, None] == month[None, :]).astype(float)
    known = np.isfinite(columns)
    return columns - same @ np.where(known, columns, 0.0) / np.maximum(same @ known, 1)
