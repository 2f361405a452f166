"""A papermill engine that runs a notebook's cells in this process, with a kernel's shell and without a kernel."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines
from papermill.exceptions import PapermillExecutionError

from salesloop.run.shell import Capture, StageShell, captured, run_cell

NAME = "salesloop"
SAVE_EVERY_S = 2.0
Told = Callable[[str], object]


class CellError(PapermillExecutionError):
    """A cell failed: which one, and what it raised."""

    def __init__(self, index: int, cell: Any, raised: BaseException):
        name, said = type(raised).__name__, str(raised)
        trace: list[str] = next((out.traceback for out in cell.outputs if out.output_type == "error"), [])
        super().__init__(index, cell.execution_count, cell.source, name, said, trace)
        self.cell, self.raised = name_of(cell, index), raised


def name_of(cell: Any, index: int) -> str:
    """Return what a cell is called: its id, else its place."""
    return str(cell.get("id") or f"{index + 1}")


class StageEngine(Engine):
    """Runs cells in this process; a cell that fails in any way, leaves or is left out fails the notebook."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: NotebookExecutionManager, kernel_name: str, **options: Any) -> None:
        """Run all cells of a notebook until one fails.

        Parameters
        ----------
        nb_man : NotebookExecutionManager
            Papermill's own: the notebook and its state.
        kernel_name : str
            Not needed: there is no kernel.
        **options
            ``tell``, called with each cell's name before it runs.
        """
        from salesloop.run.preload import shell

        save, nb_man.save = nb_man.save, _seldom(nb_man.save)
        try:
            asyncio.run(_run(nb_man, shell, options.get("tell") or (lambda _: None)))
        finally:
            nb_man.save = save
        nb_man.nb.metadata["language_info"] = {"name": "python"}


def _seldom(save: Callable[..., None]) -> Callable[..., None]:
    """Return a `save` that writes at most every two seconds: papermill asks for it twice a cell."""
    last = time.monotonic()

    def now_and_then(**options: Any) -> None:
        nonlocal last
        if time.monotonic() - last >= SAVE_EVERY_S:
            save(**options)
            last = time.monotonic()

    return now_and_then


async def _run(nb_man: NotebookExecutionManager, shell: StageShell, tell: Told) -> None:
    client = PapermillNotebookClient(nb_man)
    client.reset_execution_trackers()
    with captured(shell) as capture:
        for index, cell in enumerate(nb_man.nb.cells):
            nb_man.cell_start(cell, index)
            try:
                if cell.cell_type == "code" and cell.source.strip():
                    tell(name_of(cell, index))
                    capture.sink = partial(client.process_message, cell=cell, cell_index=index)
                    await _run_one(client, shell, capture, index)
            except CellError as error:
                nb_man.cell_exception(cell, cell_index=index, exception=error)
                raise
            finally:
                nb_man.cell_complete(cell, cell_index=index)


async def _run_one(client: PapermillNotebookClient, shell: StageShell, capture: Capture, index: int) -> None:
    """Run one cell; its messages become outputs as papermill makes them from a kernel's."""
    cell = client.nb.cells[index]
    cell.outputs = []
    client.clear_before_next_output = False
    cell.execution_count = shell.execution_count
    raised = await run_cell(shell, cell.source, name_of(cell, index))
    capture.pour()
    cell.outputs = joined(cell.outputs)
    if raised is not None:
        raise CellError(index, cell, raised)


def joined(outputs: list) -> list:
    """Return outputs with neighbouring pieces of one stream made one; how a kernel cuts them is chance."""
    made: list = []
    for output in outputs:
        last = made[-1] if made else None
        if last and output.output_type == "stream" == last.output_type and output.name == last.name:
            last["text"] += output.text
        else:
            made.append(output)
    return made


papermill_engines.register(NAME, StageEngine)
