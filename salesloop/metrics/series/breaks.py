"""A level that broke: where a series jumped and stayed, found only where noise does not explain it."""

from __future__ import annotations

import numpy as np

_LEAST_SIDE = 6
_CRITICAL = 4.3
"""The scan's largest t, above which a jump counts: under 5 % of steady series of 18-60 months reach it."""
_LEAST_JUMP = 0.2
_WINDOW = 36


def find(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where each series broke and by how much.

    A jump of the log level is scanned over the last 36 months, at all with at least six on either side, by a t statistic whose noise
    is widened by its autocorrelation; a straight trend is taken out, so that slow growth is not taken for a jump.

    Parameters
    ----------
    values : ndarray
        Series by month, season and calendar taken out, NaN where missing.

    Returns
    -------
    at, factor : ndarray
        The first column after the break (-1 where there is none) and the level after over the level before.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> steady = 100 * np.exp(0.1 * rng.standard_normal((1, 30)))
    >>> jumped = steady * np.where(np.arange(30) < 18, 1.0, 2.0)
    >>> find(steady)[0].tolist(), find(jumped)[0].tolist()
    ([-1], [18])
    """
    at, factor = np.full(len(values), -1), np.ones(len(values))
    offset = max(values.shape[1] - _WINDOW, 0)
    values = values[:, offset:]
    known = np.isfinite(values)
    usable = (~known | (values > 0)).all(axis=1) & (known.sum(axis=1) >= 2 * _LEAST_SIDE)
    for pattern in np.unique(known[usable], axis=0):
        rows = np.flatnonzero(usable & (known == pattern).all(axis=1))
        place, jump = _scan(np.log(values[rows][:, pattern]))
        found = place > 0
        at[rows[found]], factor[rows] = offset + np.flatnonzero(pattern)[place[found]], np.exp(jump)
    return at, factor


def _scan(logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the best place and the size of a jump for series known in the same months; 0 where none stands out."""
    n = logs.shape[1]
    best, found, size = np.zeros(len(logs)), np.zeros(len(logs), dtype=int), np.zeros(len(logs))
    time = np.arange(n) - (n - 1) / 2
    for place in range(_LEAST_SIDE, n - _LEAST_SIDE + 1):
        design = np.column_stack([np.ones(n), time, np.arange(n) >= place])
        inverse = np.linalg.inv(design.T @ design)
        beta = logs @ design @ inverse
        spread = _noise(logs - beta @ design.T) * np.sqrt(inverse[2, 2])
        t = np.abs(beta[:, 2]) / np.maximum(spread, 1e-9)
        better = t > best
        best, found = np.where(better, t, best), np.where(better, place, found)
        size = np.where(better, beta[:, 2], size)
    sure = (best > _CRITICAL) & (np.abs(size) > _LEAST_JUMP)
    return np.where(sure, found, 0), np.where(sure, size, 0.0)


def _noise(rest: np.ndarray) -> np.ndarray:
    """Return the residuals' standard deviation, widened by their first autocorrelation."""
    square = (rest**2).sum(axis=1)
    sd = np.sqrt(square / max(rest.shape[1] - 3, 1))
    r = np.clip((rest[:, 1:] * rest[:, :-1]).sum(axis=1) / np.maximum(square, 1e-12), 0.0, 0.8)
    return sd * np.sqrt((1 + r) / (1 - r))
