"""Charts of the bottlenecks; every one draws a finished table."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from salesloop import style
from salesloop.messages import Text

ALL = "all"


def ranked(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw the money at stake of each cell with its 90 % interval, flagged cells in orange."""
    ax = style.figure(narrow, rows=max(len(table), 2))
    if table.empty:
        return style.empty(ax, text.t("bottlenecks.label.nothing"))
    names = [_name(row, text) for row in table.itertuples()]
    colors = [style.ORANGE if flagged else style.BLUE for flagged in table["flagged"]]
    style.intervals(
        ax, names, table["money"], table["money_low"], table["money_high"], text=text, kind="money", colors=colors
    )
    style.reference(ax, 0.0, "", color=style.MUTED)
    return ax


def _name(row, text: Text) -> str:
    """Name a cell by its stage and its segment."""
    return str(row.stage) if row.segment_kind == ALL else f"{row.stage} · {text.word(row.segment, 'bottlenecks')}"


def slips(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw the share of due deals that slipped by month, by count and by value."""
    ax = style.figure(narrow)
    if len(table) < 2:
        return style.empty(ax, text.t("bottlenecks.label.nothing"))
    x = range(len(table))
    style.line(ax, x, table["rate"], text.t("bottlenecks.label.by_count"), points=True)
    style.line(ax, x, table["rate_value"], text.t("bottlenecks.label.by_value"), style.ORANGE, points=True)
    style.month_axis(ax, table["period"], text)
    style.value_axis(ax, text, "percent")
    ax.set_ylim(bottom=0)
    return ax


def patterns(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw win rates with intervals by month of the quarter and by length of the cycle."""
    ax = style.figure(narrow, rows=max(len(table), 2))
    if table.empty:
        return style.empty(ax, text.t("bottlenecks.label.nothing"))
    names = [text.word(level, "bottlenecks") for level in table["level"]]
    colors = [style.ORANGE if flagged else style.BLUE for flagged in table["flagged"]]
    return style.intervals(ax, names, table["win_rate"], table["low"], table["high"], text=text, colors=colors)


def leads(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw the share of leads that became deals within 90 days, with intervals, by source, channel and response."""
    ax = style.figure(narrow, rows=max(len(table), 2))
    if table.empty:
        return style.empty(ax, text.t("bottlenecks.label.nothing"))
    names = [text.word(name, "bottlenecks") for name in table["segment"]]
    return style.intervals(ax, names, table["conversion"], table["low"], table["high"], text=text)
