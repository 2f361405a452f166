"""A gradient-boosted correction of the pool's average, learned from rolling origins of the panel's own series.

What it sees of a series is relative to its level and to the average's forecast, so that large and small series teach
each other (Montero-Manso and Hyndman 2021 on global models). It enters only where many series can teach it and only
where it would have made the average better in months that it has not seen; then a part of its correction is used.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from salesloop.metrics.series import past, pool, season

LEAST_SERIES = 30
LEAST_KNOWN = 8
_FOLDS, _BLOCKS, _LEAST_ROWS, _MANY = 3, 3, 200, 100
_MOST_WEIGHT = 0.75
_WILDEST, _WIDEST, _LARGEST_STEP = 3.0, 50.0, 3.0
_MOST_ROWS = 170_000
_TREES: dict[str, Any] = {
    "loss": "absolute_error", "max_iter": 60, "learning_rate": 0.08, "max_leaf_nodes": 15, "max_features": 0.3,
    "l2_regularization": 1.0, "early_stopping": False,
}  # fmt: skip
_LEVELS = (1, 2, 3, 6)


@dataclass(frozen=True)
class Origins:
    """Rolling origins of a panel as rows: features, target, and which series, end and lead they are.

    The target is by how much the average missed what came, in units of the series' level and within the bounds that keep
    one wild series from teaching the others.
    """

    features: np.ndarray
    target: np.ndarray
    series: np.ndarray
    end: np.ndarray
    lead: np.ndarray
    average: np.ndarray
    scale: np.ndarray
    actual: np.ndarray


def origins(pasts: list[past.Past], told: list[dict[str, np.ndarray]], period: int = 12) -> Origins:
    """Return rows of rolling origins: every series, from every earlier end, at every lead whose actual is known.

    Parameters
    ----------
    pasts, told
        From `past.earlier` and `pool.rolling`.
    """
    parts = [_rows(one, found, period) for one, found in zip(pasts, told, strict=True)]
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else [np.zeros(0)] * 8
    return Origins(*joined)


def _rows(one: past.Past, told: dict[str, np.ndarray], period: int) -> tuple[np.ndarray, ...]:
    live = np.flatnonzero((np.isfinite(one.known).sum(axis=1) >= LEAST_KNOWN) & np.isfinite(one.known[:, -1]))
    told = {name: part[live] for name, part in told.items()}
    seen, scale = features(one.known[live], told, period)
    came = one.came[live]
    target = np.clip((came - told["average"]) / scale[:, None], -_WILDEST, _WILDEST)
    row, lead = np.nonzero(np.isfinite(target))
    ends = np.full(len(row), one.end)
    return (seen[row, lead], target[row, lead], live[row], ends, lead + 1, told["average"][row, lead], scale[row],
            came[row, lead])  # fmt: skip


def features(known: np.ndarray, told: dict[str, np.ndarray], period: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what the stack sees, series x lead x features, and each series' level by which it is scaled."""
    count, n = known.shape
    made = season.factors(known, period)
    flat = known / season.along(made, n)
    scale = np.maximum(_mean(np.abs(known[:, -period:])), 1e-9)
    fixed, levels = _of_series(flat, made, scale, period), [_mean(flat[:, -k:]) for k in (*_LEVELS, period)]
    average, horizon = told["average"], told["average"].shape[1]
    coming, blocks = season.ahead(made, horizon), []
    for lead in range(horizon):
        base = average[:, lead]
        moving = [told[name][:, lead] for name in pool.AVERAGED] + [level * coming[:, lead] for level in levels]
        moving += [_column(known, n - back * period + lead % period) for back in (1, 2, 3)]
        beside = np.stack([_column(known, n - period + lead % period + side) for side in (-1, 1)])
        moving.append(_mean(beside.T))
        relative = [(part - base) / scale for part in moving]
        blocks.append(np.column_stack([*fixed, *relative, coming[:, lead], np.full(count, lead + 1.0), base / scale]))
    return np.clip(np.stack(blocks, axis=1), -_WIDEST, _WIDEST), scale


def _of_series(flat: np.ndarray, made: np.ndarray, scale: np.ndarray, period: int) -> list[np.ndarray]:
    """Return what does not depend on the lead: length, noise, season, persistence, growth."""
    step = np.diff(flat[:, -2 * period :], axis=1)
    step = np.where(np.isfinite(step), step, 0.0)
    years = [_mean(flat[:, max(flat.shape[1] - (k + 1) * period, 0) : flat.shape[1] - k * period]) for k in range(3)]
    recent = flat[:, -period:]
    spread = np.sqrt(_mean((recent - _mean(recent)[:, None]) ** 2))
    return [
        np.log(np.isfinite(flat).sum(axis=1)), spread / scale, _mean(np.abs(step)) / scale, made.std(axis=1),
        (step[:, 1:] * step[:, :-1]).sum(axis=1) / np.maximum((step**2).sum(axis=1), 1e-9),
        (_mean(flat[:, -3:]) - years[0]) / scale, (years[0] - years[1]) / scale, (years[1] - years[2]) / scale,
    ]  # fmt: skip


