"""The mapping: which file is which table and which column is which, as a file that a person can read and correct."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from salesloop import typed
from salesloop.errors import ParameterError, raise_all
from salesloop.params import read_yaml
from salesloop.schema import TABLES
from salesloop.sources.labels import kinds

ASK = "?"
_END = re.compile(r"(?:\.[A-Za-z]\w{0,7}){1,2}$")
_NAMED = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_PART = re.compile(
    r"(?:[ _-]*20\d{2}[-_.]?\d{2}[-_.]?\d{2}(?:[-_. T]?\d{4,6})?|[ _-]*20\d{2}[-_.]?(?:0[1-9]|1[0-2])(?!\d)|[ _]*\(\d+\)"
    r"|[ _-]*20\d{2}年\d{1,2}月(?:份|\d{1,2}日)?|[ _-]*(?<!\d)\d{2}[-_.]\d{2}[-_.]20\d{2}(?:[ _T]\d{2}[-_.]\d{2}(?:[-_.]\d{2})?)?|\d{10,}"
    rf"|[ _-]*(?<![A-Za-z]){_NAMED}[-_. ]?20\d{{2}}(?!\d)|[ _-]*20\d{{2}}[-_. ]?{_NAMED}(?![A-Za-z]))",
    re.I,
)


class FileMapping(BaseModel):
    """What one kind of file is.

    Attributes
    ----------
    file, sheet : str
        Name pattern (``*`` stands for anything) and sheet of a workbook.
    table : str or None
        Canonical table; None sets the file aside; ``?`` asks.
    columns : dict
        Canonical column → label in the file.
    key : list of str
        Labels that identify a row; empty: the table's own key or, without one, the row's content.
    constants : dict
        Canonical column → the same text in every row.
    values : dict of dict
        Canonical column → what each text in the file means (``won``); null means nothing.
    dates : dict
        Label → ``dmy``, ``mdy`` or ``ymd``, where the layout alone does not say it; ``none``: such texts are no dates.
    units : dict
        Label → powers of ten by which its numbers are larger (万元: 4).
    percent : dict
        Label → true where 60 means 60 %, false where 0.6 does.
    decimal : str
        ``.`` or ``,``.
    months : dict
        Label → month or quarter, for targets in columns.
    entered, left, stayed : dict
        Label → stage, for deals with a column a stage: when it was entered, when it was left, how many days it lasted.
    complete : bool
        A row that is missing from the export was deleted.
    repeats : str
        Rows without an id that are equal in every column: ``keep`` each, or ``drop`` all but one; ``first``: of rows with
        the same id the first is the record, the others are its lines; ``sum``: and the amounts of its lines add up.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    file: str
    sheet: str = ""
    table: str | None = None
    profile: str = "file"
    columns: dict[str, str] = {}
    key: list[str] = []
    constants: dict[str, str] = {}
    values: dict[str, dict[str, str | None]] = {}
    dates: dict[str, Literal["dmy", "mdy", "ymd", "none", "?"]] = {}
    units: dict[str, int] = {}
    percent: dict[str, bool] = {}
    months: dict[str, str] = {}
    entered: dict[str, str] = {}
    left: dict[str, str] = {}
    stayed: dict[str, str] = {}
    decimal: Literal[".", ",", "?"] = "."
    currency: str | None = Field(None, pattern=r"^([A-Z]{3}|\?)$")
    zone: str | None = None
    complete: bool = False
    repeats: Literal["keep", "drop", "first", "sum"] = "drop"
    encoding: str | None = None
    delimiter: str | None = None
    header_row: int | None = Field(None, ge=1)

    def fits(self, file: str, sheet: str = "") -> bool:
        """Return whether a file (and sheet) is of this kind."""
        name = self.file.replace("\\", "/").rpartition("/")[2]
        return fnmatchcase(file.casefold(), name.casefold()) and self.sheet in ("", sheet)

    def options(self) -> dict[str, Any]:
        """Return what is said about reading the file."""
        return {"encoding": self.encoding, "delimiter": self.delimiter, "header_row": self.header_row}


