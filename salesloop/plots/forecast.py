"""Charts of the forecast; every one draws a finished table."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from salesloop import style
from salesloop.messages import Text

PARTS = ("won", "pipeline", "renewal", "new")
_COLORS = {"won": style.TOTAL, "pipeline": style.BLUE, "renewal": style.SERIES[3], "new": style.FAN[0.8]}


def fan(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw bookings so far and the forecast's 95, 80 and 50 % intervals.

    `table` has ``period, actual`` for the past and the quantiles for the months ahead.
    """
    ax = style.figure(narrow)
    if table.empty:
        return style.empty(ax, text.t("forecast.label.nothing"))
    x = pd.Series(range(len(table)), index=table.index)
    past, ahead = table["actual"].notna(), table["p50"].notna()
    bounds = {0.95: ("p2_5", "p97_5"), 0.8: ("p10", "p90"), 0.5: ("p25", "p75")}
    bands = {
        share: (table.loc[ahead, a], table.loc[ahead, b]) for share, (a, b) in bounds.items() if table[a].notna().any()
    }
    style.fan(ax, x[ahead], bands, table.loc[ahead, "p50"], text.t("forecast.label.median"))
    style.line(ax, x[past], table.loc[past, "actual"], text.t("forecast.label.actual"), style.TOTAL, name_at="start")
    style.month_axis(ax, table["period"], text)
    style.value_axis(ax, text, "money")
    ax.set_ylim(bottom=0)
    return ax


def composition(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw won, open pipeline, renewals and deals to be created by month, one on the other."""
    ax = style.figure(narrow)
    if table.empty:
        return style.empty(ax, text.t("forecast.label.nothing"))
    wide = table.pivot_table(index="period", columns="part", values="amount", aggfunc="sum").sort_index()
    shown = [part for part in PARTS if part in wide and wide[part].sum() > 0]
    low = pd.Series(0.0, index=wide.index)
    for part in shown:
        ax.bar(range(len(wide)), wide[part], bottom=low.to_numpy(), width=0.66, color=_COLORS[part])
        middle = float(low.iloc[-1] + wide[part].iloc[-1] / 2)
        if wide[part].iloc[-1] > 0:
            style.label(ax, len(wide) - 0.66, middle, text.word(part, "forecast"), style.INK, size=style.NOTE)
        low = low + wide[part].fillna(0.0)
    style.month_axis(ax, wide.index, text)
    style.value_axis(ax, text, "money")
    return ax


def bridge(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw the bridge from last period's forecast to this one's."""
    ax = style.figure(narrow, rows=max(len(table), 2))
    if table.empty:
        return style.empty(ax, text.t("forecast.label.nothing"))
    names = [text.word(line, "forecast") for line in table["line"]]
    return style.bridge(ax, names, table["amount"], table["line"].isin(["start", "end"]), text=text)


def accuracy(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw WAPE over the lead time, a line a method."""
    ax = style.figure(narrow)
    if table.empty:
        return style.empty(ax, text.t("forecast.label.nothing"))
    colors = dict(
        zip(
            ["combined", "pipeline", "series", "seasonal_naive"],
            (style.BLUE, *style.SERIES[3:5], style.ORANGE),
            strict=True,
        )
    )
    for method, rows in table.groupby("method", sort=False):
        style.line(
            ax,
            rows["lead_months"],
            rows["wape"],
            text.word(method, "forecast"),
            colors.get(method, style.TOTAL),
            points=True,
        )
    ax.set_xticks(sorted(table["lead_months"].unique()))
    ax.set_xlabel(text.label("lead_months", "forecast"))
    style.value_axis(ax, text, "percent")
    ax.set_ylim(bottom=0)
    return ax


def reliability(table: pd.DataFrame, *, text: Text, narrow: bool = False) -> Axes:
    """Draw the share won against the chance stated, bin by bin."""
    ax = style.figure(narrow)
    if table.empty:
        return style.empty(ax, text.t("forecast.label.nothing"))
    ax.plot([0, 1], [0, 1], color=style.QUIET, linewidth=1.2)
    style.line(ax, table["stated"], table["observed"], text.t("forecast.label.observed"), points=True)
    ax.set_xlabel(text.label("stated", "forecast"))
    style.value_axis(ax, text, "percent")
    style.value_axis(ax, text, "percent", axis="x")
    ax.set_xlim(0, 1.02)
    ax.set_ylim(0, 1.04)
    return ax
