"""The one simulation behind every what-if: the forecast's own draws, moved by what a change does to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from salesloop.metrics import forecast, pipeline
from salesloop.metrics.goals.ground import cube
from salesloop.metrics.pipeline import Changes

_FACTOR = (0.25, 4.0)


@dataclass
class Simulation:
    """The baseline and how to run it again with something changed.

    Attributes
    ----------
    model : Model
        The pipeline's model, fitted once.
    deals, events, stages : DataFrame
        The frozen state.
    raw : ndarray
        Months x draws of the company as the pipeline draws them.
    base : ndarray
        The same as published: joined with the series, scaled.
    months : PeriodIndex
        The months ahead.
    ready_state : Prepared
        What every run shares.
    """

    model: pipeline.Model
    deals: pd.DataFrame
    events: pd.DataFrame
    stages: pd.DataFrame
    as_of: Any
    country: str
    raw: np.ndarray
    base: np.ndarray
    months: pd.PeriodIndex
    ready_state: pipeline.Prepared
    _kept: dict = field(default_factory=dict, repr=False)

    @property
    def ready(self) -> bool:
        """Whether there is a deal model to change."""
        return self.model.kind != "none" and bool(self.raw.any())

    def run(self, change: Changes, *, pace: np.ndarray | None = None) -> np.ndarray:
        """Return months x draws of the company's bookings with a change, by the same random numbers as the baseline.

        Parameters
        ----------
        change : Change or tuple of Change
            What is made different.
        pace : ndarray, optional
            The share of its effect that each month gets, for a change that comes in gradually.
        """
        key = (change, None if pace is None else tuple(pace))
        if key not in self._kept:
            drawn = self.draw(change)
            moved = self._published(drawn)
            self._kept[key] = moved if pace is None else self.base + (moved - self.base) * pace[: len(moved), None]
        return self._kept[key]

    def draw(self, change: Changes) -> np.ndarray:
        """Return months x draws as the pipeline draws them with a change."""
        return pipeline.totals(self.ready_state, n=self.raw.shape[1], seed=forecast.SEED, change=change)

    def _published(self, drawn: np.ndarray) -> np.ndarray:
        """Add what a change moves to the published baseline, draw by draw.

        What it has brought until a month counts by as much as the published bookings until then are of the raw ones: so what
        merely comes a month sooner gains or loses nothing by the months' own factors.
        """
        moved = np.cumsum(drawn - self.raw, axis=0) * self._factor
        return np.maximum(self.base + np.diff(moved, axis=0, prepend=0.0), 0.0)

    @cached_property
    def _factor(self) -> np.ndarray:
        base, raw = np.cumsum(self.base, axis=0), np.cumsum(self.raw, axis=0)
        mean = base.mean(axis=1, keepdims=True) / np.maximum(raw.mean(axis=1, keepdims=True), 1e-9)
        return np.clip(np.where(raw > 0, base / np.maximum(raw, 1e-9), mean), *_FACTOR)


def simulation(book: Any, known: pd.DataFrame, draws: pd.DataFrame | None = None) -> Simulation:
    """Return the simulation of a book.

    Parameters
    ----------
    book : Book
        The frozen tables.
    known : DataFrame
        Its deals without columns that leak, as the forecast reads them.
    draws : DataFrame, optional
        The forecast's published draws; without them the pipeline's own count.
    """
    events, stages = book.table("stage_events"), book.table("stages")
    staged = book.state_known != "dates"
    model = pipeline.fit(known, events, as_of=book.as_of, stages=stages, staged=staged, country=book.config.country)
    ready = pipeline.prepare(
        model, known, events, as_of=book.as_of, horizon=forecast.HORIZON, country=book.config.country, stages=stages,
        leads=book.table("leads"),
    )  # fmt: skip
    raw = pipeline.totals(ready, n=forecast.DRAWS, seed=forecast.SEED)
    base = raw if draws is None or draws.empty else cube(draws, ready.months, forecast.DRAWS)
    return Simulation(model, known, events, stages, book.as_of, book.config.country, raw, base, ready.months, ready)
