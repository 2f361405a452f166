"""The shell that runs a notebook's cells: a kernel's own, without the kernel, its sockets, threads and history."""

from __future__ import annotations

import asyncio
import builtins
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.compilerop import CachingCompiler
from IPython.core.error import StdinNotImplementedError
from jupyter_client.session import Session
from traitlets import Type
from traitlets.config import Config

Sink = Callable[[dict[str, Any]], object]


class Recorder(Session):
    """A session that hands each message over instead of sending it."""

    sink: Sink | None = None

    def send(self, stream, msg_or_type, content=None, parent=None, *args, **kwargs):
        """Make the message as a kernel would and give it to whoever listens."""
        made = msg_or_type if isinstance(msg_or_type, dict) else self.msg(msg_or_type, content, parent)
        made["buffers"] = kwargs.get("buffers") or []
        if self.sink is not None:
            self.sink(made)
        return made


class CellCompiler(CachingCompiler):
    """Names each cell's code by its id, so that warnings and traces read the same in every run."""

    cell = "cell"

    def get_code_name(self, raw_code, transformed_code, number):
        """Return the name of the cell at work."""
        return f"<cell {self.cell}>"


class StageShell(ZMQInteractiveShell):
    """A kernel's shell that lives without one."""

    compiler_class = Type(CellCompiler)
    compile: CellCompiler
    recorder: Recorder
    asked_exit = False

    def init_ipython_dir(self, ipython_dir):
        """Use no folder of the user's: a report does not depend on a person's profile."""
        self.ipython_dir = tempfile.gettempdir()

    def init_profile_dir(self, profile_dir):
        """Have no profile."""

    def init_environment(self):
        """Leave the fixed environment as it is."""

    def enable_gui(self, gui=None):
        """Open no windows."""

    def ask_exit(self):
        """Note that a cell wants to leave; the engine makes it a failure."""
        self.asked_exit = True


def make_shell() -> StageShell:
    """Return the process's one shell; its user module is ``__main__``."""
    config = Config()
    config.HistoryManager.enabled = False
    config.HistoryManager.hist_file = ":memory:"
    config.InteractiveShell.colors = "nocolor"
    shell = StageShell.instance(config=config)
    shell.recorder = Recorder()
    for part in (shell.displayhook, shell.display_pub):
        part.session, part.pub_socket = shell.recorder, None  # type: ignore[union-attr]
    shell.displayhook.topic = b"execute_result"  # type: ignore[attr-defined]
    return shell


class Stream(io.TextIOBase):
    """Standard output or error of a cell: kept until something else is shown, then one message."""

    encoding = "utf-8"  # type: ignore[assignment]

    def __init__(self, session: Recorder, name: str, number: int):
        self.session, self.stream, self.number = session, name, number
        self.kept: list[str] = []

    def write(self, text: str) -> int:
        """Keep text."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.kept.append(text)
        return len(text)

    def flush(self) -> None:
        """Hand over what was kept."""
        text, self.kept = "".join(self.kept), []
        if text:
            self.session.send(None, "stream", {"name": self.stream, "text": text})

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor that child processes write to."""
        return self.number


class Capture:
    """Takes what cells print or show: messages, and what is written to the file descriptors 1 and 2 themselves.

    Attributes
    ----------
    sink : callable
        What each message is given to.
    """

    def __init__(self, session: Recorder):
        self.session, self.streams = session, [Stream(session, "stdout", 1), Stream(session, "stderr", 2)]
        self.files = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]  # noqa: SIM115 - closed by `captured`
        self.read = [0, 0]

    @property
    def sink(self) -> Sink | None:
        """Return what each message is given to."""
        return self.session.sink

    @sink.setter
    def sink(self, sink: Sink | None) -> None:
        self.session.sink = sink

    def pour(self) -> None:
        """Hand over what a cell printed and what came from child processes and from code that is not Python's."""
        for place, (stream, file) in enumerate(zip(self.streams, self.files, strict=True)):
            text = os.pread(file.fileno(), 1 << 24, self.read[place])
            self.read[place] += len(text)
            if text:
                stream.write(text.decode("utf-8", "replace"))
            stream.flush()


@contextmanager
def captured(shell: StageShell) -> Iterator[Capture]:
    """Take everything that cells print or show until the end of the block."""
    capture = Capture(shell.recorder)
    before, asked = (sys.stdout, sys.stderr), builtins.input
    kept = [os.dup(1), os.dup(2)]
    for number, file in enumerate(capture.files, 1):
        os.dup2(file.fileno(), number)
    sys.stdout, sys.stderr = capture.streams  # type: ignore[assignment]
    builtins.input = _nobody_there
    try:
        yield capture
    finally:
        sys.stdout, sys.stderr = before
        builtins.input, capture.sink = asked, None
        for number, old in enumerate(kept, 1):
            os.dup2(old, number)
            os.close(old)
            capture.files[number - 1].close()


def _nobody_there(prompt: object = "") -> str:
    raise StdinNotImplementedError("input() in a report: nobody is there to answer")


async def run_cell(shell: StageShell, source: str, name: str) -> BaseException | None:
    """Run one cell as a kernel does, under a running event loop, and return what it raised."""
    shell.compile.cell = name
    code, failed = source, None
    try:
        code = shell.transform_cell(source)
    except Exception:
        failed = sys.exc_info()
    if shell.should_run_async(source, transformed_cell=code, preprocessing_exc_tuple=failed):
        task = shell.run_cell_async(source, store_history=True, transformed_cell=code, preprocessing_exc_tuple=failed)
        result = None
        try:
            result = await asyncio.ensure_future(task)
        finally:
            shell.events.trigger("post_execute")
            shell.events.trigger("post_run_cell", result)
    else:
        result = shell.run_cell(source, store_history=True)
    if shell.asked_exit:
        return SystemExit("the cell asked to leave")
    if getattr(shell, "_last_traceback_during_displayhook", False):
        return result.error_in_exec or RuntimeError("a result could not be shown")
    return result.error_before_exec or result.error_in_exec
