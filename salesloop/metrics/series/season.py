"""Seasonal factors of many series at once, shrunk towards none (James and Stein; Miller and Williams 2003)."""

from __future__ import annotations

import warnings

import numpy as np

LEAST_CYCLES = 2
_REACH = 1.5
"""Years on either side that count for the level of a month."""


def factors(values: np.ndarray, period: int = 12) -> np.ndarray:
    """Return shrunk seasonal factors of series that end in the same column.

    Parameters
    ----------
    values : ndarray
        Series by time, NaN before a series begins.
    period : int
        Observations a year.

    Returns
    -------
    ndarray
        Series by period: the factor of column t is at ``t % period`` counted from the **last** column backwards, so
        that position 0 is the last observation's; all 1 where there are under two cycles or values at or below 0.

    Examples
    --------
    >>> y = np.tile([80.0, 100.0, 120.0, 100.0], 6)[None]
    >>> factors(y, 4).round(2).tolist()
    [[1.0, 1.2, 1.0, 0.8]]
    """
    made = np.ones((len(values), period))
    known = np.isfinite(values).sum(axis=1)
    positive = np.nanmin(np.where(np.isfinite(values), values, np.inf), axis=1) > 0
    fit = np.flatnonzero((known >= LEAST_CYCLES * period) & positive)
    if len(fit) == 0 or period < 3:
        return made
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        made[fit] = _shrunk(values[fit] / _level(values[fit], period), period)
    return made


def _level(values: np.ndarray, period: int) -> np.ndarray:
    """Return the weighted mean of the months around each, up to a year and a half on either side, the near ones most.

    Unlike the centred moving average it has a value for every month: of 36 months it uses all, not the middle 24.
    """
    n, known = values.shape[1], np.isfinite(values)
    apart = np.abs(np.arange(n)[:, None] - np.arange(n)[None]) / round(_REACH * period)
    near = np.clip(1 - apart**3, 0.0, None) ** 3
    return np.where(known, values, 0.0) @ near / np.maximum(known @ near, 1e-12)


def _shrunk(ratio: np.ndarray, period: int) -> np.ndarray:
    n = ratio.shape[1]
    place = (n - 1 - np.arange(n)) % period
    cells = [ratio[:, place == p] for p in range(period)]
    mean = np.stack([np.nanmean(cell, axis=1) for cell in cells], axis=1)
    count = np.stack([np.isfinite(cell).sum(axis=1) for cell in cells], axis=1)
    spread = np.stack(
        [np.nansum((cell - m[:, None]) ** 2, axis=1) for cell, m in zip(cells, mean.T, strict=True)], axis=1
    )
    free = np.maximum((count - 1).sum(axis=1), 0)
    mean = mean / np.nanmean(mean, axis=1, keepdims=True)
    within = np.where(free > 0, spread.sum(axis=1) / np.maximum(free, 1), np.nan)
    between = np.nanvar(mean, axis=1, ddof=1)
    within = np.where(np.isfinite(within), within, between / 2)
    noise = within / np.maximum(count.mean(axis=1), 1)
    keep = np.clip(1 - (period - 3) / (period - 1) * noise / np.maximum(between, 1e-12), 0, 1)
    made = 1 + keep[:, None] * (mean - 1)
    made = np.where(np.isfinite(made), made, 1.0)
    made = np.maximum(made, 0.05)
    return made / made.mean(axis=1, keepdims=True)


def along(made: np.ndarray, n: int) -> np.ndarray:
    """Return the factor of each of the last `n` columns, oldest first."""
    return made[:, (n - 1 - np.arange(n)) % made.shape[1]]


def ahead(made: np.ndarray, horizon: int) -> np.ndarray:
    """Return the factor of each of the next `horizon` columns."""
    return made[:, (-1 - np.arange(horizon)) % made.shape[1]]
