"""Bring a unit's months to their reports, one after the other: data in, books frozen, stages run, the loop closed."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from salesloop import paths, periods, whole
from salesloop.errors import ParameterError
from salesloop.params import load_unit

DEMO = "demo"
Say = Callable[[str], None]


def report(unit: str, period: str = "latest", *, say: Say = print):
    """Report a month of a unit, and of the demo the earlier months that its page one needs.

    Parameters
    ----------
    unit : str
        The business unit.
    period : str
        A month, or ``"latest"``.
    say : callable
        What progress is told to.

    Returns
    -------
    RunSummary
        Of the month asked for, with the gravest exit code of all that ran: a stage that fails leaves a gap, and the
        months after it are reported all the same.
    """
    load_unit(unit)
    month = resolve(unit, period)
    return _all(unit, [*_earlier(unit, month), month], say)


def loop(unit: str, start: str, end: str, *, say: Say = print):
    """Report several months of a unit, oldest first, and return the last one's summary."""
    load_unit(unit)
    first, last = periods.parse_period(start), periods.parse_period(end)
    if last < first:
        raise ParameterError(
            "END", found=f"{last}, before START {first}", allowed="a month not before START",
            next_step="repeat the command with the earlier month as START",
        )  # fmt: skip
    return _all(unit, list(pd.period_range(first, last, freq="M")), say)


def _all(unit: str, months: list[pd.Period], say: Say):
    codes = []
    for month in months:
        summary = _one(unit, month, say)
        codes.append(summary.exit_code)
    summary.exit_code = max(codes)
    return summary


def checkin(unit: str, as_of: str, *, say: Say = print):
    """Run the execution stage inside a month as of a day and return its summary."""
    from salesloop import run

    load_unit(unit)
    try:
        day = dt.date.fromisoformat(as_of)
    except ValueError:
        raise ParameterError(
            "AS_OF", found=repr(as_of[:20]), allowed="a day of the calendar, such as 2026-10-14",
            next_step="repeat the command with such a day",
        ) from None  # fmt: skip
    month = pd.Period(day, "M")
    if unit == DEMO:
        _demo_until(month - 1, say)
        _demo_on(month, day, say)
    _plans_in(unit)
    return run.report(unit, str(month), as_of=day, out=say)


def resolve(unit: str, period: str) -> pd.Period:
    """Return the month that a text names for a unit; one outside its data is refused with what exists."""
    asked = None if period in ("latest", "", None) else periods.parse_period(period)
    if unit == DEMO:
        from salesloop.demo import driver

        first, last = driver.first_period(), driver.last_period()
    else:
        from salesloop import store

        if not paths.store(unit).is_file():
            raise ParameterError(
                f"data of unit {unit!r}", found="none", allowed="an import of deals or orders",
                next_step=f"make import UNIT={unit} DATA=folder",
            )  # fmt: skip
        first, last = store.first(unit), store.latest(unit)
    if asked is None:
        return last
    if not first <= asked <= last:
        raise ParameterError(
            f"period {asked} of unit {unit!r}", found="outside the data", allowed=f"{first} to {last}",
            next_step=f"take one of these months, or make import UNIT={unit} DATA=folder of a later export",
        )  # fmt: skip
    return asked


def published(unit: str, month: pd.Period) -> bool:
    """Return whether a month's report stands, whole."""
    return (paths.reports(unit, str(month)) / "manifest.json").is_file()


def _earlier(unit: str, month: pd.Period) -> list[pd.Period]:
    """Return the demo's months before `month` that are still to be run: what page one grades was promised in them."""
    if unit != DEMO:
        return []
    from salesloop.demo import driver

    return [due for due in pd.period_range(driver.loop_start(), month - 1, freq="M") if not published(unit, due)]


def _one(unit: str, month: pd.Period, say: Say):
    from salesloop import run

    if unit == DEMO:
        _demo_until(month, say)
    _plans_in(unit)
    return run.report(unit, str(month), out=say)


def _demo_until(month: pd.Period, say: Say) -> None:
    """Let the demo company live to the end of a month and import what its CRM exports then."""
    from salesloop.demo import driver

    if driver.imported(month):
        return
    say(f"{month}  demo company: a month passes")
    _land(*driver.prepare(DEMO, month))
    driver.mark_imported(month)


def _demo_on(month: pd.Period, day: dt.date, say: Say) -> None:
    """Import what the demo's CRM exports on a day inside a month, unless the data reach that far already."""
    from salesloop.demo import driver

    if driver.imported(month) or day <= driver.known_until(DEMO, month - 1) or month > driver.last_period():
        return
    say(f"{month}  demo company: as of {day}")
    _land(*driver.prepare(DEMO, month, as_of=day))


def _land(folder: Path, day: dt.date) -> None:
    from salesloop import sources, store

    store.land(DEMO, sources.load([folder], load_unit(DEMO), as_of=day), as_of=day)


def _plans_in(unit: str) -> None:
    """Import the plan files that people edit, where one was edited since the last time."""
    stamp, edited = paths.data(unit) / "plan.sha256", _plan_stamp(unit)
    if paths.store(unit).is_file() and stamp.is_file() and stamp.read_text(encoding="utf-8") == edited:
        return
    from salesloop import sources, store

    store.land(unit, sources.plan(unit, load_unit(unit)))
    whole.write(stamp, edited)


def _plan_stamp(unit: str) -> str:
    """Return a hash of everything that the plan files and unit.yml hold."""
    found = hashlib.sha256()
    for file in [paths.params(unit) / "unit.yml", *sorted(paths.plan(unit).glob("*"))]:
        if file.is_file() and not file.name.startswith((".", "~")):
            found.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()
