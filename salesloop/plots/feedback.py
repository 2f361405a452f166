"""Charts of the feedback; every one draws a finished table."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from salesloop import style
from salesloop.messages import Text


def scores(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw a score by quarter, each with its 95 % interval.

    `table` has ``quarter, measure, n, value, low, high``.
    """
    ax = style.figure(narrow)
    if table["value"].notna().sum() == 0:
        return style.empty(ax, text.t("feedback.label.no_scores"))
    places = range(len(table))
    ax.vlines(places, table["low"], table["high"], color=style.FAN[0.8], linewidth=7)
    style.line(ax, places, table["value"], text.word(table["measure"].iloc[0], "feedback"), points=True)
    shown = _spaced(len(table), 4 if narrow else 8)
    ax.set_xticks(shown, [_quarter(table["quarter"].iloc[place], text) for place in shown])
    ax.set_xlim(-0.5, len(table) - 0.4)
    style.value_axis(ax, text, "score" if table["measure"].iloc[0] == "nps" else "percent")
    return ax


def _spaced(n: int, most: int) -> list[int]:
    step = max(1, -(-n // most))
    return list(range(n - 1, -1, -step))[::-1]


def _quarter(label: str, text: Text) -> str:
    return f"{label[2:4]}.Q{label[-1]}" if text.lang == "zh" else f"Q{label[-1]} {label[2:4]}"


def themes(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw each theme's share with its interval and, hollow, its share before; emerging themes in orange.

    `table` has ``theme, label, share, low, high, before, emerging``.
    """
    ax = style.figure(narrow, rows=max(len(table), 2))
    if table.empty:
        return style.empty(ax, text.t("feedback.label.no_themes"))
    colors = [style.ORANGE if one else style.BLUE for one in table["emerging"].astype(bool)]
    style.intervals(ax, table["label"], table["share"], table["low"], table["high"], text=text, colors=colors)
    ax.scatter(
        table["before"], range(len(table)), s=42, facecolors="none", edgecolors=style.TOTAL, linewidths=1.2, zorder=2.5
    )
    ax.set_xlim(left=0)
    return ax
