"""Files → sheets of texts: which files there are, what each one is by its content, and what makes one unreadable."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from salesloop.errors import DataError, SalesloopError, raise_all
from salesloop.sources import delimited, markup, records, workbook
from salesloop.sources.labels import known_keys
from salesloop.sources.sheet import Sheet

TABULAR = {".csv", ".tsv", ".txt", ".psv", ".tab", ".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".parquet", ".pq",
           ".json", ".jsonl", ".ndjson", ".zip"}  # fmt: skip
_DAY = re.compile(
    r"(?<!\d)(20\d{2})(?:[-_.]?(?=\d\d)|年)(1[0-2]|0?[1-9])(?:[-_.]?(?=\d\d)|月)(3[01]|[12]\d|0?[1-9])(?!\d)"
)
_DAY_LAST = re.compile(r"(?<!\d)(0[1-9]|[12]\d|3[01])[-_.](0[1-9]|[12]\d|3[01])[-_.](20\d{2})(?!\d)")
_STAMP = re.compile(r"(?i)report(1[5-9]\d{8})\d{3}(?!\d)")
_MONTH = re.compile(r"(?<!\d)(20\d{2})(?:年|[-_. ]?)(1[0-2]|0[1-9]|[1-9](?=月))月?(?!\d)")
_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMED_MONTH = re.compile(
    r"(?<![a-z])({0})[a-z]*[-_. ]?(20\d{{2}})(?!\d)|(?<!\d)(20\d{{2}})[-_. ]?({0})(?:[a-z]*)(?![a-z])".format(
        "|".join(_NAMES)
    ),
    re.I,
)
_MOST = 2 << 30


def files(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return the files that are meant: files as named, folders by their first level, in order of name.

    Parameters
    ----------
    paths : path or iterable of paths
        A file, several files, or a folder.

    Raises
    ------
    DataError
        A path does not exist, or a folder holds no file.
    """
    named = [paths] if isinstance(paths, (str, Path)) else list(paths)
    found: list[Path] = []
    problems: list[SalesloopError] = []
    for path in map(Path, named):
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith((".", "~$")))
            if not inside:
                problems.append(_absent(path, "a folder without files"))
            found.extend(inside)
        elif path.is_file():
            found.append(path)
        else:
            problems.append(_absent(path, "no such file or folder"))
    if not named:
        problems.append(_absent(Path("DATA"), "no path"))
    raise_all(problems)
    return list(dict.fromkeys(found))


def _absent(path: Path, found: str) -> DataError:
    return DataError(
        f"data {path.name or path}", found=found, allowed="a file, several files or a folder of files",
        next_step="name the export's file or folder, e.g. DATA=exports/",
    )  # fmt: skip


def is_tabular(file: Path) -> bool:
    """Return whether a file's name says that it is a table, or says nothing."""
    stem = file.with_suffix("") if file.suffix.lower() == ".gz" else file
    return stem.suffix.lower() in TABULAR or not stem.suffix


def day_in_name(name: str) -> dt.date | None:
    """Return the day that a file's name carries, as a date or as a report's milliseconds; None where it could be several.

    Examples
    --------
    >>> day_in_name("Deals_2026_05_28.csv"), day_in_name("My Opportunities 30-06-2026 10-11-12.xlsx"), day_in_name("d_05-06-2026.csv")
    (datetime.date(2026, 5, 28), datetime.date(2026, 6, 30), None)
    >>> day_in_name("report1782849851234.csv"), day_in_name("商机2026年6月5日.xlsx")
    (datetime.date(2026, 6, 30), datetime.date(2026, 6, 5))
    """
    found, turned, stamp = _DAY.search(name), _DAY_LAST.search(name), _STAMP.search(name)
    tried = [found.groups()] if found else []
    if turned:
        a, b, year = turned.groups()
        tried += [(year, b, a)] if int(a) > 12 or a == b else [(year, a, b)] if int(b) > 12 else []
    for year, month, day in tried:
        try:
            return dt.date(int(year), int(month), int(day))
        except ValueError:
            continue
    return dt.datetime.fromtimestamp(int(stamp[1]), dt.UTC).date() if stamp else None


