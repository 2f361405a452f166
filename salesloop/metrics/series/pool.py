"""The pool of entrants: each forecasts every series at once; their average stands beside them."""

from __future__ import annotations

import numpy as np

from salesloop.metrics.series import intermittent, past, season, smoothing

AVERAGED = ("theta", "damped", "holt_winters")
METHODS = ("naive", "seasonal_naive", *AVERAGED, "average")
SPARSE_SHARE = 1 / 3
_ROWS = 2000


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
        Series by horizon for each of `METHODS`. A series with more than a third zeros gets the mean of
        the methods of `intermittent` in the place of the averaged ones.

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
        flat = np.mean([*intermittent.entrants(values[sparse], horizon).values()], axis=0)
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
    pasts: list[past.Past], horizon: int, *, period: int = 12, non_negative: bool = True
) -> list[dict[str, np.ndarray]]:
    """Return the entrants' forecasts from each of some earlier ends, as many ends at once as fit well into memory."""
    found: list[dict[str, np.ndarray]] = []
    count = len(pasts[0].known) if pasts else 1
    size = max(_ROWS // max(count, 1), 1)
    for start in range(0, len(pasts), size):
        some = pasts[start : start + size]
        known = np.concatenate([one.known for one in some])
        live = np.isfinite(known).sum(axis=1) >= past.LEAST
        told = entrants(np.where(live[:, None], known, 1.0), horizon, period=period, non_negative=non_negative)
        found += [{name: part[i * count : (i + 1) * count] for name, part in told.items()} for i in range(len(some))]
    return found