class Mapping(BaseModel):
    """The mapping of a unit: one entry a kind of file.

    Examples
    --------
    >>> Mapping(files=[FileMapping(file="Deals*.csv", table="opportunities")]).entry("Deals_2026_05_28.csv").table
    'opportunities'
    """

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    files: list[FileMapping] = []

    def entry(self, file: str, sheet: str = "") -> FileMapping | None:
        """Return the entry for a file; an exact name goes before a pattern."""
        fitting = [entry for entry in self.files if entry.fits(file, sheet)]
        fitting.sort(key=lambda entry: ("*" in entry.file, -len(entry.file), not entry.sheet))
        return fitting[0] if fitting else None


def pattern(file: str) -> str:
    """Return the name pattern of a file: its date and copy number may change.

    Examples
    --------
    >>> pattern("Deals_2026_05_28.csv"), pattern("商机 (2).xlsx"), pattern("accounts.csv")
    ('Deals*.csv', '商机*.xlsx', 'accounts.csv')
    >>> pattern("2026年6月商机表.xlsx"), pattern("report1782849851234.csv"), pattern("Deals Mar 2026.csv")
    ('*商机表.xlsx', 'report*.csv', 'Deals*.csv')
    """
    end = _END.search(file)
    stem, ending = (file[: end.start()], end[0]) if end else (file, "")
    cut = _PART.sub("*", stem)
    return f"{re.sub(r'[*]+', '*', cut)}{ending}" if cut.strip("*") else file


def read(source: Mapping | dict | str | Path | None) -> Mapping:
    """Return a mapping from a file, from its content, or an empty one; mistakes in it are all named."""
    if source is None:
        return Mapping()
    if isinstance(source, Mapping):
        return source.model_copy(deep=True)
    name = "mapping" if isinstance(source, dict) else Path(source).name
    if not isinstance(source, dict) and not Path(source).is_file():
        raise ParameterError(
            f"mapping {name}", found="no such file", allowed="a YAML file", next_step="run the import once without it"
        )
    content = source if isinstance(source, dict) else read_yaml(Path(source))
    try:
        made = Mapping.model_validate({key: value for key, value in content.items() if key != "questions"})
    except ValidationError as error:
        raise_all([typed.problem(Mapping, problem, name) for problem in error.errors()])
        raise
    raise_all(
        [
            ParameterError(
                f"{name}: {thing}",
                found=found,
                allowed=allowed,
                next_step=f"{_near(word, allowed)}correct it in {name}",
            )
            for thing, word, found, allowed in _unknown(made)
        ]
    )
    return made


def files_of(file: Path) -> list[Path]:
    """Return the files that a mapping's entries name, from the mapping's own folder."""
    found = [path for entry in read(file).files for path in sorted(file.parent.glob(entry.file)) if path.is_file()]
    if not found:
        raise ParameterError(
            f"mapping {file.name}", found="no file of the names that it gives", allowed="names from the mapping's folder",
            next_step="correct `file:` in its entries",
        )  # fmt: skip
    return list(dict.fromkeys(found))


def _near(word: str, allowed: str) -> str:
    near = difflib.get_close_matches(word, allowed.split(", "), n=1)
    return f"did you mean {near[0]}? " if near else ""


def _unknown(made: Mapping) -> Iterator[tuple[str, str, str, str]]:
    for entry in made.files:
        if entry.table in (None, ASK):
            continue
        if entry.table not in TABLES:
            yield f"{entry.file}.table", str(entry.table), repr(str(entry.table)[:40]), ", ".join(TABLES)
            continue
        known = {*TABLES[entry.table].columns, *_helping(entry.table)}
        for column in sorted({*entry.columns, *entry.constants, *entry.values} - known):
            yield f"{entry.file}.{column}", column, "no column of " + entry.table, ", ".join(sorted(known))


def _helping(table: str) -> set[str]:
    found = [*kinds()[table].exact.values(), *kinds()[table].hinted.values()] if table in kinds() else []
    return {column for pairs in found for column, _ in pairs}


def asked(entry: FileMapping) -> list[str]:
    """Return the places of an entry that still ask for an answer."""
    places = [f"table of {entry.file}"] if entry.table == ASK else []
    places += [f"columns.{column}" for column, label in entry.columns.items() if label == ASK]
    places += [f"constants.{column}" for column, text in entry.constants.items() if text == ASK]
    places += [f"values.{column}" for column, words in entry.values.items() if ASK in words.values()]
    places += [f"dates.{label}" for label, order in entry.dates.items() if order == ASK]
    places += ["key"] if ASK in entry.key else []
    places += ["decimal"] if entry.decimal == ASK else []
    return places + (["currency"] if entry.currency == ASK else [])
