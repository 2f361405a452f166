"""What leaves a notebook: named values, tables, figures and sentences; typed, and written in one step."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from salesloop import kept, paths, whole
from salesloop.book import Book, open_book
from salesloop.errors import StageError
from salesloop.messages import Text, plain

MIME = "application/vnd.salesloop+json"
OUT = "SALESLOOP_OUT"
_SHOWN_ROWS = 12


class Results:
    """The saved results of one stage, read back.

    Attributes
    ----------
    values, tables, figures, sentences
        As they stand in ``results/<stage>.json``.
    """

    def __init__(self, folder: Path, stage: str):
        self.folder, self.stage = folder, stage
        self.content: dict[str, Any] = json.loads((folder / f"{stage}.json").read_text(encoding="utf-8"))
        self.values: dict[str, dict] = self.content["values"]
        self.tables: dict[str, dict] = self.content["tables"]
        self.figures: list[dict] = self.content["figures"]
        self.sentences: list[dict] = self.content["sentences"]
        self.sheets: list[dict] = self.content.get("sheets", [])

    @classmethod
    def find(cls, folder: Path, stage: str) -> Results | None:
        """Return a stage's results from a results folder, or None where it has none."""
        return cls(folder, stage) if (folder / f"{stage}.json").is_file() else None

    def value(self, name: str) -> float:
        """Return a named value as a number, NaN where it is absent or undefined."""
        found = self.values.get(name, {}).get("value")
        return float("nan") if found is None else found

    def table(self, name: str) -> pd.DataFrame:
        """Return a named table; one that is absent is empty."""
        found = self.tables.get(name)
        return pd.read_parquet(self.folder / found["file"]) if found else pd.DataFrame()


