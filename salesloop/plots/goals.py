"""Charts of the goals; every one draws a finished table."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from salesloop import style
from salesloop.messages import Text


def _scopes(table: pd.DataFrame, text: Text) -> list[str]:
    """Name each row; a region that shares its name with a team says which it is."""
    twice = set(table.loc[table["name"].duplicated(keep=False), "name"].dropna())
    return [
        text.word("company") if level == "company" else f"{name} ({text.word(level)})" if name in twice else str(name)
        for level, name in zip(table["level"], table["name"], strict=True)
    ]


def attainment(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw a bullet a scope: attained to date as a bar, what is expected as a dot with its 80 % range, the target at 100 %.

    `table` has ``level, name, attained, expected, low, high``; both shares are written at the right.
    """
    ax = style.figure(narrow, rows=max(len(table), 2))
    if table.empty:
        return style.empty(ax, text.t("goals.label.nothing"))
    rows = np.arange(len(table))
    colors = [style.TOTAL if level == "company" else style.BLUE for level in table["level"]]
    style.bars(
        ax, _scopes(table, text), table["attained"], text=text, kind="percent", colors=colors, notes=[""] * len(table)
    )
    ax.hlines(rows, table["low"], table["high"], color=style.ORANGE, linewidth=3, alpha=0.4)
    ax.scatter(table["expected"], rows, color=style.ORANGE, s=34, zorder=3)
    right = float(np.nanmax([1.0, *table["attained"], *table["high"]]))
    for row, (now, later) in enumerate(zip(table["attained"], table["expected"], strict=True)):
        words = text.percent(now) if np.isnan(later) else f"{text.percent(now)} → {text.percent(later)}"
        style.label(ax, right, row, words, size=style.SIZE - 0.5)
    style.reference(ax, 1.0, text.t("goals.label.target"), color=style.INK)
    return ax


def p_hit(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw P(hit) of the company's targets ahead as bars from 0 to 100 %.

    `table` has ``period, tier, p_hit, amount``.
    """
    ax = style.figure(narrow, rows=max(len(table), 2))
    if table.empty:
        return style.empty(ax, text.t("goals.label.nothing"))
    several = table["tier"].nunique() > 1
    names = [f"{text.period(p)} · {text.word(t)}" if several else text.period(p)
             for p, t in zip(table["period"], table["tier"], strict=True)]  # fmt: skip
    notes = [f"{text.chance(p)} · {text.money(a)}" for p, a in zip(table["p_hit"], table["amount"], strict=True)]
    style.bars(ax, names, table["p_hit"], text=text, kind="percent", notes=notes)
    ax.set_xlim(0, 1)
    return ax


def capacity(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw what the people can book with its 80 % range, and the target as a mark.

    `table` has ``period, capacity, low, high, target``.
    """
    ax = style.figure(narrow, rows=max(len(table), 2))
    if table.empty:
        return style.empty(ax, text.t("goals.label.nothing"))
    names = [text.period(period) for period in table["period"]]
    style.intervals(ax, names, table["capacity"], table["low"], table["high"], text=text, kind="money")
    rows = np.arange(len(table))
    ax.vlines(table["target"], rows - 0.3, rows + 0.3, color=style.ORANGE, linewidth=3)
    style.label(
        ax,
        float(np.nanmax([table["high"].iloc[0], table["target"].iloc[0]])),
        0,
        text.t("goals.label.target"),
        style.ORANGE,
        size=style.NOTE,
    )
    return ax
