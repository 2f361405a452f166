"""Charts of execution: pace, activity, hygiene; every one draws a finished table."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from salesloop import style
from salesloop.messages import Text


def pace(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw attainment as bars, orange behind the pace, with the share that should be done by now as a line."""
    ax = style.figure(narrow, rows=max(len(table), 2))
    if table.empty:
        return style.empty(ax, text.t("execution.label.no_targets"))
    names = [row.name if isinstance(row.name, str) else text.word(row.level) for row in table.itertuples(index=False)]
    colors = [style.ORANGE if row.attainment < row.elapsed_share else style.BLUE for row in table.itertuples()]
    style.bars(ax, names, table["attainment"], text=text, kind="percent", colors=colors)
    for value in ax.texts:
        value.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.8})
    style.reference(ax, float(table["elapsed_share"].iloc[0]), text.t("execution.label.elapsed"), color=style.TOTAL)
    return ax


def activity(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw, for each type, what was planned as a pale bar and what of it was done inside it, or without plans all done."""
    rows = table[table["type"] != "all"] if len(table) else table
    ax = style.figure(narrow, rows=max(len(rows), 2))
    if rows.empty:
        return style.empty(ax, text.t("execution.label.no_activities"))
    names = [text.word(kind, "execution") for kind in rows["type"]]
    if not rows["planned"].any():
        return style.bars(ax, names, rows["done"], text=text, kind="count")
    ax.barh(list(range(len(rows))), rows["planned"], height=0.7, color=style.FAN[0.95])
    style.bars(ax, names, rows["done_of_planned"], text=text, notes=[""] * len(rows))
    for place, row in enumerate(rows.itertuples()):
        told = text.t("execution.label.done_of", kept=row.done_of_planned, planned=row.planned)
        style.label(ax, max(row.planned, row.done_of_planned), place, told, size=style.NOTE)
    return ax


def hygiene(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw the open money that each rule concerns."""
    ax = style.figure(narrow, rows=max(len(table), 2))
    if table.empty:
        return style.empty(ax, text.t("execution.label.clean"))
    names = [text.word(rule, "execution") for rule in table["rule"]]
    notes = [text.t("execution.label.money_n", amount=row.amount, n=row.n) for row in table.itertuples()]
    return style.bars(ax, names, table["amount"], text=text, notes=notes)
