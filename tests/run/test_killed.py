"""kill -9 of a whole run, command and stages, at twenty moments of its progress: the next run heals each.

Most runs are `python -m salesloop report` with all its processes, killed as a group. Those that are killed in the command's
own last steps, when no stage is at work, are begun by a process that has imported everything already (warm.py): the same
command, without the seconds of imports.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

from salesloop import cli
from tests.conftest import PROJECT
from tests.run.company import Company

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc to look for processes in")
REPORT = ("report", "--unit", "acme", "--period", "2026-10")
STATES = ("first", "again")  # no report yet; a report stands and a notebook was changed
EARLY = [("first", "main", share) for share in (0.05, 0.2, 0.4, 0.55, 0.65)]
STAGES = [("first", "forecast", 0.2), ("first", "forecast", 0.8), ("again", "forecast", 0.6)]
LATE = [("first", "main", 0.75), ("first", "main", 0.85), ("first", "main", 0.95), ("first", "main", 1.0),
        ("first", "forecast", 0.5), ("again", "forecast", 1.0),
        ("again", "main", 0.7), ("again", "main", 0.8), ("again", "main", 0.9), ("again", "main", 1.0)]  # fmt: skip


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """A company with two states to run from; what an undisturbed run leaves of each, and how many changes it takes."""
    made = Company(tmp_path_factory.mktemp("killed"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SALESLOOP_ROOT", str(made.root))
        patch.chdir(made.beside)
        made.bring_in()
        made.notebooks(armed=True)
        made.order()
        made.keep("first")
        assert cli.main([*REPORT]) == 0
        made.notebooks(120.0, armed=True)
        made.keep("again")
        made.left, made.n = {}, {}
        for name in STATES:
            made.put_back(name)
            run = made.begin(*REPORT, armed=True)
            told, _ = run.communicate(timeout=600)
            assert run.returncode == 0, told
            made.left[name] = made.trees()
            made.n[name] = {process: len(made.changes(process)) for process in ("main", "forecast")}
        yield made


@pytest.fixture(scope="module")
def warm(company):
    """A process that begins commands at once."""
    env = {**os.environ, "PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen([sys.executable, "-m", "tests.run.warm"], env=env, text=True, bufsize=1,
                               cwd=company.root.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert process.stdout.readline() == "warm\n"
    yield process
    process.communicate()


def moment(company, state: str, process: str, share: float) -> None:
    """Put the company back to a state and order the moment at which its next run is killed."""
    company.put_back(state)
    company.order(process, max(1, round(share * company.n[state][process])))


def processes(company) -> set[str]:
    """Return the processes that were begun with the company's root in their environment."""
    return {one.name for one in Path("/proc").iterdir() if one.name.isdigit() and _of(one, company)}


def _of(process: Path, company) -> bool:
    try:
        return f"SALESLOOP_ROOT={company.root}".encode() in (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def healed(company, state: str, before: set[str]) -> None:
    """See that nothing of the killed run is at work, and that the next one leaves what an undisturbed one leaves."""
    until = time.monotonic() + 60
    while processes(company) - before and time.monotonic() < until:
        time.sleep(0.02)
    assert processes(company) <= before
    company.order()
    assert cli.main([*REPORT]) == 0
    left, wanted = company.trees(), company.left[state]
    assert left.keys() == wanted.keys()
    assert [name for name in wanted if left[name] != wanted[name]] == []


def killed(warm) -> None:
    """See that the warm process's command was killed by the order that it had."""
    assert int(warm.stdout.readline()) == -signal.SIGKILL


def test_undisturbed_runs_leave_nothing_hidden_and_close_the_loop(company):
    for state in STATES:
        assert [name for name in company.left[state] if "/." in name] == []
    ledger = company.left["again"]["params/acme/ledger.jsonl"].decode().splitlines()
    promised = [(line["kind"], line["edition"], line["value"]) for line in map(json.loads, ledger)]
    assert promised == [("forecast", 1, 90.0), ("target", 1, 100.0), ("forecast", 2, 120.0)]
    assert b"approved_by: automatic" in company.left["first"]["params/acme/2026-11.yml"]


@pytest.mark.parametrize(("state", "process", "share"), EARLY + STAGES)
def test_a_command_with_all_its_processes(company, state, process, share):
    moment(company, state, process, share)
    before = processes(company)
    run = company.begin(*REPORT, armed=True)
    told, _ = run.communicate(timeout=600)
    assert run.returncode == -signal.SIGKILL, told
    healed(company, state, before)


@pytest.mark.parametrize(("state", "process", "share"), LATE)
def test_a_command_in_its_stages_and_its_last_steps(company, warm, state, process, share):
    moment(company, state, process, share)
    before = processes(company)
    warm.stdin.write(json.dumps(REPORT) + "\n")
    warm.stdout.readline()
    killed(warm)
    healed(company, state, before)


@pytest.mark.parametrize(
    ("lock", "reached"), [(".ledger.lock", "proposals/2026-10.yml"), (".approvals.lock", "2026-11.yml")]
)
def test_a_command_whose_loop_is_being_closed(company, warm, lock, reached):
    company.put_back("first")
    company.order()
    before = processes(company)
    with FileLock(str(company.root / "params/acme" / lock)):
        warm.stdin.write(json.dumps(REPORT) + "\n")
        command = int(warm.stdout.readline())
        until = time.monotonic() + 300
        while not (company.root / "params/acme" / reached).is_file() and time.monotonic() < until:
            time.sleep(0.02)
        os.killpg(command, signal.SIGKILL)
        killed(warm)
    healed(company, "first", before)
