"""Runs that are stopped from outside: Ctrl-C, kill -9, a full disk. What was published before stands."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.run.conftest import value
from tests.run.test_executor import gone

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def published(unit):
    """A published report whose next run has one stage that hangs once it has noted its process id."""
    unit.notebook("10_one", value(1))
    unit.notebook("20_two", value(2))
    unit.notebook("90_brief", value(0))
    unit.run()
    return unit


def hangs(unit):
    unit.notebook("10_one", f"import os, time\nopen({str(unit.root / 'pid')!r}, 'w').write(str(os.getpid()))",
                  "time.sleep(120)")  # fmt: skip


def begin(what: str, unit) -> subprocess.Popen:
    env = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen([sys.executable, "-m", "tests.run.stopping", what, str(unit.root)], env=env, cwd=unit.root,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)  # fmt: skip


def child_of(unit) -> int:
    """Wait until the hanging stage is at work and return its process id."""
    until = time.monotonic() + 40
    while time.monotonic() < until:
        if (unit.root / "pid").is_file() and (found := (unit.root / "pid").read_text()):
            return int(found)
        time.sleep(0.05)
    raise AssertionError("the stage never began")


def page_of(unit) -> bytes:
    return (unit.folder / "10_one.en.html").read_bytes()


def test_ctrl_c_ends_children_and_leaves_the_last_report(published):
    before = page_of(published)
    hangs(published)
    run = begin("plain_run", published)
    child = child_of(published)
    os.killpg(run.pid, signal.SIGINT)
    told, _ = run.communicate(timeout=120)
    assert run.returncode == 130, told
    assert gone(child)
    assert "Traceback" not in told
    assert page_of(published) == before
    assert published.left_over() == []


def test_kill_9_ends_children_and_the_next_run_heals(published):
    before = page_of(published)
    hangs(published)
    run = begin("plain_run", published)
    child = child_of(published)
    run.kill()
    run.communicate(timeout=120)
    assert gone(child)
    assert page_of(published) == before
    published.notebook("10_one", value(3))
    assert published.run().exit_code == 0
    assert published.value("one") == 3
    assert published.left_over() == []


def test_killed_at_twenty_random_moments(published):
    run = begin("killed_often", published)
    told, _ = run.communicate(timeout=120)
    assert run.returncode == 0, told


def test_a_full_disk_loses_nothing_good(published):
    before = page_of(published)
    published.notebook("10_one", "stage.content['much'] = 'x' * 100_000")
    run = begin("small_files", published)
    told, _ = run.communicate(timeout=60)
    assert run.returncode == 1, told
    assert "File too large" in told
    assert "Traceback" not in told
    assert page_of(published) == before
    assert published.left_over() == []
