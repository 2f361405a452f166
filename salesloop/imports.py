"""What `import` and `init` do: read, ask or store, and tell what became of every row."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from salesloop import paths, units
from salesloop.errors import ParameterError, SalesloopError
from salesloop.params import UnitConfig, check_name, load_unit

Say = Callable[[str], None]
_MOST_NOTES = 8


def bring_in(unit: str, data: Path, *, as_of: dt.date | None = None, say: Say = print) -> None:
    """Read files and store them; the unit is made where there is none, and its mapping drafted where none is known.

    Parameters
    ----------
    unit : str
        The business unit.
    data : path
        A file, a folder or a mapping that names files.
    as_of : date, optional
        The day of the export.

    Raises
    ------
    DataError
        Nothing can be read, or a doubt that changes a number is open: the questions, and the file to answer them in.
    """
    from salesloop import sources, store

    _there(data)
    made = not units.exists(unit)
    config = _unit(unit)
    new = units.untouched(unit)
    try:
        coming = sources.series([data], config, as_of=as_of)
        landing = next(coming)
    except SalesloopError:
        if made and not (paths.params(unit) / "mapping.yml").is_file():
            shutil.rmtree(paths.params(unit))  # nothing came in and nothing is asked: there is no unit
        raise
    if new and landing.currency and landing.currency != config.currency:
        config = _in_currency(unit, landing.currency)
        coming, told = sources.series([data], config, as_of=as_of), landing.assumptions
        landing = next(coming)
        landing.assumptions = list(dict.fromkeys([*told, *landing.assumptions]))
    if new:
        say(f"unit {unit}: new; look at {_shown(paths.params(unit) / 'unit.yml')} ({_home(config)})")
        if landing.currency is None:
            say(
                f"  the files name no one currency: {config.currency} is taken; correct unit.yml before the first report"
            )
    for each in itertools.chain([landing], coming):
        _tell(each, say)
        for line in store.land(unit, each, as_of=each.as_of).lines():
            say(line)
    _tell_reach(unit, say)


def _tell_reach(unit: str, say: Say) -> None:
    """Say from when to when the data reach and what comes next; without days, what is missing for a report."""
    from salesloop import store

    try:
        reach = store.first(unit), store.cut_off(unit)
        latest = store.latest(unit)
    except SalesloopError as error:
        say(f"stored, but no month can be reported yet: {error.message()}")
        return
    units.first_period(unit, latest)
    say(f"data from {reach[0]} to {reach[1]}; next: make report UNIT={unit}")
    if latest != (here := pd.Period(reach[1], "M")):
        say(
            f"  the last whole month is {latest}; was the export made after {here.end_time.date()}? import it again with AS_OF=its day"
        )


def compare(unit: str, data: Path, *, as_of: dt.date | None = None, say: Say = print) -> None:
    """Say what files hold that differs from what is stored; nothing is changed."""
    from salesloop import sources, store

    _there(data)
    found = store.compare(unit, sources.load([data], load_unit(unit), as_of=as_of, save=False))
    for (table, change), rows in found.groupby(["table", "change"], sort=True):
        say(f"{table}: {len(rows)} {change}")
        for row in rows.head(20).itertuples():
            say(f"  {row.key}" + (f": {row.columns}" if row.columns else ""))
    if found.empty:
        say("nothing differs from what is stored")


def start(unit: str, data: Path | None, *, say: Say = print) -> None:
    """Make a unit; with files, draft their mapping with its guesses, samples and doubts."""
    config = _unit(unit)
    if data is not None:
        _there(data)
        config = _drafted(unit, data, config, new=units.untouched(unit), say=say)
    say(f"unit {unit}: {_shown(paths.params(unit) / 'unit.yml')} ({_home(config)})")
    say(f"plan files to fill in: {_shown(paths.plan(unit))}")


def _drafted(unit: str, data: Path, config: UnitConfig, *, new: bool, say: Say) -> UnitConfig:
    """Draft a mapping, say what it holds, and return the configuration in the currency that the data show."""
    from salesloop import sources

    draft = sources.draft([data], config)
    file = draft.save(paths.params(unit) / "mapping.yml")
    for line in draft.lines():
        say(line)
    say(f"mapping drafted: {_shown(file)}; next: look at it, then make import UNIT={unit} DATA={data}")
    if new and not draft.questions:
        found = sources.load([data], config, save=False).currency
        return _in_currency(unit, found) if found and found != config.currency else config
    return config


def _there(data: Path) -> None:
    if not data.exists():
        raise ParameterError(
            "DATA", found=f"no such file or folder: {data.name!r}", allowed="a file, a folder or a mapping",
            next_step="name the export's file or folder, e.g. DATA=exports/",
        )  # fmt: skip


def _unit(unit: str) -> UnitConfig:
    """Return a unit's configuration; the unit is made where there is none."""
    check_name(unit)
    if not units.exists(unit):
        units.create(unit)
    return load_unit(unit)


def _in_currency(unit: str, currency: str) -> UnitConfig:
    """Write a new unit's file again with the currency of its data."""
    (paths.params(unit) / "unit.yml").unlink()
    units.create(unit, currency=currency)
    return load_unit(unit)


def _home(config: UnitConfig) -> str:
    return f"currency {config.currency}, working days of {config.country}, time zone {config.time_zone}"


def _shown(file: Path) -> str:
    return os.path.relpath(file, Path.cwd())


def _tell(landing, say: Say) -> None:
    """Print each file's rows, what was detected or repaired, and what was assumed."""
    if landing.as_of:
        say(f"as of {landing.as_of}:")
    for file in landing.files:
        name = f"{file.file} [{file.sheet}]" if file.sheet else file.file
        if file.table is None:
            why = next(iter(file.notes), "no known table").removeprefix("set aside: ")
            ask = "; is it one? say its `table:` in the unit's mapping.yml" if file.read and "no known" in why else ""
            say(f"{name}: set aside, {why} ({file.read} rows){ask}")
            continue
        say(
            f"{name}: {file.table} ({file.profile}, {file.encoding}): read {file.read} = kept {file.kept} + rejected {file.rejected}"
        )
        for rule, n in sorted(Counter(file.by_rule).items()):
            say(f"  {rule}: {n}")
        notes = [note for note in file.notes if note]
        for note in notes[:_MOST_NOTES]:
            say(f"  {note}")
        if len(notes) > _MOST_NOTES:
            say(f"  and {len(notes) - _MOST_NOTES} notes more, kept with the import")
    for assumption in landing.assumptions:
        say(f"assumed: {assumption}")
