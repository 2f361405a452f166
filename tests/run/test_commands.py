"""What a person sees at the command line when something goes wrong: the exit code, what to do, the last report untouched."""

from __future__ import annotations

import json
import os
import resource
import signal
import time

import pytest

from salesloop import cli, store
from salesloop.run import runner
from tests.run.company import Company
from tests.run.test_executor import gone
from tests.run.test_killed import REPORT

CELL = {"cell_type": "code", "id": "fault", "metadata": {}, "outputs": [], "execution_count": None}
HANG = "import os, pathlib, time\npathlib.Path(os.environ['SALESLOOP_ROOT'], 'pid').write_text(str(os.getpid()))\ntime.sleep(300)"


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """A company whose report stands, kept under the name "published"."""
    made = Company(tmp_path_factory.mktemp("commands"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SALESLOOP_ROOT", str(made.root))
        patch.chdir(made.beside)
        made.bring_in()
        made.notebooks()
        assert cli.main([*REPORT]) == 0
        made.keep("published")
        yield made


@pytest.fixture
def company(imported):
    imported.put_back("published")
    return imported


def fault(company, source: str) -> None:
    """Put a cell into a stage's notebook, before the one that saves."""
    file = company.root / "notebooks" / "60_kpi.ipynb"
    notebook = json.loads(file.read_text(encoding="utf-8"))
    notebook["cells"].insert(-1, {**CELL, "source": source})
    file.write_text(json.dumps(notebook), encoding="utf-8")


def pages(company) -> dict[str, bytes]:
    """Return the faulty stage's page, notebook and results as they are published: the last good ones must stand."""
    own = ("reports/acme/2026-10/60_kpi.", "reports/acme/2026-10/results/kpi")
    return {name: told for name, told in company.trees().items() if name.startswith(own)}


@pytest.mark.parametrize(
    ("source", "code", "told"),
    [
        (
            "raise ValueError('Acme Ltd owes 7')",
            1,
            "cell fault: ValueError at line 1 of the cell; see _failed/60_kpi.ipynb",
        ),
        (
            "import sys\nsys.exit(0)",
            1,
            "cell fault: the cell left the notebook (exit or quit), so the rest did not run",
        ),
        (
            "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
            138,
            "cell fault: its process was killed by SIGKILL",
        ),
        ("import time\ntime.sleep(300)", 1, "cell fault: not done after 6 seconds"),
        (
            "stage.value('n', 2, uom='count')",
            1,
            "two values of this name; allowed: one; next: give one of them another name",
        ),
    ],
    ids=["raises", "exits", "killed", "hangs", "misuses"],
)
def test_a_cell_costs_its_stage_and_no_other(company, capsys, monkeypatch, source, code, told):
    before = pages(company)
    fault(company, source)
    monkeypatch.setitem(runner.report.__kwdefaults__, "timeout", 6 if "300" in source else 600)
    assert cli.main([*REPORT]) == code
    said = capsys.readouterr()
    assert told in said.out
    assert "Acme" not in said.out + said.err and "Traceback" not in said.out + said.err
    assert said.out.rstrip().endswith("reports/acme/2026-10/index.en.html")
    assert pages(company) == before
    page = (company.folder / "index.en.html").read_text(encoding="utf-8")
    assert told.partition(": ")[2].partition(";")[0].partition(" at ")[0] in page
    assert company.left_over() == []


def test_a_second_run_is_locked_out_and_ctrl_c_ends_the_first(company, capsys):
    before = pages(company)
    fault(company, HANG)
    run = company.begin(*REPORT, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    child = at_work(company)
    assert cli.main([*REPORT]) == 75
    told = capsys.readouterr().err
    assert told == (
        "report of acme 2026-10: found another run of it is under way; allowed: one at a time; "
        "next: wait until it has ended, then repeat the command\n"
    )
    os.killpg(run.pid, signal.SIGINT)
    said, _ = run.communicate(timeout=300)
    assert run.returncode == 130, said
    assert said.rstrip().endswith("interrupted; what was published before stands")
    assert "Traceback" not in said
    assert gone(child)
    assert pages(company) == before
    assert company.left_over() == []


def at_work(company) -> int:
    """Wait until the hanging stage is at work and return its process id."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        if (company.root / "pid").is_file() and (found := (company.root / "pid").read_text(encoding="ascii")):
            return int(found)
        time.sleep(0.05)
    raise AssertionError("the stage never began")


@pytest.mark.parametrize("path", ["reports", "reports/acme", "reports/acme/2026-10"])
def test_a_file_where_the_reports_belong_is_named(company, capsys, path):
    fault(company, "more = 1")
    (company.root / path).rename(company.root / "moved")
    company.write(path, "in the way")
    assert cli.main([*REPORT]) == 2
    told = capsys.readouterr().err
    assert told == (
        "folder reports/acme: found a file in its way; allowed: a folder that can be written; "
        "next: make room there, or give this user the right to write\n"
    )
    assert (company.root / path).read_text(encoding="utf-8") == "in the way"


def small(room: int):
    """Return what lets no file of a process grow past a size, as on a disk that is full."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))


def test_a_disk_that_is_full_in_a_stage_costs_that_stage(company):
    before = pages(company)
    fault(company, "stage.content['much'] = 'x' * 9_000_000")
    run = company.begin(*REPORT, preexec_fn=small(4_000_000))
    told, _ = run.communicate(timeout=300)
    assert run.returncode == 1, told
    assert "OSError: File too large" in told and "Traceback" not in told
    assert pages(company) == before
    assert company.left_over() == []


def test_a_disk_that_is_full_when_the_loop_is_closed_is_told_and_the_next_run_heals(company):
    ledger = company.root / "params/acme/ledger.jsonl"
    old = ledger.read_bytes()
    filler = old.splitlines()[0].replace(b"2026-10", b"2026-08", 2).replace(b"forecast:", b"forecast:x", 1)
    padded = old + b"".join(
        filler.replace(b"x", b"x%05d" % n, 1) + b"\n" for n in range(4_000_000 // (len(filler) + 6))
    )
    ledger.write_bytes(padded)
    company.notebooks(120.0)  # another forecast: another edition of its promise, for which there is no room
    run = company.begin(*REPORT, preexec_fn=small(len(padded) + 20))
    told, _ = run.communicate(timeout=300)
    assert run.returncode == 1, told
    assert "report of acme 2026-10: found File too large; allowed: " in told and "; next: look at disk space" in told
    assert "Traceback" not in told
    assert ledger.read_bytes()[: len(padded)] == padded
    assert cli.main([*REPORT]) == 0
    added = [json.loads(line) for line in ledger.read_bytes()[len(padded) :].splitlines()]
    assert [(line["kind"], line["edition"], line["value"]) for line in added] == [("forecast", 2, 120.0)]
    assert company.left_over() == []


def test_an_import_on_a_full_disk_is_told_and_a_second_one_brings_all(company):
    rows = "".join(f"{n},Deal {n},Ann,Lead,${n},2027-01-20,2026-11-20\n" for n in range(100, 9_000))
    head = (company.root / "exports/deals_2026-11-10.csv").read_text(encoding="utf-8")
    company.write("exports/deals_2026-12-10.csv", head + rows)
    words = ("import", "--unit", "acme", "--data", str(company.root / "exports"))
    room = (company.root / "data/acme/store.duckdb").stat().st_size + 100_000
    run = company.begin(*words, preexec_fn=small(room))
    told, _ = run.communicate(timeout=300)
    assert run.returncode == 1, told
    assert "store of unit 'acme': found" in told and "; next: free some disk space" in told and "Traceback" not in told
    assert cli.main([*words]) == 0
    assert store.import_log("acme")["new"].tolist() == [8, 1, 8_900]  # deals and reps, the plan, the later export
