"""A small executor: each task in a fresh process, forked from a warm parent or, where there is no fork, started cold.

`fresh` runs one function in one process and waits for it; `Executor` runs several at once. A pool of processes would
be wrong here: one that is killed takes the tasks of the others with it.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import connection
from typing import Any

from salesloop.errors import ChildDied, SalesloopError, StageError
from salesloop.run import environment
from salesloop.run.reason import why

START = "SALESLOOP_START"
_GRACE_S = 3.0
_starting = threading.Lock()
_live: set[Any] = set()
_closed = threading.Event()


class TimedOut(StageError):
    """A task took longer than it may."""


class Executor(ThreadPoolExecutor):
    """Threads that each wait for one fresh process; leaving the block early ends the processes."""

    def __init__(self, workers: int = 2):
        super().__init__(max_workers=workers, thread_name_prefix="stage")

    def __exit__(self, kind, error, trace):
        if kind is not None:
            _closed.set()
            end_all()
        self.shutdown(wait=True, cancel_futures=kind is not None)
        _closed.clear()
        return False


def start_method() -> str:
    """Return how processes begin here: "forkserver" where a warm one can be forked safely, else "spawn"."""
    wanted = os.environ.get(START)
    if wanted in ("forkserver", "spawn"):
        return wanted
    can = "forkserver" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"
    return "forkserver" if can else "spawn"


def warm_up() -> None:
    """Begin to warm the parent of the processes, without waiting for it."""
    if start_method() != "forkserver":
        return
    from multiprocessing import forkserver

    with _starting, environment.during(environment.fixed(SALESLOOP_WARM_PARENT="1")), _nobody_main():
        multiprocessing.get_context("forkserver").set_forkserver_preload(["salesloop.run.preload"])
        forkserver.ensure_running()


def fresh(function: Callable[..., Any], *args: Any, timeout: float = 600.0, out: str = "") -> Any:
    """Run a function in a fresh process and return what it returns.

    Parameters
    ----------
    function : callable
        A function of a module; it is given `args` and, as ``tell``, what it may tell of its progress with.
    timeout : float, default 600
        Seconds after which the process, with all processes that it began, is killed.
    out : str
        The folder that the process's `SALESLOOP_OUT` names.

    Raises
    ------
    TimedOut, ChildDied
        It took too long; it was killed or ended without an answer. `thing` is what it told last.
    StageError
        The function raised something else: what, and where.
    """
    warm_up()
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = _start(function, args, theirs, out)
    theirs.close()
    try:
        return _answer(process, ours, timeout)
    except BaseException:
        _kill(process)
        raise
    finally:
        ours.close()
        _end(process)


def _start(function: Callable[..., Any], args: tuple, pipe: Any, out: str) -> Any:
    wanted = environment.fixed(**({"SALESLOOP_OUT": out} if out else {}))
    with _starting, environment.during(wanted), _nobody_main():
        if _closed.is_set():
            raise _died("", "the run was ended before it began")
        try:
            process = _begun(start_method(), function, args, pipe, wanted)
        except (EOFError, ConnectionError):  # the warm parent could not be made: a cold start says why
            process = _begun("spawn", function, args, pipe, wanted)
        _live.add(process)
    return process


def _begun(method: str, *args: Any) -> Any:
    context: Any = multiprocessing.get_context(method)
    process = context.Process(target=_work, args=args)
    with _may_have_children():
        process.start()
    return process


@contextlib.contextmanager
def _may_have_children() -> Iterator[None]:
    """Let a daemon, as a Dask worker is, start a process: ours ends with its parent and is never left behind."""
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    daemon = config.pop("daemon", None)
    try:
        yield
    finally:
        if daemon is not None:
            config["daemon"] = daemon


@contextlib.contextmanager
def _nobody_main() -> Iterator[None]:
    """Let the new process not import the caller's main module: a stage has its own ``__main__``."""
    before = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = before


def _answer(process: Any, pipe: connection.Connection, timeout: float) -> Any:
    """Wait for a process's answer; `last` is what it told on the way."""
    last, until = "", time.monotonic() + timeout
    while True:
        left = until - time.monotonic()
        if left <= 0 or not connection.wait([pipe, process.sentinel], left):
            raise TimedOut(
                last, found=f"not done after {timeout:g} seconds", allowed=f"{timeout:g} seconds",
                next_step="make it quicker, or run it with a longer limit (timeout)",
            )  # fmt: skip
        try:
            if not pipe.poll():  # the process has ended; one that it left behind may still hold the pipe
                raise EOFError
            kind, value = pipe.recv()
        except (EOFError, OSError):
            raise _died(last, _ending(process)) from None
        if kind == "told":
            last = value
        elif kind == "raised":
            raise value
        else:
            return value


def _died(last: str, found: str) -> ChildDied:
    return ChildDied(
        last,
        found=found,
        allowed="a process that ends by itself",
        next_step="look at the memory that is free, and run it again",
    )


def _ending(process: Any) -> str:
    process.join(_GRACE_S)
    code = process.exitcode
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return f"its process was killed by {signal.Signals(-code).name}"
    return f"its process ended without an answer (exit code {code})"


def _end(process: Any) -> None:
    """See a process off with all that it began: a moment to end by itself, then its whole group is killed."""
    process.join(_GRACE_S)
    _kill(process)
    process.join(_GRACE_S)
    _live.discard(process)
    with contextlib.suppress(ValueError):
        process.close()


def _kill(process: Any) -> None:
    """Kill a process and its group; a process that is no leader of a group yet, alone."""
    if process.pid is None:
        return
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(ValueError, OSError):
        process.kill()


def end_all() -> None:
    """Kill every process that is at work."""
    with _starting:
        for process in list(_live):
            _kill(process)


def _work(function: Callable[..., Any], args: tuple, pipe: Any, wanted: dict[str, str]) -> None:
    """Be the fresh process: a group of its own, a fixed environment, an answer, an orderly end."""
    _alone(wanted)
    try:
        answer = ("done", function(*args, tell=lambda what: pipe.send(("told", what))))
    except (SalesloopError, OSError) as error:
        answer = ("raised", error)
    except Exception as error:
        answer = ("raised", _failed(function.__name__.replace("_", " "), why(error)))
    try:
        pipe.send(answer)
    except Exception as error:  # what cannot be sent is told by its kind
        pipe.send(("raised", _failed(f"answer of {function.__name__}", type(error).__name__)))
    pipe.close()
    with contextlib.suppress(Exception):
        atexit._run_exitfuncs()
    os._exit(0)


def _failed(thing: str, found: str) -> StageError:
    step = "repeat the command; if it comes again, report this line"
    return StageError(thing, found=found, allowed="an end without an error", next_step=step)


def _alone(wanted: dict[str, str]) -> None:
    if hasattr(os, "setsid"):
        with contextlib.suppress(OSError):
            os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(wanted)
    if hasattr(time, "tzset"):
        time.tzset()
    threading.Thread(target=_die_with_parent, daemon=True).start()
    from salesloop.run import preload

    sys.modules["__main__"] = preload.shell.user_module
    random.seed()
    preload.numpy.random.seed()  # else all forks would draw the same


def _die_with_parent() -> None:
    """End this process and its group once the one that asked for it is gone."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        with contextlib.suppress(OSError, AttributeError):
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(1)
