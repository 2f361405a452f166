"""The panel as it was known at earlier month ends: what a forecast made then could see, and what came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesloop.metrics.series import breaks, calendar

LEAST = 3
Regressors = tuple[np.ndarray, np.ndarray]
"""What moves with the calendar, by month, and the calendar month, both of the known months and the coming ones."""


@dataclass(frozen=True)
class Past:
    """The panel at an earlier end.

    Attributes
    ----------
    end : int
        How many columns were known.
    known : ndarray
        The series then, calendar and level breaks taken out by what was known then; all end in the last column.
    came : ndarray
        Series by lead: what came, freed of the calendar by the same factors; NaN beyond the data, and for series with
        fewer than three known months by then.
    factor : ndarray
        The calendar's factor of the months ahead.
    """

    end: int
    known: np.ndarray
    came: np.ndarray
    factor: np.ndarray


def whole(
    values: np.ndarray, months: pd.PeriodIndex, horizon: int, country: str | None
) -> tuple[np.ndarray, Regressors | None]:
    """Return the calendar's factor of every month and the coming ones, and the regressors it was fitted on."""
    if not country:
        return np.ones(values.shape[1] + horizon), None
    longer = months.append(pd.period_range(months[-1] + 1, periods=horizon, freq="M"))
    regressors = calendar.design(longer, country), longer.month.to_numpy()
    return calendar.fitted(values, *regressors), regressors


def earlier(
    values: np.ndarray, horizon: int, *, most: int, period: int = 12, regressors: Regressors | None = None,
) -> list[Past]:  # fmt: skip
    """Return the panel at each of the last ends before the present one, the latest first.

    Parameters
    ----------
    values : ndarray
        Series by month, NaN where missing.
    horizon : int
        Months ahead.
    most : int
        How many ends.
    period : int
        Observations a year.
    regressors : pair of ndarray, optional
        Of the calendar, from `whole`.
    """
    count, n = values.shape
    ends = list(range(n - 1, max(n - 1 - most, LEAST - 1), -1))
    if not ends:
        return []
    factors = [_then(values, end, horizon, regressors) for end in ends]
    moved = np.full((len(ends), count, ends[0]), np.nan)
    for place, (end, factor) in enumerate(zip(ends, factors, strict=True)):
        moved[place, :, ends[0] - end :] = values[:, :end] / factor[:end]
    mended = breaks.mend(moved.reshape(-1, ends[0]), period)[0].reshape(moved.shape)
    return [
        Past(end, known, _came(values, known, end, horizon, factor[end:]), factor[end:])
        for end, known, factor in zip(ends, mended, factors, strict=True)
    ]


def _then(values: np.ndarray, end: int, horizon: int, regressors: Regressors | None) -> np.ndarray:
    """Return the calendar's factors as fitted on what was known at an earlier end."""
    if regressors is None:
        return np.ones(end + horizon)
    moves, month = regressors
    return calendar.fitted(values[:, :end], moves[: end + horizon], month[: end + horizon])


def _came(values: np.ndarray, known: np.ndarray, end: int, horizon: int, factor: np.ndarray) -> np.ndarray:
    came = np.full((len(values), horizon), np.nan)
    width = min(horizon, values.shape[1] - end)
    came[:, :width] = values[:, end : end + width] / factor[:width]
    came[np.isfinite(known).sum(axis=1) < LEAST] = np.nan
    return came
