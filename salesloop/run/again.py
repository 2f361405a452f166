"""Running a published month again to see whether every byte comes out the same."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from salesloop import periods
from salesloop.errors import ParameterError
from salesloop.params import load_unit
from salesloop.run import files, publish, stage
from salesloop.run.executor import Executor
from salesloop.run.lock import alone
from salesloop.run.runner import TIMEOUT_S, Run, snapshot


def verify(unit: str, period: str | pd.Period) -> list[str]:
    """Run a published month again in a temporary folder and return the names of results and pages that differ.

    Nothing is published and nothing is appended to the ledger.

    Raises
    ------
    ParameterError
        The month has no published report.
    """
    config, month = load_unit(unit), str(periods.parse_period(period))
    place = publish.Place.of(unit, month)
    published = stage.read(place.target / publish.MANIFEST)
    if not published:
        raise ParameterError(
            f"report of {unit} {month}",
            found="none",
            allowed="a month whose report was made",
            next_step=f"make report UNIT={unit} PERIOD={month}",
        )
    with alone(unit, month):
        place.heal()
        run = Run(config, month, None, tuple(published["inputs"]["languages"]), place, snapshot(unit, month, None))
        try:
            run.do_all(Executor(2), workers=2, out=lambda _: None, timeout=TIMEOUT_S, known={})
            return _different(place.target, place.work)
        finally:
            files.remove(place.work)


def _different(one: Path, other: Path) -> list[str]:
    """Return the names of results and pages that are not the same bytes in two folders."""
    kinds = [f for folder in (one, other) for f in (*folder.glob("*.html"), *folder.glob("results/**/*"))]
    owners = {file: one if one in file.parents else other for file in kinds if file.is_file()}
    names = sorted({file.relative_to(owner).as_posix() for file, owner in owners.items()})
    return [name for name in names if not _same(one / name, other / name)]


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()
