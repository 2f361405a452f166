"""The one simulation behind every what-if: the forecast's own draws, moved by what a change does to them."""

from __future__ import annotations

from dataclasses import dataclass, field
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
    drawn: pipeline.Draws
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
        """Carry the factor between the raw and the published baseline over, draw by draw."""
        mean = self.base.mean(axis=1, keepdims=True) / np.maximum(self.raw.mean(axis=1, keepdims=True), 1e-9)
        factor = np.where(self.raw > 0, self.base / np.maximum(self.raw, 1e-9), mean)
        return drawn * np.clip(factor, *_FACTOR)


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
    drawn = pipeline.draw(ready, n=forecast.DRAWS, seed=forecast.SEED)
    raw = drawn.total()
    base = raw if draws is None or draws.empty else cube(draws, drawn.months, drawn.n)
    return Simulation(
        model, known, events, stages, book.as_of, book.config.country, raw, base, drawn.months, drawn, ready
    )