def month_end_in_name(name: str) -> dt.date | None:
    """Return the last day of the month that a file's name carries, where it carries no day.

    Examples
    --------
    >>> month_end_in_name("pipeline 2026-02.csv"), month_end_in_name("2026年2月商机.xlsx"), month_end_in_name("Deals Feb 2026.csv")
    (datetime.date(2026, 2, 28), datetime.date(2026, 2, 28), datetime.date(2026, 2, 28))
    """
    found, named = _MONTH.search(name), _NAMED_MONTH.search(name)
    if named:
        month = 1 + _NAMES.index((named[1] or named[4]).casefold())
        year = int(named[2] or named[3])
    elif found:
        year, month = int(found[1]), int(found[2])
    else:
        return None
    return dt.date(year + month // 12, month % 12 + 1, 1) - dt.timedelta(days=1)


def read(file: Path, *, options: dict | None = None) -> list[Sheet]:
    """Return the sheets of one file, by its content and not by its name.

    Parameters
    ----------
    file : Path
        A CSV, XLSX, Parquet or JSON file; it may be gzipped, and a zip archive may hold several.
    options : dict, optional
        The mapping's word on ``encoding``, ``delimiter`` and ``header_row``.

    Raises
    ------
    DataError
        The file is no table, is cut off or too large.
    """
    told = {key: value for key, value in (options or {}).items() if value is not None}
    sheets = _sheets_of(_bytes(file), file.name, told)
    for sheet in sheets:
        _warn_of_caps(sheet)
    return sheets


def _sheets_of(data: bytes, name: str, told: dict) -> list[Sheet]:
    """Return the sheets of a file's content, or of each table in an archive."""
    if data[:2] == b"\x1f\x8b":
        data = _unzipped(data, name)
    if (inside := _archived(data, name)) is not None:
        found = [sheet for member, content in inside for sheet in _sheets_of(content, member, told)]
        return found or [Sheet(name, problem="an archive without tables")]
    if data[:4] == b"PK\x03\x04" or data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        sheets = workbook.read_workbook(data, name, header_row=told.get("header_row"), known=known_keys())
    elif data[:4] == b"PAR1":
        sheets = [workbook.read_parquet(data, name)]
    elif not data:
        sheets = [Sheet(name, problem="empty")]
    elif markup.is_markup(data):
        sheets = workbook.read_markup(data, name, header_row=told.get("header_row"), known=known_keys())
    elif records.is_records(data):
        sheets = [records.read(data, name)]
    elif (ending := Path(name).suffix.lower()) in (".xlsx", ".xlsm", ".xlsb", ".parquet", ".pq", ".zip"):
        raise DataError(
            f"file {name}", found=f"no {ending[1:].upper()} content", allowed="a complete file",
            next_step="copy or export the file again",
        )  # fmt: skip
    else:
        sheets = [delimited.read(data, name, known=known_keys(), **told)]
    return sheets


def _archived(data: bytes, name: str) -> list[tuple[str, bytes]] | None:
    """Return the tables in a zip archive by name, with the archive's day where they bear none; None where it is none.

    A workbook is an archive too, but of another kind.
    """
    if data[:4] != b"PK\x03\x04":
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if {"[Content_Types].xml", "mimetype"} & {*archive.namelist()}:
                return None
            wanted = [one for one in archive.infolist() if not one.is_dir() and _wanted(Path(one.filename))]
            if sum(one.file_size for one in wanted) > _MOST:
                raise _not_opened(name, "more than 2 GiB of tables")
            return [(_with_day(Path(one.filename), name), archive.read(one)) for one in wanted]
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error):
        if Path(name).suffix.lower() == ".zip":
            raise _not_opened(name, "an archive that is cut off, damaged or locked by a password") from None
        return None


def _wanted(member: Path) -> bool:
    return (
        is_tabular(member)
        and member.suffix != ""
        and "__MACOSX" not in member.parts
        and not member.name.startswith(".")
    )


def _with_day(member: Path, archive: str) -> str:
    day = day_in_name(archive)
    return member.name if day is None or day_in_name(member.name) else f"{member.stem}_{day}{member.suffix}"


def _not_opened(name: str, found: str) -> DataError:
    return DataError(
        f"file {name}", found=found, allowed="an archive of tables that opens without a password",
        next_step="unpack it and import the files themselves",
    )  # fmt: skip


def _bytes(file: Path) -> bytes:
    try:
        if file.stat().st_size > _MOST:
            raise DataError(
                f"file {file.name}", found="more than 2 GiB", allowed="up to 2 GiB a file",
                next_step="split the export by year",
            )  # fmt: skip
        return file.read_bytes()
    except OSError as error:
        raise DataError(
            f"file {file.name}", found=error.strerror or "an error while reading", allowed="a file that can be read",
            next_step="look at its permissions, or copy it again",
        ) from None  # fmt: skip


def _unzipped(data: bytes, name: str) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        raise DataError(
            f"file {name}",
            found="a gzip file that is cut off or damaged",
            allowed="a complete file",
            next_step="copy the file again",
        ) from None


def _warn_of_caps(sheet: Sheet) -> None:
    n = sheet.read
    if n >= 1000 and (n in (65_535, 1_048_575) or (n % 1000 == 0 and n in _ROUND)):
        sheet.notes.append(
            f"exactly {n:,} rows: exports are often capped at such a number; see whether rows are missing"
        )


_ROUND = {1000, 2000, 3000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000}
