"""Charts of the review: what was promised and what came."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from salesloop import style
from salesloop.messages import Text


def promises(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw each promise as a row: its interval, the promise at 100 %, and what came."""
    ax = style.figure(narrow, rows=max(len(table), 2))
    labels = [_named(row, text) for row in table.itertuples()]
    places = range(len(table))
    for place, row in zip(places, table.itertuples(), strict=True):
        if row.low == row.low:
            ax.plot([row.low, row.high], [place, place], color=style.FAN[0.8], linewidth=9, solid_capstyle="butt")
        kept = row.outcome in ("inside", "met")
        ax.plot([row.actual], [place], "o", color=style.BLUE if kept else style.ORANGE, markersize=8)
    ax.axvline(1.0, color=style.TOTAL, linewidth=1)
    style.row_names(ax, labels)
    ax.grid(axis="y", visible=False)
    ax.grid(axis="x", visible=True)
    ax.xaxis.set_major_formatter(lambda value, _: text.percent(value).replace(".0%", "%"))
    return ax


def _named(row, text: Text) -> str:
    """Name a promise by its kind, its scope and what tells it from the next: a forecast's month, a target's measure."""
    told = text.month(row.made_in) if row.kind == "forecast" else text.word(row.measure)
    return f"{text.word(row.kind)} · {text.scope(row.scope)} · {told}"
