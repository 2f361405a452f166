"""What fell due, and what came of it: promises graded against the frozen facts."""

from __future__ import annotations

from salesloop.metrics.review.grading import (
    FORMATS,
    GRADE_COLUMNS,
    SHARES,
    SHOWN,
    Z80,
    due,
    grade,
    in_order,
    kept,
    measured,
    page_one,
)  # fmt: skip
from salesloop.metrics.review.say import (
    Sentence,
    adjusted,
    adjustment_formats,
    adjustment_sentence,
    coverage_sentence,
    headline,
    month_sentence,
    split_sentence,
)  # fmt: skip
from salesloop.metrics.review.so_far import (
    HISTORY,
    LEAD_FORMATS,
    by_lead,
    coverage,
    error_share,
    history,
    lever_grades,
    month_forecast,
)  # fmt: skip
from salesloop.metrics.review.splitting import PARTS, error_split, month_factors, shapley

__all__ = [
    "FORMATS", "GRADE_COLUMNS", "HISTORY", "LEAD_FORMATS", "PARTS", "SHARES", "SHOWN", "Z80", "Sentence", "adjusted",
    "adjustment_formats", "adjustment_sentence", "by_lead", "coverage", "coverage_sentence", "due", "error_share", "error_split",
    "grade", "headline", "history", "in_order", "kept", "lever_grades", "measured", "month_factors", "month_forecast",
    "month_sentence", "page_one", "shapley", "split_sentence",
]  # fmt: skip
