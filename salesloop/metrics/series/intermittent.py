"""Series with many zero months, many at once: how large a month with sales is, and how often one comes.

All forecasts are flat: what a month brings on average. Their mean is what the pool uses.
"""

from __future__ import annotations

import numpy as np

METHODS = ("sba", "tsb", "adida", "imapa")
_ALPHA, _ALPHA_CHANCE = 0.1, 0.1
_ALPHAS = (0.05, 0.1, 0.2, 0.3)
_MOST_BUCKET = 12


def entrants(values: np.ndarray, horizon: int) -> dict[str, np.ndarray]:
    """Return each method's flat forecasts, series by horizon.

    Parameters
    ----------
    values : ndarray
        Series by month, at least one known each; NaN before a series begins and where a month is missing.
    horizon : int
        Months ahead.

    Examples
    --------
    >>> told = entrants(np.tile([0.0, 0.0, 6.0], 8)[None], 1)
    >>> {name: round(float(found[0, 0]), 2) for name, found in told.items()}
    {'sba': 1.9, 'tsb': 2.2, 'adida': 2.0, 'imapa': 2.11}
    """
    levels = {"sba": sba(values), "tsb": tsb(values), "adida": adida(values), "imapa": imapa(values)}
    return {name: np.repeat(level[:, None], horizon, axis=1) for name, level in levels.items()}


def sba(values: np.ndarray, alpha: float = _ALPHA) -> np.ndarray:
    """Return Croston's rate of sales, freed of its bias (Croston 1972; Syntetos and Boylan 2005).

    Size and interval are smoothed where a sale comes; both start with the first sale, its interval counted from the
    series' beginning.

    Examples
    --------
    >>> sba(np.array([[0.0, 2.0, 0.0, 0.0, 4.0]]), alpha=0.5)  # size 3, interval 2.5, times 1 - 0.5 / 2
    array([0.9])
    """
    size, interval, since = np.zeros(len(values)), np.zeros(len(values)), np.zeros(len(values))
    begun = np.zeros(len(values), dtype=bool)
    for column in values.T:
        known = np.isfinite(column)
        since += known
        sold = known & (column != 0)
        size = np.where(sold, np.where(begun, size + alpha * (column - size), column), size)
        interval = np.where(sold, np.where(begun, interval + alpha * (since - interval), since), interval)
        since = np.where(sold, 0.0, since)
        begun |= sold
    return np.where(begun, (1 - alpha / 2) * size / np.maximum(interval, 1.0), 0.0)


def tsb(values: np.ndarray, alpha: float = _ALPHA, chance_alpha: float = _ALPHA_CHANCE) -> np.ndarray:
    """Return size times chance of a sale, the chance smoothed every month, so that what has ended fades (Teunter et al. 2011).

    The chance starts with the share of months with a sale, the size with the first sale.

    Examples
    --------
    >>> tsb(np.array([[0.0, 4.0, 0.0, 4.0]]), alpha=0.5, chance_alpha=0.5)  # chance .5: .25, .625, .3125, .65625
    array([2.625])
    """
    known = np.isfinite(values)
    sold = known & (values != 0)
    chance = sold.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    size, begun = np.zeros(len(values)), np.zeros(len(values), dtype=bool)
    for column, is_known, is_sold in zip(values.T, known.T, sold.T, strict=True):
        chance = np.where(is_known, chance + chance_alpha * (is_sold - chance), chance)
        size = np.where(is_sold, np.where(begun, size + alpha * (column - size), column), size)
        begun |= is_sold
    return chance * size


def adida(values: np.ndarray) -> np.ndarray:
    """Return the level smoothed over buckets as long as the mean interval between sales (Nikolopoulos et al. 2011).

    Examples
    --------
    >>> adida(np.array([[0.0, 3.0, 0.0, 5.0, 0.0, 4.0]])).round(2)  # buckets of 2 months: 1.5, 2.5, 2 a month
    array([1.86])
    """
    lengths = _interval(values)
    made = np.zeros(len(values))
    for length in np.unique(lengths):
        rows = lengths == length
        made[rows] = _by_bucket(values[rows], int(length))
    return made


def imapa(values: np.ndarray) -> np.ndarray:
    """Return the mean of the levels smoothed over buckets of one month up to the mean interval (Petropoulos and Kourentzes 2015)."""
    lengths = _interval(values)
    made = np.zeros(len(values))
    for length in range(1, int(lengths.max(initial=1)) + 1):
        rows = lengths >= length
        made[rows] += _by_bucket(values[rows], length)
    return made / lengths


def _interval(values: np.ndarray) -> np.ndarray:
    """Return the mean number of months from one sale to the next, whole, 1 to 12."""
    known = np.isfinite(values)
    sales = (known & (values != 0)).sum(axis=1)
    return np.clip(np.round(known.sum(axis=1) / np.maximum(sales, 1)), 1, _MOST_BUCKET).astype(int)


def _by_bucket(values: np.ndarray, length: int) -> np.ndarray:
    """Return the monthly level by simple exponential smoothing of sums over buckets that end with the last month."""
    count, n = values.shape
    buckets = max(n // length, 1)
    parts = values[:, n - buckets * length :].reshape(count, buckets, -1) if n >= length else values[:, None, :]
    known = np.isfinite(parts)
    months = known.sum(axis=2)
    mean = np.where(known, parts, 0.0).sum(axis=2) / np.maximum(months, 1)
    return _smoothed(np.where(months > 0, mean, np.nan))


def _smoothed(rows: np.ndarray) -> np.ndarray:
    """Return the last level by the smoothing that would have forecast each row best."""
    alpha = np.array(_ALPHAS)[:, None]
    level, loss = np.full((len(alpha), len(rows)), np.nan), np.zeros((len(alpha), len(rows)))
    for column in rows.T:
        on, begun = np.isfinite(column)[None], np.isfinite(level)
        error = np.where(on & begun, np.nan_to_num(column)[None] - np.nan_to_num(level), 0.0)
        loss += error**2
        level = np.where(begun, level + alpha * error, np.where(on, column[None], level))
    best = np.take_along_axis(level, loss.argmin(axis=0)[None], axis=0)[0]
    return np.nan_to_num(best)
