"""The items of a page, drawn from saved results in one language: sentences, tables, figures."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import pandas as pd
from markupsafe import Markup, escape

from salesloop import whole
from salesloop.clean import plain
from salesloop.errors import StageError
from salesloop.messages import Text
from salesloop.results import Results
from salesloop.tables import MOST_ROWS, html_table


@dataclass(frozen=True)
class Manner:
    """How a page is drawn.

    Attributes
    ----------
    text : Text
        Language and currency.
    mask : callable
        Applied to all text that comes from data, to hide names.
    linked : bool
        Whether the page stands in its report folder, so that links to other files lead somewhere.
    most : int
        How many rows a table shows.
    """

    text: Text
    mask: Callable[[str], str] = str
    linked: bool = True
    most: int = MOST_ROWS


def fitting(draw: Callable[[Manner], str], manner: Manner, limit: int) -> str:
    """Return a page that is no larger than `limit` bytes, with shorter tables where it must be."""
    html = ""
    for most in (manner.most, 100, 25, 5):
        html = draw(replace(manner, most=most))
        if len(html.encode("utf-8")) <= limit:
            break
    return html


@dataclass(frozen=True)
class Items:
    """One stage's results, ready to be drawn in one manner."""

    results: Results
    manner: Manner
    stem: str = ""
    """What the stage's page is called, without its ending."""

    @property
    def text(self) -> Text:
        """Language and currency."""
        return self.manner.text

    @property
    def mask(self) -> Callable[[str], str]:
        """What hides names."""
        return self.manner.mask

    @property
    def stage(self) -> str:
        """The stage's name."""
        return self.results.stage

    def words(self, message: str, values: dict) -> str:
        """Return a message with its values, names hidden where asked.

        Results of an earlier version may hold messages that are no more, or other values than they take now: of these it
        is said that the month must be run again.
        """
        told = {key: self.mask(value) if isinstance(value, str) else value for key, value in values.items()}
        try:
            return plain(self.text.t(message, **told))
        except (KeyError, TypeError, ValueError, StageError):
            return plain(self.text.t("report.older_wording", said=message))

    def sentence(self, index: int) -> str:
        """Return one sentence of the stage."""
        said = self.results.sentences[index]
        return self.words(said["id"], said["values"])

    def table(self, name: str, title: str = "") -> Markup:
        """Return a table of the stage with the formats and columns it was saved with."""
        spec = self.results.tables[name]
        csv = f"results/{self.stage}/{name}.csv" if self.manner.linked else ""
        return html_table(
            self.results.table(name), text=self.text, stage=self.stage, caption=title or self.title(name),
            formats=spec.get("formats"), columns=spec.get("columns"), csv=csv, mask=self.mask, rows=spec["rows"],
            most=self.manner.most,
        )  # fmt: skip

    def title(self, name: str) -> str:
        """Return a table's heading."""
        spec = self.results.tables[name]
        return self.words(spec["title"], spec.get("values", {}))

    def figure(self, name: str, *, half: bool = False) -> dict:
        """Return what a page needs of a figure: title, alternative text, drawings, its table.

        Parameters
        ----------
        name : str
            The figure.
        half : bool, default False
            Whether it takes half a page's width: then the narrow drawing serves every screen and paper.
        """
        spec = next(figure for figure in self.results.figures if figure["name"] == name)
        title, narrow = self.words(spec["title"], spec["values"]), self._drawing(spec, True)
        told: dict = {"id": f"{self.stage}-{name}", "title": title, "alt": self.words(spec["alt"], spec["values"])}
        told |= {
            "half": half,
            "narrow": data_uri(narrow),
            "narrow_size": size(narrow),
            "table": self._table_of(spec, title),
        }
        if half:
            return told
        wide = self._drawing(spec, False)
        return {**told, "wide": data_uri(wide), "size": size(wide)}

    def _drawing(self, spec: dict, narrow: bool) -> str:
        """Return a drawing, kept beside the results once it was made; one with names hidden is never kept."""
        ending = f"{self.text.lang}.narrow.svg" if narrow else f"{self.text.lang}.svg"
        file = self.results.folder / self.stage / f"{spec['name']}.{ending}"
        open_names = self.mask is str
        if open_names and file.is_file():
            return file.read_text(encoding="utf-8")
        from salesloop.figures import draw

        frame = self.results.table(spec["table"])
        svg = draw(spec["plot"], frame if open_names else masked(frame, self.mask), self.text, narrow=narrow)
        if open_names:
            with suppress(OSError):
                whole.write(file, svg)
        return svg

    def _table_of(self, spec: dict, title: str) -> Markup:
        kinds: dict[str, set[str]] = {}
        for table in self.results.tables.values():
            for column, kind in table.get("formats", {}).items():
                kinds.setdefault(column, set()).add(kind)
        formats = {column: next(iter(found)) for column, found in kinds.items() if len(found) == 1}
        return html_table(
            self.results.table(spec["table"]), text=self.text, stage=self.stage, mask=self.mask, most=self.manner.most,
            caption=self.text.t("report.figure_table", title=title), formats={**formats, **spec.get("formats", {})},
        )  # fmt: skip


def masked(frame: pd.DataFrame, mask: Callable[[str], str]) -> pd.DataFrame:
    """Return a frame with names hidden in every text."""
    frame = frame.copy()
    for column in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[column]) and not pd.api.types.is_datetime64_any_dtype(frame[column]):
            frame[column] = [mask(value) if isinstance(value, str) else value for value in frame[column]]
    return frame


def data_uri(svg: str) -> Markup:
    """Return a drawing as an address that an image can carry."""
    return Markup("data:image/svg+xml;base64," + base64.b64encode(svg.encode("utf-8")).decode("ascii"))


def size(svg: str) -> tuple[int, int]:
    """Return a drawing's width and height in CSS pixels.

    Examples
    --------
    >>> size('<svg xmlns="http://www.w3.org/2000/svg" width="540pt" height="223.2pt" viewBox="0 0 540 223.2">')
    (720, 298)
    """
    opening = svg[: svg.index(">")]
    width, height = (re.search(rf' {side}="([\d.]+)pt"', opening) for side in ("width", "height"))
    return (round(float(width[1]) * 4 / 3), round(float(height[1]) * 4 / 3)) if width and height else (720, 300)


def paragraph(words: str, kind: str = "said") -> Markup:
    """Return a sentence as a paragraph."""
    return Markup(f'<p class="{kind}">{escape(words)}</p>')
