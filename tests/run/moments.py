"""Kill a whole command at a moment that its own progress names: before the n-th change of a file by one of its processes.

Where the order says so, each call of a function of the store counts as well, for what the database writes is not seen here.
A process arms itself: the command by `armed/sitecustomize.py`, a stage by its notebook's first cell. The order stands in
``moment.json`` beside the project's root, and so does the command's process group, for a stage to kill. Without an order,
each process lists its changes in ``changes.<process>``, so that moments can be spread over them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def arm(process: str) -> None:
    """Count this process's changes from now on; kill the command's group before the one that was ordered."""
    beside = Path(os.environ["SALESLOOP_ROOT"]).parent
    group = beside / "group"
    if process == "main":
        group.write_text(str(os.getpgid(0)), encoding="ascii")
    order = json.loads((beside / "moment.json").read_text(encoding="ascii"))
    at = order["at"] if order["process"] == process else 0
    log = os.open(beside / f"changes.{process}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    root, n = str(beside / "root"), 0

    def count(change: str) -> None:
        nonlocal n
        n += 1
        os.write(log, f"{change}\n".encode())
        if n == at:
            os.killpg(int(group.read_text(encoding="ascii")), signal.SIGKILL)
            signal.pause()  # a stage has a group of its own: it ends because the command is gone

    def see(event: str, given: tuple) -> None:
        if _changes(event, given) and root in str(given[0]):
            count(f"{event} {given[0]}")

    def see_call(frame, event: str, _) -> None:
        called = frame.f_code
        if event == "call" and "/salesloop/store/" in called.co_filename and called.co_name.isidentifier():
            count(f"call {called.co_name}")

    sys.addaudithook(see)
    if process == "main" and order["calls"]:
        sys.setprofile(see_call)


def _changes(event: str, given: tuple) -> bool:
    return event in _CHANGES or (event == "open" and isinstance(given[2], int) and bool(given[2] & _WRITING))
