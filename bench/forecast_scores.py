"""Panels of series with what came after, forecasts of them, and how good those are: the scores of `bench.forecast`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Z90 = 1.6448536269514722


@dataclass(frozen=True)
class Panel:
    """Series that end in the same column (NaN before they begin), what came after, and observations a year."""

    name: str
    values: np.ndarray
    actual: np.ndarray
    period: int
    ids: list[str]

    def take(self, rows: np.ndarray, name: str | None = None) -> Panel:
        """Return some of the series."""
        return Panel(name or self.name, self.values[rows], self.actual[rows], self.period, [self.ids[i] for i in rows])

    def earlier(self) -> Panel:
        """Return what would have been forecast a horizon earlier: the last known observations become the hold-out."""
        horizon = self.actual.shape[1]
        rows = np.flatnonzero(np.isfinite(self.values).sum(axis=1) - horizon >= 2.5 * self.period)
        values = self.values[rows]
        return Panel(self.name, values[:, :-horizon], values[:, -horizon:], self.period, [self.ids[i] for i in rows])

    def cut(self, last: int, name: str) -> Panel:
        """Return the same series with their last columns alone."""
        return Panel(name, self.values[:, -last:], self.actual, self.period, self.ids)


@dataclass(frozen=True)
class Told:
    """Forecasts with the bounds of their 80 and 95 % intervals (None without), and CPU seconds a series."""

    mean: np.ndarray
    cpu: float
    bounds: dict[int, tuple[np.ndarray, np.ndarray]] | None = None

    def take(self, rows: np.ndarray) -> Told:
        """Return some of the series."""
        bounds = {k: (low[rows], high[rows]) for k, (low, high) in self.bounds.items()} if self.bounds else None
        return Told(self.mean[rows], self.cpu, bounds)


def naive2(panel: Panel) -> np.ndarray:
    """Return the M3's Naive2: the last value, freed of its season where that is significant at 90 %."""
    m, horizon = panel.period, panel.actual.shape[1]
    made = np.zeros_like(panel.actual)
    for row, series in enumerate(panel.values):
        y = series[np.isfinite(series)]
        factor = _season(y, m) if len(y) >= 2 * m and m > 1 else np.ones(max(m, 1))
        place = np.arange(len(y), len(y) + horizon) % len(factor)
        made[row] = y[-1] / factor[(len(y) - 1) % len(factor)] * factor[place]
    return made


def _season(y: np.ndarray, m: int) -> np.ndarray:
    """Return classical multiplicative factors of a series where its autocorrelation at a year is significant, else 1."""
    x = y - y.mean()
    r = np.array([(x[k:] @ x[:-k]) / max(x @ x, 1e-12) for k in range(1, m + 1)])
    if abs(r[-1]) <= Z90 * np.sqrt((1 + 2 * (r[:-1] ** 2).sum()) / len(y)):
        return np.ones(m)
    weight = np.ones(m + 1) / m
    weight[[0, -1]] /= 2
    trend = np.convolve(y, weight, "valid")
    ratio, place = y[m // 2 : m // 2 + len(trend)] / trend, np.arange(m // 2, m // 2 + len(trend)) % m
    factor = np.array([ratio[place == k].mean() for k in range(m)])
    return factor / factor.mean()


def smape(told: np.ndarray, came: np.ndarray) -> float:
    """Return the symmetric mean absolute percentage error, 0-200."""
    size = np.abs(told) + np.abs(came)
    return float((200 * np.abs(told - came) / np.where(size > 0, size, 1.0)).mean())


def usual_move(panel: Panel) -> np.ndarray:
    """Return each series' mean absolute change from year to year, the scale of MASE and MSIS."""
    return np.nanmean(np.abs(panel.values[:, panel.period :] - panel.values[:, : -panel.period]), axis=1)


def mase(told: np.ndarray, panel: Panel) -> float:
    """Return the mean absolute scaled error."""
    return float(np.nanmean(np.abs(told - panel.actual).mean(axis=1) / usual_move(panel)))


def owa(told: np.ndarray, panel: Panel) -> float:
    """Return the mean of sMAPE and MASE, each against Naive2's (the M4 competition's measure)."""
    base = naive2(panel)
    return 0.5 * (smape(told, panel.actual) / smape(base, panel.actual) + mase(told, panel) / mase(base, panel))


def msis(told: Told, panel: Panel, level: int = 95) -> float:
    """Return the mean scaled interval score."""
    (low, high), share, came = told.bounds[level], 1 - level / 100, panel.actual
    miss = (low - came) * (came < low) + (came - high) * (came > high)
    return float(np.nanmean((high - low + 2 / share * miss) / usual_move(panel)[:, None]))


def covered(told: Told, panel: Panel, level: int) -> float:
    """Return the share of what came that lay inside the interval."""
    low, high = told.bounds[level]
    return float(((panel.actual >= low) & (panel.actual <= high)).mean())
