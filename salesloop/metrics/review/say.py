"""The review's sentences: each a message and its values."""

from __future__ import annotations

import math

import pandas as pd

from salesloop.metrics.review.grading import kept
from salesloop.metrics.review.so_far import month_forecast
from salesloop.metrics.review.splitting import PARTS

Sentence = tuple[str, dict]


def headline(graded: pd.DataFrame) -> Sentence:
    """Return the sentence that opens the review: how many promises fell due, were kept, could be measured."""
    if graded.empty:
        return "review.nothing_due", {}
    measurable = graded[graded["outcome"] != "not_measurable"]
    values = {"n": len(graded), "measurable": len(measurable), "kept": kept(graded)}
    return "review.headline", values


def month_sentence(graded: pd.DataFrame, period: pd.Period) -> Sentence:
    """Return what came of the month's own forecast: inside the band, outside it, or none was made."""
    row = month_forecast(graded, period)
    if row.empty or math.isnan(row["actual"].iloc[0]):
        return "review.month_none", {"period": str(period)}
    told = row.iloc[0]
    values = {
        "period": str(period),
        **{key: float(told[key]) for key in ("promised", "actual", "low", "high")},
        "n": int(told["n"]),
    }
    return f"review.month_{told['outcome']}", values


def split_sentence(split: pd.DataFrame) -> Sentence:
    """Return which part of the error weighs most, or that it cannot be split."""
    parts = split[split["part"].isin(PARTS)]
    if parts.empty:
        return "review.split_none", {}
    largest = parts.loc[parts["amount"].abs().idxmax()]
    total = float(split.loc[split["part"] == "total", "amount"].iloc[0])
    message = "review.split_high" if total > 0 else "review.split_low"
    return message, {"total": abs(total), "part": f"part_{largest['part']}", "amount": float(largest["amount"])}


def coverage_sentence(inside: float, n: int) -> Sentence:
    """Return how often the stated intervals held, and whether that says anything yet."""
    if not n:
        return "review.coverage_none", {}
    return ("review.coverage" if n >= 12 else "review.coverage_few"), {"inside": inside, "n": n}


def adjustment_sentence(adjustments: pd.DataFrame) -> Sentence:
    """Return how much of earlier months became known only now."""
    if adjustments.empty:
        return "review.no_adjustments", {}
    return "review.adjustments", {"n": len(adjustments), "amount": adjusted(adjustments)}


def adjusted(adjustments: pd.DataFrame) -> float:
    """Return the sum of prior-period adjustments in home money."""
    return float(round(adjustments["amount"].sum(), 2)) if len(adjustments) else 0.0


def adjustment_formats(adjustments: pd.DataFrame) -> dict[str, str]:
    """Return how the columns of the adjustments are shown, for those that are there."""
    kinds = {"period": "period", "kind": "word", "amount": "money", "known_on": "date"}
    return {column: kind for column, kind in kinds.items() if column in adjustments}
