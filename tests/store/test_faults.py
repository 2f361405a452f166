"""What a crash, a second writer and hostile text do to the store: nothing."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest
from filelock import FileLock

from salesloop import paths, store
from salesloop.errors import LockedError, StageError
from salesloop.store import base
from tests.store.landings import deal, landing

_WARM = """
import json, os, sys
import pandas, pyarrow.parquet, duckdb
from tests.store.landings import deal, landing
from salesloop import store
from salesloop.errors import SalesloopError
print("warm", flush=True)
for line in sys.stdin:
    root, code = json.loads(line)
    child = os.fork()
    if child == 0:
        os.environ["SALESLOOP_ROOT"] = root
        print(os.getpid(), flush=True)
        try:
            exec(code)
        except SalesloopError as error:
            print(error, flush=True)
            os._exit(error.exit_code)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
_LANDER = """
exports = [landing(as_of=f"2026-10-{10 + i}", opportunities=[deal(f"d{k}", amount=f"{i}.00") for k in range(400)]) for i in range(9)]
print("ready", flush=True)
for export in exports:
    store.land("acme", export)
    store.freeze("acme", "2026-09")
"""


@pytest.fixture(scope="module")
def warm():
    """A process that has imported everything and done nothing yet; each line it reads becomes a child of its own."""
    root = str(Path(__file__).resolve().parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", _WARM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=root,
        env=os.environ | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1", "ARROW_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stdout.readline() == "warm\n"
    yield process
    process.stdin.close()
    process.wait()
    process.stdout.close()


def run(process, root, code):
    """Start a child of the warm process and return its number."""
    process.stdin.write(json.dumps([str(root), code]) + "\n")
    return int(process.stdout.readline())


@pytest.mark.parametrize("seed", range(3))
def test_kill_9_leaves_the_old_or_the_new_state_and_the_next_run_heals(acme, tmp_path, warm, seed):
    first = landing(
        as_of="2026-10-09", opportunities=[deal(f"d{k}", amount="9.00", created="2026-09-02 02:00") for k in range(400)]
    )
    store.land(acme, first)
    child = run(warm, tmp_path, _LANDER)
    assert "ready\n" in warm.stdout.readline()
    time.sleep(random.Random(seed).uniform(0.01, 1.2))
    os.kill(child, signal.SIGKILL)
    assert int(warm.stdout.readline()) == -signal.SIGKILL
    with duckdb.connect(str(paths.store(acme))) as connection:
        (imports,) = connection.execute("SELECT max(import_id) FROM imports").fetchall()[0]
        versions = connection.execute(
            "SELECT _import_id, count(*) FROM v_opportunities GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert versions == [(number, 400) for number in range(1, imports + 1)]
    folder = store.freeze(acme, "2026-09")
    assert (folder / "meta.json").is_file()
    assert [file.name for file in folder.parent.iterdir()] == ["2026-09"]


def test_a_second_writer_waits_and_then_is_told(acme, monkeypatch):
    monkeypatch.setattr(base, "WAIT_SECONDS", 0.2)
    paths.data(acme).mkdir(parents=True)
    with FileLock(str(paths.store(acme)) + ".lock"), pytest.raises(LockedError) as told:
        store.land(acme, landing(as_of="2026-10-31", opportunities=[deal("a")]))
    assert told.value.exit_code == 75
    assert store.land(acme, landing(as_of="2026-10-31", opportunities=[deal("a")])).tables["opportunities"]["new"] == 1


HOSTILE = [
    "<script>alert(1)</script>",
    "'; DROP TABLE imports; --",
    '"',
    "=HYPERLINK(1)",
    "\u202e\x07",
    "{created}",
    "%s",
    "\\",
]


def test_hostile_text_is_but_text(acme):
    rows = [deal(f"x{text}", amount="1.00", owner=text, lead_source=text) | {"stage": text} for text in HOSTILE]
    store.land(acme, landing(as_of="2026-10-31", opportunities=rows))
    assert store.land(acme, landing(as_of="2026-10-31", opportunities=rows)).repeated
    store.freeze(acme, "2026-10")
    from salesloop.book import open_book

    told = open_book(acme, "2026-10").table("opportunities")
    assert sorted(told["owner"]) == sorted(HOSTILE)
    assert sorted(open_book(acme, "2026-10").table("stages")["stage"]) == sorted(HOSTILE)


def test_an_import_that_fails_leaves_nothing(acme, monkeypatch):
    store.land(acme, landing(as_of="2026-10-31", opportunities=[deal("a")]))
    with monkeypatch.context() as broken:
        broken.setattr(sys.modules["salesloop.store.land"]._Import, "_log", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.land(acme, landing(as_of="2026-11-30", opportunities=[deal("a", amount="2.00"), deal("b")]))
    with duckdb.connect(str(paths.store(acme))) as connection:
        assert connection.execute("SELECT count(*) FROM v_opportunities").fetchall() == [(1,)]


_FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))
rows = [deal(f"d{k}", amount=f"{k}.00", next_step=f"{k * 7919 % 10007} " * 60) for k in range(4_000)]
store.land("acme", landing(as_of="2026-11-30", opportunities=rows))
"""


def test_a_full_disk_is_told_and_what_was_stored_stands(acme, tmp_path, warm):
    store.land(acme, landing(as_of="2026-10-31", opportunities=[deal("a", amount="1.00")]))
    room = paths.store(acme).stat().st_size + 100_000
    run(warm, tmp_path, _FULL.replace("ROOM", str(room)))
    told = [warm.stdout.readline()]
    while not told[-1].strip().isdigit():
        told.append(warm.stdout.readline())
    assert int(told[-1]) == 1
    assert "disk" in "".join(told) and "next:" in "".join(told)
    assert store.import_log(acme)["import_id"].tolist() == [1]
    assert (store.freeze(acme, "2026-10") / "meta.json").is_file()


def test_a_file_in_the_way_of_the_snapshots_is_told(acme):
    store.land(acme, landing(as_of="2026-10-31", opportunities=[deal("a")]))
    (paths.data(acme) / "snapshots").write_text("in the way")
    with pytest.raises(StageError, match="snapshot 2026-10") as told:
        store.freeze(acme, "2026-10")
    assert told.value.exit_code == 1


def test_a_query_that_a_person_stops_is_an_interrupt_and_no_fault(acme):
    store.land(acme, landing(as_of="2026-10-31", opportunities=[deal("a", amount="1.00")]))
    with pytest.raises(KeyboardInterrupt), base.opened(acme) as connection:
        threading.Timer(0.3, connection.interrupt).start()
        connection.execute("SELECT count(*) FROM range(100000000000) a, range(100000) b").fetchall()


def test_a_damaged_store_is_told(acme):
    paths.data(acme).mkdir(parents=True)
    paths.store(acme).write_bytes(b"this is no database" * 1000)
    with pytest.raises(StageError, match="store of unit 'acme'"):
        store.latest(acme)


def test_a_crash_between_record_and_rename_is_healed(acme, monkeypatch):
    store.land(acme, landing(as_of="2026-11-02", opportunities=[deal("a", amount="1.00")]))
    folder = store.freeze(acme, "2026-10")
    store.land(acme, landing(as_of="2026-11-30", opportunities=[deal("b", created="2026-10-02 02:00")]))
    with monkeypatch.context() as broken:
        broken.setattr(sys.modules["salesloop.store.freeze"], "_publish", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.freeze(acme, "2026-10")
    told = json.loads((store.freeze(acme, "2026-10") / "meta.json").read_text())
    assert (told["edition"], told["books_open"], told["tables"]["opportunities"]["rows"]) == (2, False, 2)
    assert [file.name for file in folder.parent.iterdir()] == ["2026-10"]
