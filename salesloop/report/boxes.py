"""Small drawings that the templates set as rectangles: bullets, strips, sparklines, bridges; all on a width of 100."""

from __future__ import annotations

import math
from collections.abc import Sequence

Rect = dict[str, float | str]
BLUE, ORANGE, TOTAL, QUIET, BAND = "#0B5CAD", "#B8500C", "#3E4A5A", "#D5DAE1", "#B3D0EA"


def _rect(x: float, width: float, fill: str, y: float = 0.0, height: float = 100.0) -> Rect:
    return {
        "x": round(float(x), 2),
        "width": round(max(float(width), 0.6), 2),
        "fill": fill,
        "y": round(y, 2),
        "height": round(height, 2),
    }


def known(*values: object) -> bool:
    """Return whether all values are numbers."""
    return all(isinstance(value, (int, float)) and math.isfinite(value) for value in values)


def bullet(value: float, target: float) -> list[Rect]:
    """Return a bar of the value on a quiet track, with a mark at the target; nothing without both.

    Examples
    --------
    >>> [rect["width"] for rect in bullet(50.0, 100.0)]
    [100.0, 41.67, 0.8]
    """
    if not known(value, target) or max(value, target) <= 0:
        return []
    scale = 100 / (1.2 * max(value, target))
    bar = _rect(0, max(value, 0) * scale, BLUE, 22, 56)
    return [_rect(0, 100, "#EEF1F5", 22, 56), bar, _rect(target * scale - 0.4, 0.8, TOTAL)]


def strip(promised: float, low: float, high: float, actual: float) -> list[Rect]:
    """Return the promised range as a band, the promise as a line and what came as a block, all on one scale.

    Without a range the scale begins at zero, so that a near miss looks like one.
    """
    if not known(promised, actual):
        return []
    inside = [value for value in (promised, low, high, actual) if known(value)] + ([] if known(low, high) else [0.0])
    least, most = min(inside), max(inside)
    reach = (most - least) or abs(most) or 1.0
    start, scale = least - 0.12 * reach, 100 / (1.24 * reach)
    kept = low <= actual <= high if known(low, high) else actual >= promised
    made = [_rect(0, 100, "#E5E8EC", 47, 6)]
    if known(low, high):
        made.append(_rect((low - start) * scale, (high - low) * scale, BAND, 30, 40))
    made.append(_rect((promised - start) * scale - 0.3, 0.6, TOTAL, 12, 76))
    return [*made, _rect((actual - start) * scale - 1.1, 2.2, BLUE if kept else ORANGE, 20, 60)]


def spark(values: Sequence[float]) -> list[Rect]:
    """Return one upright bar a value, the last one dark; nothing under three values."""
    known_values = [float(value) for value in values if known(value)]
    if len(known_values) < 3:
        return []
    floor, top = min(0.0, *known_values), max(0.0, *known_values)
    scale, step = 100 / ((top - floor) or 1.0), 100 / len(known_values)
    made = []
    for place, value in enumerate(known_values):
        upper = max(value, 0.0)
        fill = BLUE if place == len(known_values) - 1 else QUIET
        made.append(_rect(place * step, step * 0.7, fill, (top - upper) * scale, max(abs(value) * scale, 1.5)))
    return made


def bridge(amounts: Sequence[float], totals: Sequence[bool]) -> list[Rect]:
    """Return one bar a row: totals from zero, changes from where the row above ended.

    Examples
    --------
    >>> [(rect["x"], rect["width"]) for rect in bridge([10.0, -4.0, 6.0], [True, False, True])]
    [(0.0, 100.0), (60.0, 40.0), (0.0, 60.0)]
    """
    level, spans = 0.0, []
    for amount, total in zip(amounts, totals, strict=True):
        amount = amount if known(amount) else 0.0
        start, level = (0.0, amount) if total else (level, level + amount)
        spans.append((min(start, level), max(start, level)))
    least, most = min(0.0, *(low for low, _ in spans)), max(0.0, *(high for _, high in spans))
    scale = 100 / ((most - least) or 1.0)
    fills = [TOTAL if total else BLUE if amount >= 0 else ORANGE for amount, total in zip(amounts, totals, strict=True)]
    return [
        _rect((low - least) * scale, (high - low) * scale, fill) for (low, high), fill in zip(spans, fills, strict=True)
    ]
