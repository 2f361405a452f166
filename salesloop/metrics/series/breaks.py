"""A level that broke: where a series jumped and stayed, found only where noise does not explain it."""

from __future__ import annotations

import numpy as np

from salesloop.metrics.series import season

_LEAST_SIDE = 6
_CRITICAL, _CRITICAL_SHORT, _SHORT = 4.5, 6.0, 24
"""The scan's largest t, above which a jump counts: under 5 % of steady series reach it (bench/level_breaks.py).

Under 24 months a season cannot be told from a jump, so that only a very clear one counts.
"""
_LEAST_JUMP = 0.2
_WINDOW, _LOCAL = 36, 24


def find(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where each series broke and by how much.

    A jump of the log level is scanned over the last 36 months, at all with at least six on either side, by a t statistic whose noise
    is widened by its autocorrelation; a straight trend is taken out, so that slow growth is not taken for a jump. How large
    it is, is told by the levels of up to two years on either side, and nothing is found where these moved the other way.

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
    recent = values[:, offset:]
    known = np.isfinite(recent)
    usable = np.flatnonzero((~known | (recent > 0)).all(axis=1) & (known.sum(axis=1) >= 2 * _LEAST_SIDE))
    if len(usable):
        logs = np.log(np.where(known[usable], recent[usable], 1.0))
        place, jump = _scan(logs, known[usable])
        step = _step(logs, known[usable], place)
        real = (place > 0) & (step * jump > 0)
        at[usable], factor[usable] = np.where(real, offset + place, -1), np.exp(np.where(real, step, 0.0))
    return at, factor


def mend(flat: np.ndarray, period: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the series with what lies before a level break brought to the level after it, and `find`'s answer."""
    at, factor = find(flat / season.along(season.factors(flat, period), flat.shape[1]))
    before = np.arange(flat.shape[1])[None] < at[:, None]
    return np.where(before, flat * factor[:, None], flat), at, factor


def _scan(logs: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the best place and the size of a jump of each series; 0 where none stands out."""
    on = known.astype(float)
    time = _straight(np.where(known, np.arange(logs.shape[1], dtype=float), 0.0), on)
    time = time / np.sqrt((time**2).sum(axis=1, keepdims=True))
    flat = _without(_straight(np.where(known, logs, 0.0), on), time)
    count, free = on.cumsum(axis=1), np.maximum(on.sum(axis=1) - 3, 1)
    best, found, size = np.zeros(len(logs)), np.zeros(len(logs), dtype=int), np.zeros(len(logs))
    for place in range(_LEAST_SIDE, logs.shape[1] - _LEAST_SIDE + 1):
        step = on.copy()
        step[:, :place] = 0.0
        step = _without(_straight(step, on), time)
        weight = (step**2).sum(axis=1)
        jump = (flat * step).sum(axis=1) / np.maximum(weight, 1e-12)
        spread = _noise(flat - jump[:, None] * step, free) / np.sqrt(np.maximum(weight, 1e-12))
        t = np.abs(jump) / np.maximum(spread, 1e-9)
        sides = (count[:, place - 1] >= _LEAST_SIDE) & (count[:, -1] - count[:, place - 1] >= _LEAST_SIDE)
        better = sides & known[:, place] & (t > best)
        best, found, size = np.where(better, t, best), np.where(better, place, found), np.where(better, jump, size)
    sure = (best > np.where(known.sum(axis=1) < _SHORT, _CRITICAL_SHORT, _CRITICAL)) & (np.abs(size) > _LEAST_JUMP)
    return np.where(sure, found, 0), np.where(sure, size, 0.0)


def _step(logs: np.ndarray, known: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the mean log level of up to two years from a place on, less that of up to two years before it."""
    column, at = np.arange(logs.shape[1])[None], place[:, None]
    after = known & (column >= at) & (column < at + _LOCAL)
    before = known & (column < at) & (column >= at - _LOCAL)
    mean = [(logs * side).sum(axis=1) / np.maximum(side.sum(axis=1), 1) for side in (after, before)]
    return mean[0] - mean[1]


def _straight(rows: np.ndarray, on: np.ndarray) -> np.ndarray:
    """Return rows less their mean over the known months, 0 elsewhere."""
    return (rows - (rows * on).sum(axis=1, keepdims=True) / on.sum(axis=1, keepdims=True)) * on


def _without(rows: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return rows less their part along a direction of length 1."""
    return rows - (rows * direction).sum(axis=1, keepdims=True) * direction


def _noise(rest: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return the residuals' standard deviation, widened by their first autocorrelation.

    In a short series, freed of its line and its best jump, it comes out too low by about 2 (1 + 4 r) / n (Kendall 1954
    has half of that for a mean alone), which is put back.
    """
    square = (rest**2).sum(axis=1)
    r = (rest[:, 1:] * rest[:, :-1]).sum(axis=1) / np.maximum(square, 1e-12)
    r = np.clip(r + 2 * (1 + 4 * r) / (free + 3), 0.0, 0.85)
    return np.sqrt(square / free * (1 + r) / (1 - r))
