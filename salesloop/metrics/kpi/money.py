"""Whole cents: parts that add up to their total exactly."""

from __future__ import annotations

from collections.abc import Mapping


def whole_cents(parts: Mapping[str, float], total: float) -> dict[str, float]:
    """Return parts rounded to the cent so that they add up to the rounded total; the largest part takes the rest.

    Examples
    --------
    >>> whole_cents({"a": 1 / 3, "b": 2 / 3}, 1.0)
    {'a': 0.33, 'b': 0.67}
    """
    cents = {name: round(100 * part) for name, part in parts.items()}
    if cents:
        largest = max(cents, key=lambda name: abs(cents[name]))
        cents[largest] += round(100 * total) - sum(cents.values())
    return {name: cent / 100 for name, cent in cents.items()}
