"""Bookings from the pipeline: the one multi-state model and the one set of draws that every stage uses."""

from salesloop.metrics.pipeline import steps
from salesloop.metrics.pipeline.compact import compact, slim
from salesloop.metrics.pipeline.model import Model, fit
from salesloop.metrics.pipeline.propagate import Change, Changes
from salesloop.metrics.pipeline.simulate import PARTS, Draws, Prepared, draw, prepare, simulate, stated, totals

__all__ = [
    "PARTS",
    "Change",
    "Changes",
    "Draws",
    "Model",
    "Prepared",
    "compact",
    "draw",
    "fit",
    "prepare",
    "simulate",
    "slim",
    "stated",
    "steps",
    "totals",
]
