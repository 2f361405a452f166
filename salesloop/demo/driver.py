"""What `make report` of unit `demo` uses: lets the company live to a month's books, exports it, keeps its plan files.

The company is simulated from its start each time, with the decisions that stand in the plan files, each from its own
day on. So a month's export is the same bytes whenever it is made.
"""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pandas as pd

from salesloop import paths, periods
from salesloop.demo import plan_files, truth
from salesloop.demo.company import Company
from salesloop.demo.exports import export
from salesloop.demo.options import DEFAULT
from salesloop.errors import DataError
from salesloop.params import load_unit, read_yaml

LOOP_START = "2026-07"


def first_period() -> pd.Period:
    """Return the first month of the demo company's history."""
    return pd.Period(DEFAULT.first, "M")


def last_period() -> pd.Period:
    """Return the demo's last month.

    Examples
    --------
    >>> str(last_period())
    '2026-10'
    """
    return first_period() + DEFAULT.months - 1


def loop_start() -> pd.Period:
    """Return the first month that is reported, so that page one of the last one has something to grade."""
    return pd.Period(LOOP_START, "M")


def known_until(unit: str, period: pd.Period | str) -> dt.date:
    """Return the last day whose knowledge counts for a month of a unit."""
    config = load_unit(unit)
    return periods.known_until(periods.parse_period(period), config.close_lag_days, config.country)


def prepare(unit: str, period: pd.Period | str, *, as_of: dt.date | None = None) -> tuple[Path, dt.date]:
    """Let the company live until a month's books close, and write what its CRM exports then and its plan files.

    Parameters
    ----------
    unit : str
        The unit; its plan files hold the decisions.
    period : str
        The month.
    as_of : date, optional
        Another day than the closing of the month's books: that of a check-in.

    Returns
    -------
    folder, day
        ``data/<unit>/exports/<day>`` and the day of the export.

    Raises
    ------
    DataError
        An earlier export tells another past: it was made by another version of the demo, or a decision was dated back.
    """
    day = as_of or known_until(unit, period)
    company = company_at(unit, day)
    folder = paths.data(unit) / "exports" / str(day)
    export(company, folder, shape="zoho", as_of=day)
    _same_past(unit, folder)
    plan_files.write(company, paths.plan(unit), day)
    truth.write(company, paths.data(unit) / "truth" / str(day), day)
    return folder, day


def _same_past(unit: str, folder: Path) -> None:
    """Refuse an export whose stage history lacks a line of the one before: two pasts in one store would be mixed."""
    earlier = [other for other in sorted(folder.parent.iterdir()) if other.is_dir() and other.name < folder.name]
    if earlier and not _history(earlier[-1]) <= _history(folder):
        shutil.rmtree(folder)
        raise DataError(
            f"exports of unit {unit!r}", found=f"another past in the export of {earlier[-1].name}",
            allowed="a later export that continues the earlier ones", next_step="make clean, then make report",
        )  # fmt: skip


def _history(folder: Path) -> set[bytes]:
    return {line for file in folder.glob("Deal_Stage_History_*.csv") for line in file.read_bytes().splitlines()}


def company_at(unit: str, day: dt.date) -> Company:
    """Return the demo company, simulated until the end of a day's month at least, with the unit's decisions."""
    months = (pd.Period(day, "M") - first_period()).n + 1
    company = Company(DEFAULT, decisions=decisions(unit))
    return company.advance(months=months - DEFAULT.months) if months > DEFAULT.months else company


def decisions(unit: str) -> dict[str, pd.DataFrame]:
    """Return the plan files' targets, actions and interventions, the latter with when they were approved.

    The change that an intervention means is the plan file's; where it says none, its proposal's.
    """
    found = {
        name: plan_files.read(paths.plan(unit) / f"{name}.csv") for name in ("targets", "actions", "interventions")
    }
    promised = _promised(unit)
    rows = found["interventions"]
    if len(rows):
        told = [promised.get(str(ident), (None, None)) for ident in rows["id"]]
        own = rows["change"] if "change" in rows else [None] * len(rows)
        rows["approved"] = [day for day, _ in told]
        rows["change"] = [said if said is not None else change for said, (_, change) in zip(own, told, strict=True)]
    return found


def _promised(unit: str) -> dict[str, tuple[str, float | None]]:
    """Return for each proposed intervention the day it could be approved first, and the change that it means."""
    made: dict[str, tuple[str, float | None]] = {}
    for file in sorted((paths.params(unit) / "proposals").glob("????-??.yml")):
        for row in read_yaml(file).get("changes") or []:
            if row.get("kind") == "intervention":
                new = row["new"]
                made.setdefault(str(new["id"]), (str(known_until(unit, file.stem)), new.get("change")))
    return made


def imported(period: pd.Period | str) -> bool:
    """Return whether the export of a month, or of a later one, is in the store."""
    marks = sorted((paths.data("demo") / "imported").glob("????-??"))
    return paths.store("demo").is_file() and any(mark.name >= str(period) for mark in marks)


def mark_imported(period: pd.Period | str) -> None:
    """Note that a month's export is in the store."""
    mark = paths.data("demo") / "imported" / str(period)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text("", encoding="utf-8")