def _mean(values: np.ndarray) -> np.ndarray:
    """Return row means over what is known; NaN where nothing is."""
    known = np.isfinite(values)
    n = known.sum(axis=1)
    return np.where(n > 0, np.where(known, values, 0.0).sum(axis=1) / np.maximum(n, 1), np.nan)


def _column(values: np.ndarray, at: int) -> np.ndarray:
    return values[:, at] if 0 <= at < values.shape[1] else np.full(len(values), np.nan)


@dataclass(frozen=True)
class Stack:
    """A fitted stack: its models, each with the features that it reads."""

    models: list[Any]
    kept: list[np.ndarray]

    def predict(self, seen: np.ndarray) -> np.ndarray:
        """Return the correction in units of each series' level, for rows of features: the mean of the models'."""
        told = [model.predict(seen[:, kept]) for model, kept in zip(self.models, self.kept, strict=True)]
        return np.mean(told, axis=0)


def weight(count: int) -> float:
    """Return the share of the learned correction that is used: half of it with 30 series, three quarters with very many.

    Examples
    --------
    >>> weight(30), round(weight(300), 2)
    (0.5, 0.71)
    """
    return _MOST_WEIGHT * count / (count + LEAST_SERIES / 2)


def bounded(shift: np.ndarray, move: np.ndarray) -> np.ndarray:
    """Return corrections of at most three of their series' usual monthly moves: one that never moves is not corrected."""
    return np.clip(shift, -_LARGEST_STEP * move, _LARGEST_STEP * move)


def fit(rows: Origins) -> Stack:
    """Fit the model that forecasts what comes next: of a small panel the mean of three, each without a third of the series."""
    parts = [rows.series % _FOLDS != fold for fold in range(_FOLDS)] if len(np.unique(rows.series)) < _MANY else []
    parts = [part for part in parts if part.any()] or [np.ones(len(rows.target), dtype=bool)]
    fitted = [_one(rows.features[part], rows.target[part], seed) for seed, part in enumerate(parts)]
    return Stack([model for model, _ in fitted], [kept for _, kept in fitted])


def forward(rows: Origins) -> np.ndarray:
    """Return each row's correction as learned from nothing but what had come by then; NaN for the first third of ends.

    Series of one panel share their months, so that a series which a model has not seen is no proof: only months are.
    """
    ends, told = np.unique(rows.end), np.full(len(rows.target), np.nan)
    cuts = [*ends[np.arange(1, _BLOCKS) * len(ends) // _BLOCKS], ends[-1] + 1]
    for cut, after in itertools.pairwise(cuts):
        known, now = rows.end + rows.lead <= cut, (rows.end >= cut) & (rows.end < after)
        if known.sum() >= _LEAST_ROWS and now.any():
            model, kept = _one(rows.features[known], rows.target[known], 0)
            told[now] = model.predict(rows.features[now][:, kept])
    return told


def gain(rows: Origins, told: np.ndarray, share: float) -> float:
    """Return by how much a share of the forward corrections would have lessened the mean absolute error of the average.

    Negative where it would have added to it, NaN where no row has a forward correction.
    """
    known = np.isfinite(told)
    base = np.abs(rows.target[known]).sum()
    return float(1 - np.abs(rows.target[known] - share * told[known]).sum() / base) if base > 0 else float("nan")


def _one(seen: np.ndarray, target: np.ndarray, seed: int) -> tuple[Any, np.ndarray]:
    """Return a model and the features it reads; constant ones are left out."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    if len(target) > _MOST_ROWS:
        take = np.linspace(0, len(target) - 1, _MOST_ROWS).astype(int)
        seen, target = seen[take], target[take]
    kept = np.flatnonzero([_varies(column) for column in seen.T])
    leaf = int(np.clip(len(target) // 1000, 20, 200))
    model = HistGradientBoostingRegressor(random_state=seed, min_samples_leaf=leaf, **_TREES)
    return model.fit(seen[:, kept], target), kept


def _varies(column: np.ndarray) -> bool:
    known = column[np.isfinite(column)]
    return len(known) > 1 and bool((known != known[0]).any())
