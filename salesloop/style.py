"""The look of the charts: one figure size, one font, few colours, labels on the lines, the same bytes every time.

How a plot uses it: take the finished table, ask for Axes, draw with the helpers below, return the Axes::

    from salesloop import style

    def fan(table, *, text, narrow=False):
        ax = style.figure(narrow)
        bands = {0.8: (table["p10"], table["p90"]), 0.5: (table["p25"], table["p75"])}
        style.fan(ax, range(len(table)), bands, table["p50"])
        style.reference(ax, table["target"].iloc[0], text.t("forecast.label.target"), axis="y")
        style.month_axis(ax, table["period"], text)
        style.value_axis(ax, text, "money")
        return ax

    def deals_by_stage(table, *, text, narrow=False):
        ax = style.figure(narrow, rows=len(table))
        return style.bars(ax, table["stage"], table["amount"], text=text, kind="money")

No titles inside a figure: title, subtitle and key numbers are text of the page. No legend: `line`, `fan` and `label`
write at the mark itself. Margins are fitted when the figure is saved, so a plot never sets them. Text from data is
cleaned and cut when the figure is saved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from salesloop.canvas import (
    BLUE,
    FAN,
    GRID,
    INK,
    MUTED,
    NARROW,
    NOTE,
    ORANGE,
    PAGE,
    QUIET,
    SERIES,
    SIZE,
    SMALL,
    TOTAL,
    WIDE,
    figure,
    is_narrow,
    label,
    look,
    panel_title,
    panels,
)  # fmt: skip
from salesloop.clean import plain_label
from salesloop.svg import text_width, to_svg

if TYPE_CHECKING:
    from salesloop.messages import Text

__all__ = [
    "BLUE", "FAN", "GRID", "INK", "MUTED", "NARROW", "NOTE", "ORANGE", "PAGE", "QUIET", "SERIES", "SIZE", "SMALL", "TOTAL", "WIDE", "bars", "bridge", "columns",
    "empty", "fan", "figure", "heat", "intervals", "is_narrow", "label", "line", "look", "month_axis", "panel_title",
    "panels", "reference", "row_names", "to_svg", "value_axis",
]  # fmt: skip
_ROOM = {False: 170.0, True: 108.0}
"""Points that the name of a row may take, in the wide drawing and in the narrow one."""


def line(
    ax: Axes, x: Iterable, y: Iterable, words: str = "", color: str = BLUE, *, dashed: bool = False,
    points: bool = False, name_at: str = "end",
) -> None:  # fmt: skip
    """Draw a line and write its name at its end, or with ``name_at="start"`` at its beginning."""
    across, up = np.asarray(list(x), dtype=float), np.asarray(list(y), dtype=float)
    ax.plot(
        across, up, color=color, linestyle=(0, (4, 3)) if dashed else "-", marker="o" if points else None, markersize=4
    )
    known = np.flatnonzero(np.isfinite(up))
    if words and len(known) and name_at == "start":
        rises = len(known) > 1 and up[known[1]] > up[known[0]]
        ax.annotate(
            plain_label(words), (across[known[0]], up[known[0]]), (0, -7 if rises else 7), textcoords="offset points",
            color=color, va="top" if rises else "bottom", path_effects=[withStroke(linewidth=3, foreground="white")],
        )  # fmt: skip
    elif words and len(known):
        label(ax, across[known[-1]], up[known[-1]], words, color)


def fan(
    ax: Axes, x: Iterable, bands: Mapping[float, tuple[Iterable, Iterable]], middle: Iterable, words: str = ""
) -> None:
    """Draw intervals as shaded bands, the widest first, and the middle as a line.

    Parameters
    ----------
    ax : Axes
        Where.
    x : iterable of float
        Positions.
    bands : mapping of float to (low, high)
        Confidence (0.95, 0.8, 0.5) to the bounds.
    middle : iterable of float
        The line.
    words : str
        Its name, written at its end.
    """
    across = np.asarray(list(x), dtype=float)
    for share in sorted(bands, reverse=True):
        low, high = (np.asarray(list(bound), dtype=float) for bound in bands[share])
        ax.fill_between(across, low, high, color=FAN.get(share, FAN[0.8]), linewidth=0)
    line(ax, across, middle, words)


def reference(ax: Axes, value: float, words: str, *, axis: str = "x", color: str = ORANGE) -> None:
    """Draw a target or average as a dashed line across: upright at `value` of the x axis, or level on the y axis."""
    if not np.isfinite(value):
        return
    dash: dict[str, Any] = {"color": color, "linewidth": 1.2, "linestyle": (0, (4, 3)), "zorder": 1.5}
    if axis == "y":
        ax.axhline(value, **dash)
        label(ax, 1, value, words, color, size=NOTE).xycoords = ax.get_yaxis_transform()
    else:
        ax.axvline(value, **dash)
        ax.annotate(
            plain_label(words), (value, 1), xycoords=ax.get_xaxis_transform(), xytext=(0, 4),
            textcoords="offset points", color=color, fontsize=NOTE, ha="center", va="bottom", annotation_clip=False,
        )  # fmt: skip


def bars(
    ax: Axes, names: Iterable, values: Iterable, *, text: Text, kind: str = "money", colors: Sequence[str] | str = BLUE,
    notes: Iterable[str] | None = None,
) -> Axes:  # fmt: skip
    """Draw horizontal bars, first row on top, with the value written at each end.

    Parameters
    ----------
    ax : Axes
        From ``figure(narrow, rows=...)``.
    names, values : iterable
        The rows.
    text, kind
        How values are written.
    colors : str or sequence of str
        One colour, or one a row.
    notes : iterable of str, optional
        What to write at the ends instead of the values.
    """
    lengths = np.asarray(list(values), dtype=float)
    told = list(notes) if notes is not None else [text.show(float(value), kind) for value in lengths]
    drawn = np.nan_to_num(lengths)
    ax.barh(range(len(drawn)), drawn, height=0.62, color=colors)
    for row, (value, words) in enumerate(zip(drawn, told, strict=True)):
        label(ax, max(value, 0), row, words, size=SIZE - 0.5)
    row_names(ax, names)
    ax.xaxis.set_visible(False)
    ax.axvline(0, color="#B6BEC9", linewidth=0.8)
    return ax


def intervals(
    ax: Axes, names: Iterable, values: Iterable, low: Iterable, high: Iterable, *, text: Text, kind: str = "percent",
    colors: Sequence[str] | str = BLUE,
) -> Axes:  # fmt: skip
    """Draw a dot with its interval for each row, first row on top; a row without a value stays empty."""
    middle, left, right = (np.asarray(list(part), dtype=float) for part in (values, low, high))
    rows = np.arange(len(middle))
    ax.hlines(rows, left, right, color=colors, linewidth=3, alpha=0.4)
    ax.scatter(middle, rows, color=colors, s=42, zorder=3)
    row_names(ax, names)
    value_axis(ax, text, kind, axis="x")
    return ax


def bridge(
    ax: Axes, names: Iterable, amounts: Iterable, totals: Iterable[bool], *, text: Text, kind: str = "money"
) -> Axes:
    """Draw a bridge as horizontal rows: totals from zero, changes from where the row above ended.

    Parameters
    ----------
    ax : Axes
        From ``figure(narrow, rows=...)``.
    names : iterable of str
        The rows, first on top.
    amounts : iterable of float
        Totals as levels, changes with their sign.
    totals : iterable of bool
        Which rows are totals.
    text, kind
        How amounts are written.
    """
    values, level = np.asarray(list(amounts), dtype=float), 0.0
    for row, (value, total) in enumerate(zip(values, totals, strict=True)):
        start, level = (0.0, value) if total else (level, level + value)
        color = TOTAL if total else BLUE if value >= 0 else ORANGE
        ax.barh(row, level - start, left=start, height=0.62, color=color)
        ax.plot([level, level], [row + 0.31, row + 0.69], color="#8A94A3", linewidth=0.8)
        words = text.show(float(value), kind)
        label(ax, max(start, level), row, words if total or value < 0 else f"+{words}", color, size=SIZE - 0.5)
    ax.lines[-1].remove()
    row_names(ax, names)
    ax.xaxis.set_visible(False)
    return ax


def row_names(ax: Axes, names: Iterable) -> None:
    """Name the rows; a name that is too long for one line takes two of smaller letters, and is cut only past them."""
    room = _ROOM[is_narrow(ax)]
    told = [_in_lines(plain_label(name, 80), room) for name in names]
    ax.set_yticks(range(len(told)), told)
    ax.set_ylim(max(len(told), 1) - 0.5, -0.5)
    ax.tick_params(axis="y", labelcolor=INK)
    if any("\n" in name for name in told):
        ax.tick_params(axis="y", labelsize=SMALL)


def _in_lines(words: str, room: float) -> str:
    """Return words in one line or two, each at most `room` points wide."""
    if text_width(words, SIZE - 0.5) <= room:
        return words
    first = _fits(words, room)
    at = max(first.rfind(" ", 0, len(first) + 1), 0) or len(first)
    rest = words[at:].lstrip(" ·")
    second = rest if text_width(rest, SMALL) <= room else _fits(rest, room - text_width("…", SMALL)) + "…"
    return f"{words[:at].rstrip(' ·')}\n{second}"


def _fits(words: str, room: float) -> str:
    """Return the beginning of words that is at most `room` points wide in small letters."""
    most = next((n for n in range(1, len(words) + 1) if text_width(words[:n], SMALL) > room), len(words) + 1)
    return words[: max(most - 1, 1)]


def columns(ax: Axes, x: Iterable, heights: Iterable, color: str | Sequence[str] = BLUE, *, width: float = 0.7) -> None:
    """Draw upright bars."""
    ax.bar(list(x), np.nan_to_num(np.asarray(list(heights), dtype=float)), width=width, color=color)


def heat(ax: Axes, matrix, *, text: Text, kind: str = "percent", center: float | None = None) -> Axes:
    """Draw a table of shades with the value in each cell; rows and columns are named by the frame's index and columns.

    Parameters
    ----------
    ax : Axes
        From ``figure(narrow, rows=len(matrix) + 1)``.
    matrix : DataFrame
        Values; undefined cells stay empty.
    text, kind
        How values are written.
    center : float, optional
        Below it shades are orange, above it blue; without it all are blue.
    """
    values = matrix.to_numpy(dtype=float)
    away = values - (np.nanmin(values) if center is None else center)
    scale = max(float(np.nanmax(np.abs(away))), 1e-12)
    ax.grid(False)
    for row, column in zip(*np.nonzero(np.isfinite(values)), strict=True):
        share = abs(away[row, column]) / scale
        shade = _mixed(BLUE if away[row, column] >= 0 else ORANGE, 0.08 + 0.72 * share)
        ax.barh(row, 0.96, left=column - 0.48, height=0.92, color=shade)
        ink = "#FFFFFF" if share > 0.75 else INK
        ax.text(
            column, row, text.show(float(values[row, column]), kind), ha="center", va="center", color=ink, fontsize=NOTE
        )
    row_names(ax, matrix.index)
    ax.set_xticks(range(matrix.shape[1]), [plain_label(name, 6 if is_narrow(ax) else 14) for name in matrix.columns])
    ax.xaxis.tick_top()
    ax.set_xlim(-0.5, matrix.shape[1] - 0.5)
    return ax


def _mixed(color: str, share: float) -> str:
    parts = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(255 + (part - 255) * share):02X}" for part in parts)


def month_axis(ax: Axes, periods: Iterable, text: Text) -> None:
    """Name positions 0, 1, 2 ... of the x axis by months, as many as fit, the last one always."""
    told = [text.month(period) for period in periods]
    grid = ax.get_gridspec()
    most = 4 if is_narrow(ax) or (grid is not None and grid.ncols > 1) else 9
    step = max(1, -(-len(told) // most))
    at = list(range(len(told) - 1, -1, -step))[::-1]
    ax.set_xticks(at, [told[i] for i in at])


def value_axis(ax: Axes, text: Text, kind: str = "money", *, axis: str = "y") -> None:
    """Write the values of an axis in the reader's habit."""
    import matplotlib.ticker

    side = ax.yaxis if axis == "y" else ax.xaxis
    side.set_major_locator(
        matplotlib.ticker.MaxNLocator(3 if axis == "x" and is_narrow(ax) else 5, steps=[1, 2, 2.5, 5, 10])
    )
    side.set_major_formatter(lambda value, _: _short(text, value, kind))


def _short(text: Text, value: float, kind: str) -> str:
    told = text.show(float(value), kind)
    return re.sub(r"(\.\d*?)0+(?=\D|$)", lambda found: found[1].rstrip("."), told)


def empty(ax: Axes, words: str) -> Axes:
    """Write a sentence where there is nothing to draw."""
    ax.text(0.5, 0.5, plain_label(words, 120), transform=ax.transAxes, ha="center", va="center", color=MUTED, wrap=True)
    ax.set_axis_off()
    return ax
