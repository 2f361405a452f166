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
_LEAST = 24


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
    days = np.log([max(periods.working_days(month, country), 1) / USUAL_DAYS for month in months])
    regressors = [days - days.mean()]
    if country in FESTIVAL_COUNTRIES:
        share = festival_share(months)
        regressors.append(share - share.mean())
    design, n = np.column_stack(regressors), values.shape[1]
    beta = _shrunk(values, design[:n], months[:n])
    made = np.exp(design @ beta)
    return made / made[:n].mean()


def _shrunk(values: np.ndarray, design: np.ndarray, months: pd.PeriodIndex) -> np.ndarray:
    """Return ridge coefficients around their priors: 1 for working days, 0 for the festival."""
    prior, sd = _PRIOR[: design.shape[1]], _PRIOR_SD[: design.shape[1]]
    target = _moves(values, months)
    if target is None:
        return prior
    x, known = _free(design, months), np.isfinite(target)
    rest, inside = (target - x @ prior)[known], x[known]
    noise = max(float(np.var(rest)), 1e-8)
    return prior + np.linalg.solve(inside.T @ inside + np.diag(noise / sd**2), inside.T @ rest)


def _moves(values: np.ndarray, months: pd.PeriodIndex) -> np.ndarray | None:
    """Return the panel's mean monthly log, freed of level and season; None where there is too little of it."""
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.where(values > 0, np.log(np.where(values > 0, values, 1.0)), np.nan)
    usable = np.isfinite(logs).sum(axis=1) >= _LEAST
    if not usable.any():
        return None
    rows = pd.DataFrame(logs[usable].T)
    level = rows.rolling(13, center=True, min_periods=7).mean()
    flat = (rows - level).mean(axis=1).to_numpy()
    return _free(flat[:, None], months)[:, 0]


def _free(columns: np.ndarray, months: pd.PeriodIndex) -> np.ndarray:
    """Return columns less their mean of each calendar month: what is left moves from year to year only."""
    frame = pd.DataFrame(columns)
    return (frame - frame.groupby(np.asarray(months.month)).transform("mean")).to_numpy()
