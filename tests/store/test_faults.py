"""What a crash, a second writer and hostile text do to the store: nothing."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from filelock import FileLock

from salesloop import paths, store
from salesloop.errors import LockedError, StageError
from salesloop.store import base
from tests.store.landings import deal, landing

_LANDER = """
import sys
from tests.store.landings import deal, landing
from salesloop import store
exports = [landing(as_of=f"2026-10-{10 + i}", opportunities=[deal(f"d{k}", amount=f"{i}.00") for k in range(400)]) for i in range(9)]
print("ready", flush=True)
for export in exports:
    store.land("acme", export)
    store.freeze("acme", "2026-09")
"""


@pytest.mark.parametrize("seed", range(3))
def test_kill_9_leaves_the_old_or_the_new_state_and_the_next_run_heals(acme, seed):
    first = landing(
        as_of="2026-10-09", opportunities=[deal(f"d{k}", amount="9.00", created="2026-09-02 02:00") for k in range(400)]
    )
    store.land(acme, first)
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
    child = subprocess.Popen(
        [sys.executable, "-c", _LANDER], stdout=subprocess.PIPE, cwd=root, env=os.environ | {"PYTHONPATH": root}
    )
    assert child.stdout.readline() == b"ready\n"
    time.sleep(random.Random(seed).uniform(0.01, 1.2))
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
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
import resource, signal, sys
from tests.store.landings import deal, landing
from salesloop import store
from salesloop.errors import SalesloopError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
rows = [deal(f"d{k}", amount=f"{k}.00", next_step=f"{k * 7919 % 10007} " * 60) for k in range(20_000)]
try:
    store.land("acme", landing(as_of="2026-11-30", opportunities=rows))
except SalesloopError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def test_a_full_disk_is_told_and_what_was_stored_stands(acme):
    store.land(acme, landing(as_of="2026-10-31", opportunities=[deal("a", amount="1.00")]))
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [sys.executable, "-c", _FULL],
        cwd=root,
        env=os.environ | {"PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr[-800:]
    assert "disk" in done.stdout and "next:" in done.stdout
    assert store.import_log(acme)["import_id"].tolist() == [1]
    assert (store.freeze(acme, "2026-10") / "meta.json").is_file()


def test_a_file_in_the_way_of_the_snapshots_is_told(acme):
    store.land(acme, landing(as_of="2026-10-31", opportunities=[deal("a")]))
    (paths.data(acme) / "snapshots").write_text("in the way")
    with pytest.raises(StageError, match="snapshot 2026-10") as told:
        store.freeze(acme, "2026-10")
    assert told.value.exit_code == 1


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
