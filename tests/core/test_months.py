"""The order of months: which are due, that a failing stage ends nothing, that plan files are imported when edited."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from salesloop import months, paths, run, sources, store, units
from salesloop.errors import ParameterError


@dataclass
class Told:
    folder: Path
    exit_code: int = 0


@pytest.fixture
def ran(own_root, monkeypatch):
    units.create("north")
    paths.data("north").mkdir(parents=True)
    paths.store("north").write_bytes(b"")
    monkeypatch.setattr(store, "first", lambda unit: pd.Period("2026-01"))
    monkeypatch.setattr(store, "latest", lambda unit: pd.Period("2026-10"))
    done: list[str] = []

    def report(unit, period, **_):
        done.append(period)
        return Told(own_root, 1 if period == "2026-08" else 0)

    monkeypatch.setattr(run, "report", report, raising=False)
    landed: list[str] = []
    monkeypatch.setattr(sources, "plan", lambda unit, config: "plan")
    monkeypatch.setattr(store, "land", lambda unit, landing: landed.append(landing))
    return done, landed


def test_latest_is_the_last_whole_month_and_others_are_refused(ran):
    months.report("north", "latest")
    assert ran[0] == ["2026-10"]
    with pytest.raises(ParameterError, match="2026-01 to 2026-10"):
        months.report("north", "2026-11")
    with pytest.raises(ParameterError, match="outside the data"):
        months.report("north", "2025-12")
    with pytest.raises(ParameterError, match="a calendar month"):
        months.report("north", "Oct 26")


def test_a_failing_stage_ends_no_sequence_and_its_code_is_kept(ran):
    told = months.loop("north", "2026-07", "2026-09")
    assert ran[0] == ["2026-07", "2026-08", "2026-09"]
    assert told.exit_code == 1
    with pytest.raises(ParameterError, match="before START"):
        months.loop("north", "2026-09", "2026-07")


def test_plan_files_are_imported_once_and_again_when_edited(ran):
    months.report("north", "latest")
    months.report("north", "latest")
    assert ran[1] == ["plan"]
    (paths.plan("north") / "actions.csv").write_text("id,what\na1,call\n", encoding="utf-8")
    months.report("north", "latest")
    assert ran[1] == ["plan", "plan"]
