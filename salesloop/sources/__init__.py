"""The door: any table of a CRM → typed canonical tables, with every row kept or rejected under a rule.

`load` brings files in, `draft` shows what the door makes of them first, `plan` reads the plan files that people edit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from salesloop import paths as places
from salesloop.errors import DataError
from salesloop.params import UnitConfig
from salesloop.schema import PLAN_TABLES
from salesloop.sources import build, by_day, entered, known, links, people, read
from salesloop.sources import draft as drafts
from salesloop.sources import mapping as mappings
from salesloop.sources.draft import Draft
from salesloop.sources.landing import FileReport, Landing

__all__ = ["Draft", "FileReport", "Landing", "draft", "load", "plan", "series"]

_STALE_DAYS = 45
_PULSE = ("opportunities", "activities", "leads")


def draft(paths: str | Path | Iterable[str | Path], config: UnitConfig) -> Draft:
    """Return what the door makes of files: the mapping with its guesses, samples, doubts and questions.

    Parameters
    ----------
    paths : path or iterable of paths
        A file, several files, or a folder by its first level.
    config : UnitConfig
        The unit whose currency and time zone hold where the files say nothing.

    Raises
    ------
    DataError
        A path does not exist, or a file is no table.
    """
    return drafts.make(paths, config)


def load(
    paths: str | Path | Iterable[str | Path], config: UnitConfig, *, mapping: Any = None, as_of: dt.date | None = None,
    save: bool = True,
) -> Landing:  # fmt: skip
    """Return the canonical tables of exported files, typed, with what was rejected and what was assumed.

    Without `mapping` the unit's ``params/<unit>/mapping.yml`` holds; what neither says is guessed, and the completed
    mapping is written there.

    Parameters
    ----------
    paths : path or iterable of paths
        A file, several files, a folder by its first level, or a mapping whose entries name files beside it.
    config : UnitConfig
        The unit.
    mapping : Mapping, dict or path, optional
        What the files are; then nothing is written.
    as_of : date, optional
        The day of the export; else the latest day in the files' names.
    save : bool, default True
        Whether the unit's mapping is written; a mere comparison writes nothing.

    Raises
    ------
    DataError
        A file is no table, no file has a row, or a doubt that changes a number is open; the questions and the file
        that answers them are named.
    ParameterError
        The mapping is wrong.
    """
    return _landing(_made(paths, config, mapping, save=save), config, as_of)


def series(
    paths: str | Path | Iterable[str | Path], config: UnitConfig, *, as_of: dt.date | None = None, mapping: Any = None
) -> Iterator[Landing]:  # fmt: skip
    """Yield what `load` returns, one landing a day: several dated exports of the same table come in by their days.

    Store each landing before the next one is asked for: later exports meet the names that earlier ones brought.

    Parameters
    ----------
    paths, config, mapping
        As for `load`.
    as_of : date, optional
        The day of the files whose names bear none; before the last day of the names, it is the day of all.

    Raises
    ------
    DataError, ParameterError
        As `load`, before the first landing.
    """
    made = _made(paths, config, mapping, save=True)
    for number, (day, jobs) in enumerate(days := by_day.groups(made.jobs, as_of), 1):
        last = number == len(days)
        part = Draft(
            made.mapping, jobs, made.aside if last else [], assumptions=made.assumptions if number == 1 else []
        )
        yield _landing(part, config, day)


def _made(paths: str | Path | Iterable[str | Path], config: UnitConfig, mapping: Any, *, save: bool) -> Draft:
    """Return the completed draft of files; an open question is raised."""
    file = places.params(config.unit) / "mapping.yml"
    if mapping is None and (given := _a_mapping(paths)) is not None:
        paths, mapping = mappings.files_of(given), given
    own = mapping is None
    said = mappings.read(file if own and file.is_file() else mapping)
    made = drafts.make(paths, config, said)
    _refuse_empty(made)
    if own and save and (made.questions or made.mapping != said):
        made.save(file)
    if made.questions:
        raise _open_questions(made, file if own else None)
    return made


def _a_mapping(paths: str | Path | Iterable[str | Path]) -> Path | None:
    """Return the one path if it is a mapping, which names its files itself."""
    named = [Path(paths)] if isinstance(paths, (str, Path)) else [Path(path) for path in paths]
    return named[0] if len(named) == 1 and named[0].suffix.lower() in (".yml", ".yaml") and named[0].is_file() else None


def _refuse_empty(made: Draft) -> None:
    if any(len(sheet) for sheet, _, _ in made.jobs) or made.questions:
        return
    told = [f"{report.file}: {report.notes[0].removeprefix('set aside: ')}" for report in made.aside if report.notes]
    told += [f"{report.file}: a header and no rows" for _, _, report in made.jobs]
    raise DataError(
        "data", found="; ".join(told[:8]) + (" ..." if len(told) > 8 else "") or "no table",
        allowed="at least one table with rows: deals, accounts, leads, activities, users, targets ...",
        next_step="export the tables again, or say in the mapping which table a file is",
    )  # fmt: skip


def _open_questions(made: Draft, file: Path | None) -> DataError:
    lines = [
        f"{number}. {question.file}, {question.place}: {question.text}"
        for number, question in enumerate(made.questions, 1)
    ]
    where = f"params/{file.parent.name}/{file.name}" if file else "the mapping"
    return DataError(
        f"{len(lines)} open question{'s' if len(lines) > 1 else ''} about the data", found="\n  ".join(["", *lines]) + "\n",
        allowed="an answer to each, since it changes a number",
        next_step=f"answer in {where} where it says ?, then import again",
    )  # fmt: skip


def _landing(made: Draft, config: UnitConfig, as_of: dt.date | None) -> Landing:
    built = build.build(made.jobs, config)
    before = known.stored(config.unit)
    people.settle(built, before.get("reps"))
    links.settle(built, before)
    entered.settle(built)
    tables, rejects = build.finish(built)
    days = [day for sheet, _, _ in made.jobs if (day := read.day_in_name(sheet.file))]
    day = as_of or max(days, default=None)
    _spans(built, day)
    borne = set().union(*(one.currencies for one in built.frames)) if built.frames else set()
    reports = [report for _, _, report in made.jobs] + made.aside
    return Landing(
        tables, rejects, sorted(reports, key=lambda report: (report.table is None, report.file, report.sheet)), as_of=day,
        assumptions=[*made.assumptions, *built.assumptions], mapping=made.mapping.model_dump(exclude_defaults=True),
        currency=next(iter(borne)) if len(borne) == 1 else _of_rate_one(tables),
    )  # fmt: skip


def _of_rate_one(tables: dict[str, pa.Table]) -> str | None:
    """Return the currency whose rates to home money are all 1, as it is home's; None where there is no such one."""
    rates = tables.get("fx_rates")
    if rates is None:
        return None
    lists: dict[str, set[float]] = {}
    for code, rate in zip(*(rates.column(name).to_pylist() for name in ("currency", "rate_to_home"))):
        lists.setdefault(code, set()).add(rate)
    home = [code for code, seen in lists.items() if seen == {1.0}]
    return home[0] if len(home) == 1 else None


