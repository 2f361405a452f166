"""Exponential smoothing of many series at once: every series and every candidate setting is one element of an array."""

from __future__ import annotations

import itertools

import numpy as np

_ALPHA = (0.03, 0.08, 0.16, 0.3, 0.5, 0.75)
_BETA = (0.02, 0.08, 0.2)
_PHI = (0.8, 0.9, 0.97)
_GAMMA = (0.0, 0.05, 0.15, 0.3)
_ALPHA_SEASON = (0.05, 0.15, 0.3, 0.6)
_BETA_SEASON = (0.01, 0.08)
_PHI_SEASON = (0.9, 0.98)


def _begin(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each series' first column and its starting level, the mean of its first few values."""
    known = np.isfinite(values)
    first = known.argmax(axis=1)
    n = values.shape[1]
    rows = np.arange(len(values))
    take = np.stack([values[rows, np.minimum(first + i, n - 1)] for i in range(4)], axis=1)
    return first, np.nanmean(take, axis=1)


def _best(levels: np.ndarray, loss: np.ndarray) -> np.ndarray:
    return np.take_along_axis(levels, loss.argmin(axis=0)[None], axis=0)[0]


def _slope(values: np.ndarray) -> np.ndarray:
    """Return the least squares slope of each series over its known part."""
    known = np.isfinite(values)
    time = np.arange(values.shape[1])[None] * known
    count = known.sum(axis=1)
    t_mean = time.sum(axis=1) / count
    centred = (np.arange(values.shape[1])[None] - t_mean[:, None]) * known
    y = np.where(known, values, 0.0)
    return (centred * y).sum(axis=1) / np.maximum((centred**2).sum(axis=1), 1e-12)


def theta(values: np.ndarray, horizon: int) -> np.ndarray:
    """Return theta forecasts (Assimakopoulos and Nikolopoulos 2000) of series without season.

    Examples
    --------
    >>> theta(np.arange(1.0, 25.0)[None], 2).round(1).tolist()
    [[24.3, 24.8]]
    """
    alpha = np.array(_ALPHA)[:, None]
    first, level = _begin(values)
    level = np.repeat(level[None], len(alpha), axis=0)
    loss = np.zeros_like(level)
    for t in range(values.shape[1]):
        on = np.isfinite(values[:, t])[None] & (t >= first)[None]
        error = np.where(on, np.nan_to_num(values[:, t])[None] - level, 0.0)
        loss += np.where((t > first)[None], error**2, 0.0)
        level = level + alpha * error
    pick = loss.argmin(axis=0)
    level, chosen = _best(level, loss), alpha[pick, 0]
    n = np.isfinite(values).sum(axis=1)
    drift = _slope(values)[:, None] / 2
    step = np.arange(horizon)[None] + (1 - (1 - chosen) ** n)[:, None] / chosen[:, None]
    return level[:, None] + drift * step


def damped(values: np.ndarray, horizon: int) -> np.ndarray:
    """Return damped-trend forecasts (Gardner and McKenzie 1985) of series without season."""
    grid = np.array(list(itertools.product(_ALPHA, _BETA, _PHI)))
    alpha, beta, phi = (grid[:, i : i + 1] for i in range(3))
    first, start = _begin(values)
    level = np.repeat(start[None], len(grid), axis=0)
    trend, loss = np.zeros_like(level), np.zeros_like(level)
    for t in range(values.shape[1]):
        on = np.isfinite(values[:, t])[None] & (t >= first)[None]
        expected = level + phi * trend
        error = np.where(on, np.nan_to_num(values[:, t])[None] - expected, 0.0)
        loss += np.where((t > first)[None], error**2, 0.0)
        level = np.where(on, expected + alpha * error, level)
        trend = np.where(on, phi * trend + alpha * beta * error, trend)
    pick = loss.argmin(axis=0)
    rate = grid[pick, 2]
    push = np.cumsum(rate[:, None] ** np.arange(1, horizon + 1)[None], axis=1)
    return _best(level, loss)[:, None] + push * _best(trend, loss)[:, None]


def holt_winters(values: np.ndarray, season: np.ndarray, horizon: int) -> np.ndarray:
    """Return damped Holt-Winters forecasts whose shrunk seasonal factors go on learning.

    Parameters
    ----------
    values : ndarray
        Series with their season.
    season : ndarray
        From `season.factors`.
    """
    grid = np.array(list(itertools.product(_ALPHA_SEASON, _BETA_SEASON, _GAMMA, _PHI_SEASON)))
    alpha, beta, gamma, phi = (grid[:, i : i + 1] for i in range(4))
    period, n = season.shape[1], values.shape[1]
    place = (n - 1 - np.arange(n)) % period
    first, start = _begin(values / season[:, place])
    level = np.repeat(start[None], len(grid), axis=0)
    trend, loss = np.zeros_like(level), np.zeros_like(level)
    factor = np.repeat(season.T[:, None], len(grid), axis=1)
    for t in range(n):
        on = np.isfinite(values[:, t])[None] & (t >= first)[None]
        now, expected = factor[place[t]], level + phi * trend
        error = np.where(on, np.nan_to_num(values[:, t])[None] - expected * now, 0.0)
        loss += np.where((t > first)[None], error**2, 0.0)
        level = np.where(on, expected + alpha * error / now, level)
        trend = np.where(on, phi * trend + alpha * beta * error / now, trend)
        safe = np.where(np.abs(expected) > 1e-9, expected, np.inf)
        factor[place[t]] = np.clip(now + gamma * (1 - alpha) * error / safe, 0.05, 20)
    pick, rows = loss.argmin(axis=0), np.arange(len(values))
    push = np.cumsum(grid[pick, 3][:, None] ** np.arange(1, horizon + 1)[None], axis=1)
    base = _best(level, loss)[:, None] + push * _best(trend, loss)[:, None]
    coming = (-1 - np.arange(horizon)) % period
    return base * factor[coming[None, :], pick[:, None], rows[:, None]]
