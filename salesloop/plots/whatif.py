"""Charts of the what-ifs; every one draws a finished table."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from salesloop import style
from salesloop.messages import Text

_COLORS = {"compatible": style.BLUE, "cannot_tell": style.QUIET, "cannot_test": style.QUIET}


def tornado(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw each scenario's change of bookings with its 80 % range, largest first; extrapolations in grey.

    `table` has ``lever, scope, bookings_change, low, high, extrapolated``.
    """
    ax = style.figure(narrow, rows=max(len(table), 2))
    if table.empty:
        return style.empty(ax, text.t("whatif.label.nothing"))
    names = [
        f"{text.word(lever, 'whatif')} · {text.word(scope, 'whatif')}"
        for lever, scope in zip(table["lever"], table["scope"], strict=True)
    ]
    colors = [style.QUIET if beyond else style.BLUE for beyond in table["extrapolated"]]
    style.intervals(
        ax, names, table["bookings_change"], table["low"], table["high"], text=text, kind="money", colors=colors
    )
    ax.axvline(0, color=style.MUTED, linewidth=0.8)
    return ax


def effects(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw each past change's effect with its 95 % range; grey where nothing can be told.

    `table` has ``what, lever, scope, estimate, low, high, verdict``; a row with a lever is named by it and its scope.
    """
    ax = style.figure(narrow, rows=max(len(table), 2))
    if table.empty:
        return style.empty(ax, text.t("whatif.label.nothing"))
    colors = [_COLORS.get(verdict, style.QUIET) for verdict in table["verdict"]]
    names = [
        row.what
        if row.lever is None or row.lever != row.lever
        else f"{text.word(row.lever, 'whatif')} · {text.word(row.scope, 'whatif')}"
        for row in table.itertuples()
    ]
    style.intervals(ax, names, table["estimate"], table["low"], table["high"], text=text, kind="percent", colors=colors)
    ax.axvline(0, color=style.MUTED, linewidth=0.8)
    return ax
