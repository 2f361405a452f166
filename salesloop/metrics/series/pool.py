"""The pool of entrants: each forecasts every series at once; their average stands beside them."""

from __future__ import annotations

import numpy as np

from salesloop.metrics.series import season, smoothing

AVERAGED = ("theta", "damped", "holt_winters")
METHODS = ("naive", "seasonal_naive", *AVERAGED, "average")
SPARSE_SHARE = 1 / 3


def entrants(values: np.ndarray, horizon: int, *, period: int = 12, non_negative: bool = True) -> dict[str, np.ndarray]:
    """Return every entrant's forecasts.

    Parameters
    ----------
    values : ndarray
        Series by time; all end in the last column, NaN before a series begins and where a month is missing.
    horizon : int
        Columns ahead.
    period : int
        Observations a year.
    non_negative : bool, default True
        Cut forecasts at 0.

    Returns
    -------
    dict of str to ndarray
        Series by horizon for each of `METHODS`. A series with more than a third zeros gets simple exponential
        smoothing in the place of the averaged ones.

    Examples
    --------
    >>> entrants(np.full((1, 6), 10.0), 2)["average"].tolist()
    [[10.0, 10.0]]
    """
    made = season.factors(values, period)
    plain = values / season.along(made, values.shape[1])
    coming = season.ahead(made, horizon)
    found = {
        "naive": np.repeat(_last(values)[:, None], horizon, axis=1),
        "seasonal_naive": seasonal_naive(values, horizon, period),
        "theta": smoothing.theta(plain, horizon) * coming,
        "damped": smoothing.damped(plain, horizon) * coming,
        "holt_winters": smoothing.holt_winters(values, made, horizon),
    }
    sparse = is_sparse(values)
    if sparse.any():
        flat = smoothing.exponential(values[sparse], horizon)
        for name in AVERAGED:
            found[name][sparse] = flat
    found["average"] = np.mean([found[name] for name in AVERAGED], axis=0)
    return {name: np.maximum(part, 0.0) if non_negative else part for name, part in found.items()}


def is_sparse(values: np.ndarray) -> np.ndarray:
    """Return which series have more than a third zeros."""
    known = np.isfinite(values).sum(axis=1)
    return (values == 0).sum(axis=1) > SPARSE_SHARE * np.maximum(known, 1)


def _last(values: np.ndarray) -> np.ndarray:
    """Return each series' last known value, 0 for one without any."""
    known = np.isfinite(values)
    at = values.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    return np.where(known.any(axis=1), values[np.arange(len(values)), at], 0.0)


def seasonal_naive(values: np.ndarray, horizon: int, period: int = 12) -> np.ndarray:
    """Return the value of the same month a year before, the last value where there is none.

    Examples
    --------
    >>> seasonal_naive(np.arange(12.0)[None], 2).tolist(), seasonal_naive(np.arange(3.0)[None], 2).tolist()
    ([[0.0, 1.0]], [[2.0, 2.0]])
    """
    n = values.shape[1]
    at = n - period + np.arange(horizon) % period
    year = np.where(at[None] >= 0, values[:, np.maximum(at, 0)], np.nan)
    return np.where(np.isfinite(year), year, _last(values)[:, None])


def rolling(
    values: np.ndarray, horizon: int, *, origins: int = 12, least: int = 3, period: int = 12
) -> list[tuple[int, dict[str, np.ndarray], np.ndarray]]:
    """Return the entrants' forecasts from earlier ends of the same series, with what came.

    All ends are forecast at once: each series is moved so that every end falls into the last column.

    Returns
    -------
    list of (end, forecasts, actual)
        `end` is the number of columns that were known; actual is series by horizon, NaN beyond the data and for series
        with fewer than `least` known values by then.
    """
    count, n = values.shape
    ends = list(range(n - 1, max(n - 1 - origins, least - 1), -1))
    if not ends:
        return []
    moved = np.full((len(ends), count, ends[0]), np.nan)
    came = np.full((len(ends), count, horizon), np.nan)
    for place, end in enumerate(ends):
        moved[place, :, ends[0] - end :] = values[:, :end]
        width = min(horizon, n - end)
        came[place, :, :width] = values[:, end : end + width]
    live = np.isfinite(moved).sum(axis=2) >= least
    came[~live] = np.nan
    told = entrants(np.where(live[:, :, None], moved, 1.0).reshape(-1, ends[0]), horizon, period=period)
    return [
        (end, {name: part.reshape(len(ends), count, horizon)[place] for name, part in told.items()}, came[place])
        for place, end in enumerate(ends)
    ]
