"""One fresh process a task: what it sees, how it ends, what its end does to others."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from salesloop.errors import ChildDied, StageError
from salesloop.run import executor
from salesloop.run.executor import Executor, TimedOut, fresh


def seen(tell):
    import numpy as np

    import __main__
    from salesloop.run import preload

    return {
        "environment": dict(os.environ), "threads_of_parent": preload.threads, "group": os.getpgid(0) == os.getpid(),
        "main": getattr(__main__, "__file__", None), "random": np.random.get_state()[1].tolist(), "pid": os.getpid(),  # noqa: NPY002
    }  # fmt: skip


def die(number, tell):
    tell("cell-7")
    os.kill(os.getpid(), number)
    time.sleep(60)


def hang(tell):
    tell("cell-8")
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    tell(str(child.pid))
    time.sleep(300)


def leave_one_behind(tell):
    """Answer, and leave behind a forked process that holds the pipe open."""
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"]).pid


def fail(kind, tell):
    raise {"data": ValueError("Acme Ltd"), "own": StageError("stage", found="why")}[kind]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def gone(pid: int) -> bool:
    until = time.monotonic() + 5
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not alive(pid)


def test_a_fresh_process_has_the_fixed_environment_and_no_secret(monkeypatch):
    monkeypatch.setenv("CRM_TOKEN", "s3cr3t-value")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    one, two = fresh(seen), fresh(seen)
    env = one["environment"]
    assert "s3cr3t-value" not in str(env)
    assert {name: env[name] for name in ("TZ", "LC_ALL", "PYTHONHASHSEED", "OMP_NUM_THREADS", "MPLBACKEND")} == {
        "TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }  # fmt: skip
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert one["group"]
    assert one["main"] is None
    assert one["pid"] != two["pid"]
    assert one["random"] != two["random"]


def test_the_warm_parent_has_one_thread():
    if executor.start_method() != "forkserver" or not sys.platform.startswith("linux"):
        pytest.skip("no warm parent on this system, or none that tells its threads")
    assert fresh(seen)["threads_of_parent"] == 1


def test_a_killed_process_is_told_with_the_cell_it_was_in_and_harms_no_other():
    with Executor(2) as pool:
        killed, well = pool.submit(fresh, die, signal.SIGKILL), pool.submit(fresh, seen)
        with pytest.raises(ChildDied) as caught:
            killed.result()
        assert (caught.value.thing, caught.value.exit_code) == ("cell-7", 138)
        assert "SIGKILL" in caught.value.found
        assert well.result()["group"]


def test_a_timeout_kills_all_that_the_process_began():
    begun = time.monotonic()
    with pytest.raises(TimedOut) as caught:
        fresh(hang, timeout=4.0)
    assert time.monotonic() - begun < 120  # not the 300 seconds that both would sleep
    assert gone(int(caught.value.thing))


def test_what_a_finished_process_leaves_behind_is_ended():
    assert gone(fresh(leave_one_behind))


def test_errors_come_back_without_data():
    with pytest.raises(StageError, match="stage: found why"):
        fresh(fail, "own")
    with pytest.raises(StageError) as caught:
        fresh(fail, "data")
    assert "ValueError" in str(caught.value)
    assert "Acme" not in str(caught.value)


def test_leaving_early_ends_what_is_at_work():
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Executor(2) as pool:
        future = pool.submit(fresh, hang)
        threading.Event().wait(0.5)
        raise KeyboardInterrupt
    assert time.monotonic() - begun < 120  # not the 300 seconds that it would sleep
    assert isinstance(future.exception(), ChildDied)


def test_the_same_is_had_cold(monkeypatch):
    monkeypatch.setenv(executor.START, "spawn")
    found = fresh(seen)
    assert found["group"]
    assert found["main"] is None
    assert found["environment"]["TZ"] == "UTC"


def answer_from_here(pipe):
    pipe.send(fresh(seen)["pid"])


def test_a_daemon_such_as_a_dask_worker_may_start_a_stage():
    ours, theirs = multiprocessing.Pipe(duplex=False)
    worker = multiprocessing.get_context("spawn").Process(target=answer_from_here, args=(theirs,), daemon=True)
    worker.start()
    assert ours.poll(60)
    assert ours.recv() not in (worker.pid, os.getpid())
    worker.join(20)
    assert worker.exitcode == 0
