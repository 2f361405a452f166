"""What charts are drawn on: colours, sizes, fonts, Axes of one size, words at a point."""

from __future__ import annotations

import importlib.metadata
from functools import lru_cache
from typing import Any

import matplotlib
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from salesloop.clean import plain_label
from salesloop.svg import EndLabel

INK, MUTED, GRID, PAGE = "#1F2937", "#5B6472", "#E5E8EC", "#F6F7F9"
BLUE, ORANGE, TOTAL = "#0B5CAD", "#B8500C", "#3E4A5A"
FAN = {0.95: "#DCE9F5", 0.8: "#B3D0EA", 0.5: "#7DAEDA"}
SERIES = (BLUE, ORANGE, TOTAL, "#2E8B7A", "#8A5AA8", "#A08A2C")
QUIET = "#C3CBD6"
WIDE, NARROW = 7.5, 3.9
SIZE, NOTE, SMALL = 10.5, 9.0, 8.5
_SYSTEM_FONTS = ("PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "SimHei", "Noto Sans CJK SC", "DejaVu Sans")


@lru_cache(maxsize=1)
def look() -> dict[str, Any]:
    """Set fonts and drawing defaults once a process and return them."""
    settings: dict[str, Any] = {
        "font.family": [*_wheel_font(), *(name for name in _SYSTEM_FONTS if name in fontManager.get_font_names())],
        "font.size": SIZE, "text.color": INK, "axes.labelcolor": MUTED, "axes.labelsize": NOTE,
        "xtick.color": MUTED, "ytick.color": MUTED, "xtick.labelsize": SIZE - 0.5, "ytick.labelsize": SIZE - 0.5,
        "xtick.major.size": 0, "ytick.major.size": 0, "xtick.minor.size": 0, "ytick.minor.size": 0,
        "xtick.major.pad": 6, "ytick.major.pad": 6, "axes.edgecolor": "#B6BEC9", "axes.linewidth": 0.8,
        "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False, "axes.axisbelow": True,
        "axes.grid": True, "axes.grid.axis": "y", "grid.color": GRID, "grid.linewidth": 0.8, "lines.linewidth": 2,
        "lines.solid_capstyle": "round", "patch.linewidth": 0, "axes.prop_cycle": cycler(color=SERIES),
        "axes.unicode_minus": False, "text.parse_math": False, "svg.fonttype": "path", "svg.hashsalt": "salesloop",
        "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none",
    }  # fmt: skip
    matplotlib.rcParams.update(settings)  # type: ignore[arg-type]
    return settings


@lru_cache(maxsize=1)
def _wheel_font() -> list[str]:
    """Register the font that the wheel carries and return its name; nothing where the wheel is not installed."""
    try:
        files = importlib.metadata.files("noto-cjk-sans-otc") or []
    except importlib.metadata.PackageNotFoundError:
        return []
    for file in files:
        if file.name.endswith((".ttc", ".otc", ".otf")):
            fontManager.addfont(str(file.locate()))
            return ["Noto Sans CJK SC"]
    return []


def figure(narrow: bool = False, *, rows: int | None = None, height: float | None = None) -> Axes:
    """Return the Axes of a new figure.

    Parameters
    ----------
    narrow : bool, default False
        The drawing for a phone.
    rows : int, optional
        The number of horizontal rows (bars, intervals, a bridge): the height follows, the grid turns upright.
    height : float, optional
        The height in inches.

    Examples
    --------
    >>> figure().figure.get_size_inches().tolist(), figure(narrow=True).figure.get_size_inches().tolist()
    ([7.5, 3.1], [3.9, 2.8])
    """
    look()
    tall = height or (0.5 + 0.33 * max(rows, 1) if rows is not None else 2.8 if narrow else 3.1)
    ax = Figure(figsize=(NARROW if narrow else WIDE, tall)).add_subplot()
    if rows is not None:
        _rows_look(ax)
    return ax


def panels(n: int, narrow: bool = False, *, height: float = 2.5) -> list[Axes]:
    """Return the Axes of `n` charts of one figure: side by side, on a phone one under the other."""
    look()
    size = (NARROW, height * n) if narrow else (WIDE, height)
    made = Figure(figsize=size).subplots(n if narrow else 1, 1 if narrow else n, squeeze=False)
    return list(made.flat)


def panel_title(ax: Axes, words: str) -> None:
    """Name one of several panels, above it."""
    ax.set_title(plain_label(words), loc="left", fontsize=SIZE, color=INK)


def _rows_look(ax: Axes) -> None:
    ax.grid(False, axis="y")
    ax.grid(True, axis="x")
    ax.spines["bottom"].set_visible(False)


def is_narrow(ax: Axes) -> bool:
    """Return whether Axes belong to a drawing for a phone."""
    figure = ax.get_figure(root=True)
    return figure is not None and figure.get_figwidth() < (WIDE + NARROW) / 2


def label(ax: Axes, x: float, y: float, words: str, color: str = INK, *, size: float = SIZE) -> EndLabel:
    """Write words to the right of a point and return the label."""
    note = EndLabel(
        plain_label(words), (x, y), xytext=(6, 0), textcoords="offset points", color=color, fontsize=size,
        va="center", ha="left", annotation_clip=False,
    )  # fmt: skip
    ax.add_artist(note)
    note.set_clip_on(False)
    return note
