"""Save a figure as a lean SVG: text as paths, margins fitted, the same bytes every time."""

from __future__ import annotations

import io
import re
from functools import lru_cache

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Annotation
from matplotlib.text import Text as Label

from salesloop.clean import plain_label


class EndLabel(Annotation):
    """A label at the right end of a mark; labels that would touch are moved apart when the figure is saved."""


def to_svg(fig: Figure) -> str:
    """Return a figure as SVG: text as paths, margins fitted, the same bytes every time."""
    for words in fig.findobj(Label):
        words.set_text(plain_label(words.get_text(), 120))
    for ax in fig.axes:
        _apart(ax)
    _fit(fig)
    out = io.StringIO()
    fig.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return _compact(out.getvalue())


def _apart(ax: Axes) -> None:
    """Move end labels that share a column apart, so that none touches another."""
    labels = [note for note in ax.findobj(EndLabel) if note.get_text()]
    height = _figure(ax).get_figheight() * 72 * 0.8
    columns: dict[float, list[tuple[float, EndLabel]]] = {}
    for note in labels:
        up = ax.transLimits.transform((0, note.xy[1]))[1] * height
        columns.setdefault(round(float(note.xy[0]), 6), []).append((up, note))
    for column in columns.values():
        column.sort(key=lambda pair: pair[0])
        floor = -np.inf
        for up, note in column:
            at = max(up, floor)
            note.set_position((6, at - up))
            floor = at + float(note.get_fontsize()) * 1.15


def _figure(ax: Axes) -> Figure:
    found = ax.get_figure(root=True)
    assert found is not None
    return found


def _fit(fig: Figure) -> None:
    """Set the margins so that tick labels and end labels stay inside, on all axes alike."""
    width, height = fig.get_figwidth() * 72, fig.get_figheight() * 72
    axes = fig.axes
    left = max(_tick_width(ax) for ax in axes) + 8
    right = max(_right_need(ax, width - left) for ax in axes) + 4
    below = 26 if any(_has_x(ax, "bottom") for ax in axes) else 8
    above = 24 if any(_has_x(ax, "top") or _has_top_note(ax) for ax in axes) else 8
    grid = axes[0].get_gridspec()
    space: dict[str, float] = {}
    if grid is not None and grid.ncols > 1:
        inner = (width - left - right) / grid.ncols
        space["wspace"] = (left + right) / max(inner - left - right, 20)
    if grid is not None and grid.nrows > 1:
        space["hspace"] = (below + above + 10) / max((height - below - above) / grid.nrows - below - above, 20)
    fig.subplots_adjust(
        left=left / width, right=1 - right / width, bottom=below / height, top=1 - above / height, **space
    )


def _tick_width(ax: Axes) -> float:
    if not ax.axison or not ax.yaxis.get_visible():
        return 0.0
    return max([text_width(tick.get_text(), tick.get_fontsize()) + 6 for tick in ax.get_yticklabels()], default=0.0)


def _right_need(ax: Axes, room: float) -> float:
    """Return the points needed right of the axes, so that end labels and the last tick label fit."""
    need, (low, high) = 2.0, ax.get_xlim()
    if _has_x(ax, "bottom") and (ticks := ax.get_xticklabels()):
        need = max(need, text_width(ticks[-1].get_text(), ticks[-1].get_fontsize()) / 2)
    for note in ax.findobj(EndLabel):
        across = note.xy[0] if note.xycoords != "data" else (note.xy[0] - low) / (high - low)
        long = text_width(note.get_text(), note.get_fontsize()) + 8
        need = max(need, long - (1 - across) * room * 0.8)
    return min(need, 0.45 * room)


def _has_x(ax: Axes, side: str) -> bool:
    return (
        ax.axison
        and ax.xaxis.get_visible()
        and ax.xaxis.get_ticks_position() in (side, "default" if side == "bottom" else side)
    )


def _has_top_note(ax: Axes) -> bool:
    return any(isinstance(note, Annotation) and note.xy[1] == 1 for note in ax.texts) or bool(ax.get_title())


@lru_cache(maxsize=4096)
def text_width(words: str, size: float) -> float:
    """Return the width of words in points.

    Examples
    --------
    >>> from salesloop import style
    >>> _ = style.look()
    >>> text_width("销售额", 10.0)
    30.0
    """
    font = get_font(findfont(FontProperties(family=matplotlib.rcParams["font.family"])))
    font.set_size(size, 72)
    font.set_text(words, 0)
    return round(font.get_width_height()[0] / 64, 1)


_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_COMMENT = re.compile(r"<!--.*?-->|<metadata>.*?</metadata>|<\?xml.*?\?>|<!DOCTYPE.*?>", re.DOTALL)


def _compact(svg: str) -> str:
    """Take comments, metadata and needless digits out of a drawing."""
    lean = _COMMENT.sub("", svg)
    lean = _NUMBER.sub(_rounded, lean)
    return re.sub(r"\s*\n\s*", "\n", lean).strip()


def _rounded(found: re.Match) -> str:
    value = float(found.group())
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) >= 1 else f"{value:.4g}"