def _spans(built: build.Built, as_of: dt.date | None) -> None:
    """Note the days that each file spans, and which export is old beside the others or the day of the export."""
    spans = [build.span(made) for made in built.frames]
    dated = [span[1] for made, span in zip(built.frames, spans) if span and made.table.name in _PULSE]
    newest = as_of or max(dated, default=None)
    for made, span in zip(built.frames, spans):
        if span is None:
            continue
        made.report.notes.append(f"{made.report.read:,} rows, dated {span[0]} to {span[1]}")
        if newest and (newest - span[1]).days > _STALE_DAYS and made.table.name in _PULSE:
            made.report.notes.append(
                f"the last row is of {span[1]}: is this export older than the others, or filtered?"
            )


def plan(unit: str, config: UnitConfig) -> Landing:
    """Return the plan files of a unit: targets, actions, interventions, assessments, market, feedback and so on.

    The file's name is the table's; columns bear canonical names or known labels; empty files are no mistake.

    Parameters
    ----------
    unit : str
        The unit, with files in ``params/<unit>/plan/``.
    config : UnitConfig
        Its configuration.
    """
    folder = places.plan(unit)
    found = sorted(file for file in folder.glob("*") if file.suffix.lower() in read.TABULAR) if folder.is_dir() else []
    merged = Draft(mappings.Mapping())
    for file in found:
        table = next((name for name in PLAN_TABLES if file.stem.casefold().startswith(name)), None)
        if table is None:
            merged.aside.append(FileReport(file.name, notes=["set aside: the plan has no such table"]))
            continue
        made = drafts.make(file, config, only=table)
        for _, entry, _ in made.jobs:
            entry.profile = "plan"
        merged.jobs += made.jobs
        merged.aside += made.aside
        merged.questions += made.questions
        merged.assumptions += made.assumptions
        merged.mapping = mappings.Mapping(files=[*merged.mapping.files, *made.mapping.files])
    if merged.questions:
        raise _open_questions(merged, None)
    return _landing(merged, config, None)