class Stage:
    """One stage at work: its book, what came before it, and the results it will leave.

    Made by `open_stage`. Nothing is published here: a run writes to its own work folder, everything else to
    ``reports/<unit>/_scratch``.
    """

    def __init__(self, name: str, book: Book, folder: Path, *, published: Path | None = None):
        self.name, self.book, self.folder, self._published = name, book, folder, published
        self.text = Text(book.config.languages[0], book.currency)
        self.content: dict[str, Any] = {
            "stage": name, "unit": book.unit, "period": str(book.period), "as_of": str(book.as_of),
            "values": {}, "tables": {}, "figures": [], "sentences": [],
        }  # fmt: skip
        (folder / name).mkdir(parents=True, exist_ok=True)

    def upstream(self, stage: str) -> Results | None:
        """Return the results of a stage this one needs, or None where it failed or never ran."""
        found = Results.find(self.folder, stage)
        return found or (Results.find(self._published, stage) if self._published else None)

    def value(
        self, name: str, value: float | None, *, uom: str, n: int | None = None, low: float | None = None,
        high: float | None = None, confidence: float | None = None,
    ) -> None:  # fmt: skip
        """Keep a named value with its unit of measurement, count and interval; NaN is kept as undefined."""
        row = {"value": value, "uom": uom, "n": n, "low": low, "high": high, "confidence": confidence}
        cents = uom == self.book.currency
        made = {
            key: found if key == "uom"
            else kept.number(f"{self.name}.{name}: {key}", found, cents and key in ("value", "low", "high"))
            for key, found in row.items()
        }  # fmt: skip
        self._new("values", name)[name] = made

    def table(
        self, name: str, frame: pd.DataFrame, *, title: str, formats: Mapping[str, str] | None = None,
        columns: Sequence[str] | None = None, show: bool = True, values: Mapping[str, object] | None = None,
    ) -> None:  # fmt: skip
        """Keep a table (all columns) and show it in the report with the given columns and formats.

        Parameters
        ----------
        name : str
            The table's name in the results.
        frame : DataFrame
            Tidy rows; money columns are rounded to the cent here.
        title : str
            The message id of its heading.
        formats : mapping of str to str, optional
            Column to kind: money, percent, count, days, period, word ...
        columns : sequence of str, optional
            The columns the report shows, in order; all by default.
        show : bool, default True
            False keeps it in the results without a place on the page.
        values : mapping of str to object, optional
            What the heading's message is filled with.
        """
        formats = dict(formats or {})
        frame = kept.frame(f"{self.name}.{name}", frame, formats, columns or ())
        told = {key: plain(value) for key, value in (values or {}).items()}
        self._message(title, **told)
        spec = {"title": title, "formats": formats, "columns": list(columns or frame.columns), "shown": show}
        if told:
            spec["values"] = told
        self._new("tables", name)[name] = {**self._write(name, frame, csv=True), **spec}
        if show:
            self._emit("table", name, self._preview(frame, spec))

    def workbook(
        self, name: str, frame: pd.DataFrame, *, plan: str, title: str, words: Sequence[str] = ()
    ) -> None:  # fmt: skip
        """Keep rows of a plan file as a workbook that people edit and bring back; the page leads to it. None without rows.

        Parameters
        ----------
        name : str
            The table's name in the results.
        frame : DataFrame
            Rows with columns of the plan file.
        plan : str
            The plan file, after which the workbook is called, with the month, or the day of a check-in, and the stage. The
            messages ``plan.<plan>.<column>`` are the headings, in the unit's first language.
        title : str
            The message id of its heading and of the link to it.
        words : sequence of str
            Columns of codes that are written out in words, which the door reads as well.
        """
        from salesloop.handout import workbook

        self.table(name, frame, title=title, show=False)
        if frame.empty:
            return
        told = frame.copy()
        for column in words:
            told[column] = [None if pd.isna(code) else self.text.word(code, self.name) for code in frame[column]]
        headings = {column: self.text.t(f"plan.{plan}.{column}") for column in frame.columns}
        inside = self.book.as_of < self.book.period.end_time.date()
        file = f"{plan}_{self.book.as_of if inside else self.book.period}_{self.name}.xlsx"
        self._draft(file).write_bytes(workbook(told, headings, sheet=self.text.t(f"plan.{plan}")))
        self.content["tables"][name]["workbook"] = f"{self.name}/{file}"
        self._emit("workbook", name, {"text/plain": file})

    def sheets(
        self, name: str, tables: Sequence[str], said: Mapping[str, Sequence[tuple[str, Mapping[str, object]]]], *, by: str,
        title: str, lead: str,
    ) -> None:  # fmt: skip
        """Give each team, or whatever `by` names, a page of its own: what is said to it, and its rows of kept tables.

        Parameters
        ----------
        name : str
            What the pages' files are called, before the slug of each.
        tables : sequence of str
            Tables kept before, each with the column `by`.
        said : mapping of str to sequence of (message id, values)
            Whose page, and what it says; the first sentence opens it.
        by : str
            The column that tells whose rows they are.
        title, lead : str
            The message ids of a page's heading, filled with `by`, and of the list of links to all pages.
        """
        pages = []
        for one, sentences in said.items():
            self._message(title, **{by: plain(one)})
            told = [(message, {key: plain(value) for key, value in values.items()}) for message, values in sentences]
            for message, values in told:
                self._message(message, **values)
            pages.append({"key": plain(one), "said": [{"id": message, "values": values} for message, values in told]})
        made = {"name": name, "by": by, "title": title, "lead": lead, "tables": list(tables), "pages": pages}
        self._message(lead)
        self.content.setdefault("sheets", []).append(made)
        self._emit("sheets", name, {"text/plain": ", ".join(said)})

    def keep(self, name: str, frame: pd.DataFrame) -> None:
        """Keep a table for later stages as Parquet only: draws, fitted state."""
        self._new("tables", name)[name] = {**self._write(name, self._frame(name, frame), csv=False), "shown": False}

    def figure(
        self,
        name: str,
        frame: pd.DataFrame,
        *,
        title: str,
        alt: str,
        formats: Mapping[str, str] | None = None,
        **values: object,
    ) -> None:
        """Keep a figure: the plot ``salesloop.plots.<stage>.<name>``, its table, its title and its alternative text.

        `formats` says how its table's columns are shown where the stage's tables show columns of that name differently.
        """
        from salesloop.figures import draw

        told = {key: plain(value) for key, value in values.items()}
        self._message(title, **told), self._message(alt, **told)
        table = f"figure_{name}"
        self._new("tables", table)[table] = {
            **self._write(table, self._frame(table, frame), csv=False),
            "shown": False,
        }
        spec: dict[str, Any] = {
            "name": name,
            "plot": f"{self.name}.{name}",
            "table": table,
            "title": title,
            "alt": alt,
            "values": told,
            "formats": dict(formats or {}),
        }
        self.content["figures"].append(spec)
        svg = draw(spec["plot"], frame, self.text)
        self._draft(f"{name}.{self.text.lang}.svg").write_text(svg, encoding="utf-8")
        self._emit("figure", name, {"image/svg+xml": svg, "text/plain": self.text.t(title, **told)})

    def say(self, message: str, **values: object) -> None:
        """Keep a sentence: a message of the catalogues and its values."""
        told = {key: plain(value) for key, value in values.items()}
        shown = self._message(message, **told)
        self.content["sentences"].append({"id": message, "values": told})
        self._emit("sentence", message, {"text/plain": shown}, index=len(self.content["sentences"]) - 1)

    def tell(self, *sentences: tuple[str, Mapping[str, object]]) -> None:
        """Keep sentences that a metric function chose: each its message id and its values."""
        for one in sentences:
            if not isinstance(one, tuple) or len(one) != 2:
                raise StageError(
                    f"sentence of {self.name}", found=f"a {type(one).__name__}", allowed="a message id and its values",
                    next_step="give stage.tell what a say function returns; several with a star before",
                )  # fmt: skip
            self.say(one[0], **one[1])

    def save(self) -> None:
        """Write the results in one step; the last cell of every notebook."""
        try:
            told = json.dumps(self.content, ensure_ascii=False, indent=1, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise StageError(
                f"results of {self.name}", found=f"what JSON cannot hold ({type(error).__name__}) in a sentence or a heading",
                allowed="numbers, texts and days", next_step="correct what the notebook fills its messages with",
            ) from None  # fmt: skip
        whole.write(self.folder / f"{self.name}.json", told)

    def _frame(self, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        return kept.frame(f"{self.name}.{name}", frame)

    def _new(self, kind: str, name: str) -> dict:
        kept.check_name(kind.removesuffix("s"), name)
        if name in self.content[kind]:
            raise StageError(
                f"{self.name}.{name}", found=f"two {kind} of this name", allowed="one",
                next_step="give one of them another name in the notebook",
            )  # fmt: skip
        return self.content[kind]

    def _message(self, message: str, **values: object) -> str:
        if not self.text.has(message):
            self.text.t(message)  # says that there is none
        try:
            return self.text.t(message, **values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StageError(
                f"message {message}", found=f"{type(error).__name__}: {error}", allowed="a value for each of its fields",
                next_step="correct what the notebook fills it with",
            ) from None  # fmt: skip

    def _draft(self, name: str) -> Path:
        return self.folder / self.name / name

    def _write(self, name: str, frame: pd.DataFrame, *, csv: bool) -> dict[str, Any]:
        kept.write(f"{self.name}.{name}", frame, self._draft(f"{name}.parquet"), csv=csv)
        return {"file": f"{self.name}/{name}.parquet", "rows": len(frame)}

    def _preview(self, frame: pd.DataFrame, spec: dict) -> dict[str, str]:
        rows, kinds = frame.head(_SHOWN_ROWS).to_dict("records"), spec["formats"]
        told = {c: [self.text.row(row, c, kinds.get(c, "text"), self.name) for row in rows] for c in spec["columns"]}
        named = pd.DataFrame(told).rename(columns=lambda column: self.text.label(column, self.name))
        return {"text/html": named.to_html(index=False, escape=True, border=0), "text/plain": f"{len(frame)} rows"}

    def _emit(self, kind: str, name: str, fallback: dict[str, str], index: int | None = None) -> None:
        """Show an item in a kernel, with the mark by which the report finds it again; elsewhere do nothing."""
        shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
        if shell:
            mark = {"stage": self.name, "kind": kind, "name": name, "index": index}
            shell.display_pub.publish({MIME: mark, **fallback})

    @cached_property
    def config(self):
        """The unit's configuration."""
        return self.book.config


def open_stage(stage: str, unit: str = "demo", period: str = "latest", as_of: str | None = None) -> Stage:
    """Open a stage of a unit's period; the first thing every notebook does after its parameters.

    Parameters
    ----------
    stage : str
        The stage's name, as in the notebook's metadata.
    unit, period, as_of : str
        Whose book; the month or ``"latest"``; the day of a check-in.
    """
    kept.check_name("stage", stage)
    book = open_book(unit, period, as_of)
    out = os.environ.get(OUT)
    if out:
        return Stage(stage, book, Path(out) / "results")
    scratch = paths.reports(unit) / "_scratch" / str(book.period) / "results"
    return Stage(stage, book, scratch, published=paths.reports(unit, str(book.period)) / "results")
