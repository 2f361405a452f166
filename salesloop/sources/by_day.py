"""Several dated exports of the same table: which files belong to which day, oldest first."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from salesloop.sources.landing import FileReport
from salesloop.sources.mapping import FileMapping, pattern
from salesloop.sources.read import day_in_name, month_end_in_name
from salesloop.sources.sheet import Sheet

Job = tuple[Sheet, FileMapping, FileReport]
_STANDING = ("accounts", "contacts", "reps", "memberships", "products", "stages", "fx_rates", "targets", "market")
"""Tables that say how things stand rather than what happened: without a day they belong to the first one."""


def groups(jobs: list[Job], as_of: dt.date | None) -> list[tuple[dt.date | None, list[Job]]]:
    """Return the files by the day of their export, oldest first; one group where no table is there of several days.

    Files of which none holds a deal of another are no states of one table but its parts, and come in as one.

    Parameters
    ----------
    jobs : list of (Sheet, FileMapping, FileReport)
        Sheets of known tables.
    as_of : date, optional
        The stated day; before the last day of the names it is the day of all files.

    Returns
    -------
    list of (date or None, list of jobs)
        None: the files' names say no day, or one that need not be parted.
    """
    days = _days(jobs)
    if len(days) > 1 and _are_parts(jobs):
        return [(as_of or days[-1], jobs)]
    if len(days) < 2 or (as_of is not None and as_of < days[-1]):
        return [(as_of, jobs)]
    last = as_of or days[-1]
    found: dict[dt.date, list[Job]] = defaultdict(list)
    for job in jobs:
        found[_day(job, days, last)].append(job)
    return [(day, found[day]) for day in sorted(found)]


def _named(file: str) -> dt.date | None:
    return day_in_name(file) or month_end_in_name(file)


def _are_parts(jobs: list[Job]) -> bool:
    """Return whether dated files of deals are the months' parts of one table, as no deal is in two of them."""
    files: dict[str, list[set[str]]] = defaultdict(list)
    for sheet, entry, _ in jobs:
        if (
            entry.table == "opportunities"
            and _named(sheet.file)
            and len(entry.key) == 1
            and entry.key[0] in sheet.cells
        ):
            files[pattern(sheet.file).casefold()].append({*sheet.uniques(entry.key[0])})
    dated = [parts for parts in files.values() if len(parts) > 1]
    return bool(dated) and all(len(set().union(*parts)) == sum(map(len, parts)) for parts in dated)


def _days(jobs: list[Job]) -> list[dt.date]:
    """Return the days of the tables of which exports of several days are there."""
    by_kind: dict[tuple[str, str, str], set[dt.date]] = defaultdict(set)
    for sheet, entry, _ in jobs:
        if day := _named(sheet.file):
            by_kind[pattern(sheet.file).casefold(), sheet.sheet, str(entry.table)].add(day)
    return sorted(set().union(*(days for days in by_kind.values() if len(days) > 1)))


def _day(job: Job, days: list[dt.date], last: dt.date) -> dt.date:
    sheet, entry, _ = job
    own = _named(sheet.file)
    if own is None:
        return days[0] if entry.table in _STANDING else last
    return next((day for day in days if day >= own), max(own, last))
