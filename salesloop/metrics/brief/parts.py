"""What other stages left, read without assuming that any of it is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pandas as pd

STAGES = ("review", "goals", "forecast", "bottlenecks", "whatif", "execution", "kpi", "feedback")
"""The stages that the brief gathers, in reading order."""
FIGURES = (
    ("forecast", "fan"), ("goals", ""), ("bottlenecks", ""), ("whatif", ""), ("kpi", ""),
    ("feedback", ""), ("review", ""), ("execution", ""),
)  # fmt: skip
"""Which drawings come first; without a name it is the stage's first."""


class Found(Protocol):
    """The saved results of one stage, as `salesloop.results.Results` reads them."""

    values: dict[str, dict]
    tables: dict[str, dict]
    figures: list[dict]
    sentences: list[dict]

    def table(self, name: str) -> pd.DataFrame:
        """Return a named table; one that is absent is empty."""


Parts = Mapping[str, Found | None]


def have(parts: Parts, stage: str) -> bool:
    """Return whether a stage left results."""
    return parts.get(stage) is not None


def table(parts: Parts, stage: str, name: str, columns: Sequence[str]) -> pd.DataFrame:
    """Return a stage's table with at least the given columns; without the stage or the table it is empty.

    Parameters
    ----------
    parts : mapping of str to Found or None
        The stages' results.
    stage, name : str
        Which table.
    columns : sequence of str
        Columns that are asked for; a table that lacks one gets it, undefined.
    """
    found = parts.get(stage)
    frame = found.table(name) if found is not None else pd.DataFrame()
    return frame.reindex(columns=[*dict.fromkeys([*frame.columns, *columns])])


def value(parts: Parts, stage: str, name: str) -> dict[str, Any]:
    """Return a named value as it was saved: value, uom, n, low, high, confidence; all undefined where it is absent."""
    found = parts.get(stage)
    empty = dict.fromkeys(("value", "uom", "n", "low", "high", "confidence"))
    return {**empty, **(found.values.get(name, {}) if found is not None else {})}


def lead(found: Found | None) -> tuple[str, dict] | None:
    """Return the sentence a stage's page opens with, or None."""
    if found is None or not found.sentences:
        return None
    said = next((one for one in found.sentences if one["id"].endswith(".headline")), found.sentences[0])
    return said["id"], said["values"]


def figures(parts: Parts, most: int = 4) -> pd.DataFrame:
    """Return the drawings that page one shows: those of the stages that drew something, the most telling first.

    Returns
    -------
    DataFrame
        ``stage, figure``, at most `most` rows.
    """
    chosen: list[tuple[str, str]] = []
    for stage, name in FIGURES:
        found = parts.get(stage)
        drawn = [figure["name"] for figure in found.figures if _drawn(found, figure)] if found is not None else []
        named = [one for one in drawn if one == name or not name]
        if named and (stage, named[0]) not in chosen:
            chosen.append((stage, named[0]))
    return pd.DataFrame(chosen[:most], columns=["stage", "figure"])


def _drawn(found: Found, figure: Mapping[str, Any]) -> bool:
    return found.tables.get(figure.get("table", ""), {}).get("rows", 0) > 0
