"""Save a figure as a lean SVG: text as paths, margins fitted, the same bytes every time."""

from __future__ import annotations

import io
import re
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager, get_font
from matplotlib.ft2font import LoadFlags
from matplotlib.spines import Spine
from matplotlib.text import Annotation
from matplotlib.text import Text as Label
from matplotlib.textpath import TextToPath

from salesloop.clean import plain_label


class EndLabel(Annotation):
    """A label at the right end of a mark; labels that would touch are moved apart when the figure is saved."""


class _Remembered(TextToPath):
    """Text as paths; the size and glyphs of words are found once, as the same words stand in many drawings.

    Fonts are never kept: an open one shares its place in the file with every forked process. Where their files are is.
    """

    def __init__(self) -> None:
        super().__init__()
        self._files: dict[tuple, list] = {}
        self._heights: dict[tuple, tuple[float, float, float]] = {}
        self._sizes: dict[tuple, tuple[float, float, float]] = {}
        self._glyphs: dict[tuple, tuple[list, dict]] = {}

    def get_text_width_height_descent(self, s, prop, ismath):
        """Return width, height and descent of words in points."""
        if ismath:
            return super().get_text_width_height_descent(s, prop, ismath)
        key = (s, *_face(prop))
        if key not in self._sizes:
            font = self._get_font(prop)  # type: ignore[attr-defined]
            font.set_text(s, 0.0, flags=LoadFlags.NO_HINTING)
            width, height = font.get_width_height()
            _bounded(self._sizes)[key] = width / 64, height / 64, font.get_descent() / 64
        scale = prop.get_size_in_points() / self.FONT_SCALE
        return tuple(part * scale for part in self._sizes[key])

    def _get_font(self, prop):
        """Return the font of some properties; the search through all installed fonts is done once."""
        key = _face(prop)
        if key not in self._files:
            self._files[key] = fontManager._find_fonts_by_props(prop)  # type: ignore[attr-defined]
        font = get_font(self._files[key])
        font.set_size(self.FONT_SCALE, self.DPI)
        return font

    def heights(self, prop: FontProperties) -> tuple[float, float, float]:
        """Return a font's ascent, descent and gap between lines in points, as the font's file states them."""
        key = _face(prop)
        if key not in self._heights:
            font = self._get_font(prop)
            table = font.get_sfnt_table("OS/2") or {}
            names = ("sTypoAscender", "sTypoDescender", "sTypoLineGap")
            scale = 1 / font.get_sfnt_table("head")["unitsPerEm"]
            self._heights[key] = tuple(table.get(name, 0) * scale for name in names)  # type: ignore[assignment]
        size = prop.get_size_in_points()
        up, down, gap = self._heights[key]
        return up * size, -down * size, gap * size

    def get_glyphs_with_font(self, font, s, glyph_map=None, return_new_glyphs_only=False, **more):
        """Return where each glyph of some words stands, and the outlines of those that are new."""
        key = (s, font.fname, font.postscript_name, *more.items())
        if key not in self._glyphs:
            places, outlines, _ = super().get_glyphs_with_font(font, s, **more)
            _bounded(self._glyphs)[key] = places, outlines
        places, outlines = self._glyphs[key]
        known = {} if glyph_map is None else glyph_map
        new = {name: outline for name, outline in outlines.items() if name not in known}
        return places, new if return_new_glyphs_only else {**known, **new}, []


def _face(prop: FontProperties) -> tuple:
    """Return what chooses a font's file."""
    return (*prop.get_family(), prop.get_weight(), prop.get_style())


def _bounded(kept: dict, most: int = 4096) -> dict:
    """Return a dictionary, emptied where it has grown past what is worth keeping."""
    if len(kept) >= most:
        kept.clear()
    return kept


_TEXT = _Remembered()


class _Renderer(RendererSVG):
    """A drawing with the remembered words; a drawing is of 72 dots an inch."""

    def _get_font_height_metrics(self, prop: FontProperties) -> tuple[float, float, float]:
        return _TEXT.heights(prop)


def to_svg(fig: Figure) -> str:
    """Return a figure as SVG: text as paths, margins fitted, the same bytes every time."""
    for ax in fig.axes:
        for words in _of_kind(ax, Label):
            words.set_text(plain_label(words.get_text(), 120))
    for ax in fig.axes:
        _apart(ax)
    _fit(fig)
    return _compact(_drawn(fig))


def _drawn(fig: Figure) -> str:
    """Draw with the remembered words; what `Figure.savefig` does besides is not needed here."""
    out = io.StringIO()
    fig.dpi = 72
    width, height = fig.get_size_inches()
    told = {"Date": None, "Creator": None}
    for ax in fig.axes:
        for axis in (ax.xaxis, ax.yaxis):
            if not axis.get_label_text():  # where tick labels end matters to nothing but the axis's own label
                axis._get_ticklabel_bboxes = _no_boxes  # type: ignore[union-attr]
    renderer = _Renderer(width * 72, height * 72, out, image_dpi=72, metadata=told)
    renderer._text2path = _TEXT  # type: ignore[attr-defined]
    fig.draw(renderer)
    renderer.finalize()
    return out.getvalue()


def _no_boxes(ticks: object, renderer: object = None) -> tuple[list, list]:
    return [], []


def _of_kind(ax: Axes, kind: type[Any]) -> list[Any]:
    """Return the artists of a kind that stand in Axes; tick labels, which are written anew with each drawing, left out."""
    inside = (one for one in ax.get_children() if not isinstance(one, (Axis, Spine)))
    return [found for one in inside for found in ([one] if isinstance(one, kind) else one.findobj(kind))]


def _apart(ax: Axes) -> None:
    """Move end labels that share a column apart, so that none touches another."""
    labels = [note for note in _of_kind(ax, EndLabel) if note.get_text()]
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
    below += 15 if any(ax.get_xlabel() for ax in axes) else 0
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
    lines = [(line, tick.get_fontsize()) for tick in ax.get_yticklabels() for line in tick.get_text().split("\n")]
    return max([text_width(line, size) + 6 for line, size in lines], default=0.0)


def _right_need(ax: Axes, room: float) -> float:
    """Return the points needed right of the axes, so that end labels and the last tick label fit."""
    need, (low, high) = 2.0, ax.get_xlim()
    if _has_x(ax, "bottom") and (ticks := ax.get_xticklabels()):
        need = max(need, text_width(ticks[-1].get_text(), ticks[-1].get_fontsize()) / 2)
    for note in _of_kind(ax, EndLabel):
        across = note.xy[0] if note.xycoords != "data" else (note.xy[0] - low) / (high - low)
        long = text_width(note.get_text(), note.get_fontsize()) + 8
        need = max(need, long - (1 - across) * room * 0.8)
    return min(need, 0.55 * room)


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
    width, _, _ = _TEXT.get_text_width_height_descent(words, FontProperties(size=size), False)
    return round(width, 1)


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
