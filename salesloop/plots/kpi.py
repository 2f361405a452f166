"""Charts of performance; every one draws a finished table."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from salesloop import style
from salesloop.messages import Text


def changes(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw each measure's change against last year with its interval; what can be told is coloured, the rest is grey."""
    ax = style.figure(narrow, rows=max(len(table), 2))
    if table.empty:
        return style.empty(ax, text.t("kpi.label.nothing"))
    tones = {"better": style.BLUE, "worse": style.ORANGE}
    colors = [tones.get(verdict, style.QUIET) for verdict in table["verdict"]]
    names = [text.word(measure, "kpi") for measure in table["measure"]]
    style.intervals(ax, names, table["change"], table["low"], table["high"], text=text, colors=colors)
    style.reference(ax, 0.0, text.t("kpi.label.last_year"), color=style.TOTAL)
    return ax


def bridge_pvm(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw the bridge of sales: volume, mix, price, products, currency."""
    return _bridge(table, ("start", "end"), text, narrow)


def attainment(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw the bridge from target to actual."""
    return _bridge(table, ("target", "actual"), text, narrow)


def _bridge(table: pd.DataFrame, totals: tuple[str, str], text: Text, narrow: bool) -> Axes:
    ax = style.figure(narrow, rows=max(len(table), 2))
    if table.empty:
        return style.empty(ax, text.t("kpi.label.nothing"))
    names = [text.word(line, "kpi") for line in table["line"]]
    return style.bridge(ax, names, table["amount"], table["line"].isin(totals), text=text)


def reps(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw each rep's index with its interval in the order of names; only those who can be told apart are coloured."""
    ax = style.figure(narrow, rows=max(len(table), 2))
    if table.empty:
        return style.empty(ax, text.t("kpi.label.nothing"))
    colors = [
        (style.BLUE if row.index > 1 else style.ORANGE) if row.distinct else style.QUIET
        for row in table.itertuples(index=False, name="Row")
    ]
    style.intervals(
        ax, table["rep"], table["index"], table["low"], table["high"], text=text, kind="ratio", colors=colors
    )
    style.reference(ax, 1.0, text.t("kpi.label.expected"), color=style.TOTAL)
    return ax


def spread(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw the middle half of reps' attainment and its median, a row a quarter."""
    ax = style.figure(narrow, rows=max(len(table), 2))
    if table.empty:
        return style.empty(ax, text.t("kpi.label.nothing"))
    names = [text.period(label) for label in table["period"]]
    style.intervals(ax, names, table["median"], table["p25"], table["p75"], text=text)
    style.reference(ax, 1.0, text.t("kpi.label.target"))
    return ax


def retained(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw gross and net retention over the quarter ends."""
    ax = style.figure(narrow)
    if table.empty:
        return style.empty(ax, text.t("kpi.label.nothing"))
    places = range(len(table))
    style.line(ax, places, table["nrr"], text.t("kpi.label.nrr"), style.BLUE, points=True)
    style.line(ax, places, table["grr"], text.t("kpi.label.grr"), style.TOTAL, points=True)
    style.month_axis(ax, table["period"], text)
    style.value_axis(ax, text, "percent")
    ax.set_ylim(bottom=0)
    return ax
