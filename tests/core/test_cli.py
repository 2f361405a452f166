"""The commands: every wrong word is an error that helps, with its exit code and without a traceback."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from salesloop import cli, paths, units
from tests.conftest import PROJECT


def run(*words: str) -> int:
    return cli.main(list(words))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["reprot"], "did you mean report?"),
        (["report", "--unit", "nowhere"], "no unit of this name"),
        (["report", "--unti", "demo"], "--unit"),
        (["loop", "--unit", "north"], "START and END"),
        (["checkin", "--unit", "north"], "AS_OF"),
        (["checkin", "--unit", "north", "--as-of", "14.10.2026"], "a day of the calendar"),
        (["report", "--unit", "north", "--period", "2026-13"], "a calendar month such as 2026-10"),
        (["report", "extra"], "unexpected arguments"),
        (["import", "--unit", "north"], "DATA: found nothing"),
        (["approve", "--unit", "nort", "--by", "Ann"], "did you mean north?"),
        (["report", "--unit", "north"], "make import UNIT=north"),
        (["import", "--unit", "north", "--data", "no-such-folder"], "no such file or folder"),
        (["import", "--unit", "north", "--data", ".", "--as-of", "today"], "AS_OF"),
        (["import", "--unit", "../north", "--data", "."], "letters, digits"),
        (["init", "a b"], "letters, digits"),
        (["approve", "--unit", "north", "--by", "Ann"], "make report UNIT=north"),
        (["approve", "--unit", "north", "--period", "2026-10"], "BY"),
        (["bundle", "--unit", "nowhere"], "no unit of this name"),
    ],
)
def test_a_wrong_command_says_what_to_do_and_ends_with_2(own_root, capsys, words, told):
    units.create("north")
    assert run(*words) == 2
    said = capsys.readouterr().err
    assert told in said
    assert all(part in said for part in (": found ", "; next: ")), said
    assert "Traceback" not in said


def test_init_makes_a_unit_that_loads_and_keeps_what_is_there(own_root, capsys):
    assert run("init", "north") == 0
    assert "unit.yml" in capsys.readouterr().out
    targets = paths.plan("north") / "targets.csv"
    assert targets.read_text(encoding="utf-8").startswith("period,level,name,measure,tier")
    targets.write_text("period,level\n2026-10,company\n", encoding="utf-8")
    assert run("init", "north") == 0
    assert "2026-10,company" in targets.read_text(encoding="utf-8")


def test_without_the_packages_the_next_step_is_said(tmp_path):
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-S", "-m", "salesloop", "report"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "salesloop/bootstrap.py" in done.stderr


def test_an_old_python_and_a_full_disk_are_named(monkeypatch, capsys, tmp_path):
    from salesloop import bootstrap

    monkeypatch.setattr(bootstrap, "LEAST", (9, 9))
    assert bootstrap.main() == 2
    assert "allowed: 3.11 or newer" in capsys.readouterr().err
    monkeypatch.setattr(bootstrap, "LEAST", (3, 11))
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "ROOM_MB", 10**12)
    assert bootstrap.main() == 2
    assert "disk: found" in capsys.readouterr().err
    said = "ERROR: Could not install: [Errno 28] No space left on device"
    assert bootstrap._why(said).startswith("disk")
    assert bootstrap._why("Failed to establish: Temporary failure in name resolution").startswith("network")
    assert "locked hash" in bootstrap._why("THESE PACKAGES DO NOT MATCH THE HASHES")


def test_an_import_that_brings_nothing_leaves_no_unit(own_root, capsys):
    (own_root / "empty").mkdir()
    assert run("import", "--unit", "north", "--data", str(own_root / "empty")) == 3
    assert not paths.params("north").exists()
    (own_root / "empty" / "deals.csv").write_bytes(b"\x00\x01\x02PNG\xff\xfe\x00" * 50)
    assert run("import", "--unit", "north", "--data", str(own_root / "empty")) == 3
    assert "Traceback" not in capsys.readouterr().err


def test_an_interrupt_that_the_parser_took_is_said(monkeypatch, capsys):
    monkeypatch.setattr(cli, "app", lambda **_: cli.INTERRUPTED)
    assert cli.main(["report"]) == 130
    assert "what was published before stands" in capsys.readouterr().err
