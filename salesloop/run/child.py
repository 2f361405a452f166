"""What happens in a stage's own process: run the notebook, check what it left, draw its pages."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from salesloop import whole
from salesloop.run import environment, files
from salesloop.run.reason import why

Tell = Callable[[str], object]
BRIEF = "brief"


@dataclass(frozen=True)
class Task:
    """One stage to be run in a work folder.

    Attributes
    ----------
    stage, notebook : str
        The stage and its notebook's path.
    work : str
        The folder that becomes the report.
    parameters : dict
        What the notebook is given.
    languages : tuple of str
        The languages of its pages.
    gaps : tuple of dict
        For the brief: the stages that failed.
    home : str
        The address of the page that the stage's page leads back to; ``{lang}`` stands for the language.
    """

    stage: str
    notebook: str
    work: str
    parameters: dict[str, Any]
    languages: tuple[str, ...]
    gaps: tuple[dict[str, str], ...] = ()
    home: str = ""


@dataclass
class Done:
    """What came of a stage: its files with their hashes, or the cell that failed and why."""

    outputs: dict[str, str] = field(default_factory=dict)
    cell: str = ""
    reason: str = ""
    died: bool = False
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mb: float = 0.0


def run_stage(task: Task, tell: Tell) -> Done:
    """Run a stage's notebook and draw its pages; what goes wrong is told, never raised."""
    begun, done = time.perf_counter(), Done()
    try:
        given = dict(os.environ)
        os.chdir(Path(task.notebook).parent)  # as JupyterLab does
        sys.path.insert(0, "")
        _execute(task, tell)
        environment.become(given)
        tell("")
        _check(task)
        draw(task)
        done.outputs = files.hashes(
            Path(task.work), files.of_stage(Path(task.work), Path(task.notebook).stem, task.stage)
        )
    except BaseException as error:
        done.cell, done.reason = _told(error)
    done.seconds, done.cpu_seconds, done.peak_mb = time.perf_counter() - begun, time.process_time(), _peak_mb()
    return done


def _peak_mb() -> float:
    """Return the most memory this process has held, NaN where the system does not say."""
    try:
        import resource
    except ImportError:
        return float("nan")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1024**2 if sys.platform == "darwin" else 1024)


def _execute(task: Task, tell: Tell) -> None:
    import papermill

    from salesloop.run import engine

    target = Path(task.work) / Path(task.notebook).name
    whole.write(target, with_names(Path(task.notebook).read_text(encoding="utf-8")))
    path = _plain(str(target))
    papermill.execute_notebook(path, path, task.parameters, engine_name=engine.NAME, progress_bar=False, tell=tell)
    tidy(target)


def with_names(notebook: str) -> str:
    """Return a notebook whose cells have an id each; a missing one, or the second of its name, gets its place's.

    Examples
    --------
    >>> twice = {"cells": [{"id": "a"}, {"id": "a"}, {}], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}
    >>> [cell["id"] for cell in json.loads(with_names(json.dumps(twice)))["cells"]]
    ['a', 'cell-2', 'cell-3']
    """
    content, seen = json.loads(notebook), set()
    if (content.get("nbformat", 4), content.get("nbformat_minor", 0)) < (4, 5):
        return notebook
    for place, cell in enumerate(content["cells"], 1):
        if not cell.get("id") or cell["id"] in seen:
            cell["id"] = f"cell-{place}"
        seen.add(cell["id"])
    return json.dumps(content, ensure_ascii=False)


def _plain(path: str) -> str:
    """Return a path in which papermill finds no parameters."""
    return path.replace("{", "{{").replace("}", "}}")


def tidy(notebook: Path) -> None:
    """Take times, paths and chance ids out of an executed notebook, so that the same run leaves the same bytes."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    content["metadata"].pop("papermill", None)
    for cell in content["cells"]:
        cell["metadata"].pop("papermill", None)
        cell["metadata"].pop("execution", None)
        if not cell["metadata"].get("tags", True):
            del cell["metadata"]["tags"]
        if "injected-parameters" in cell["metadata"].get("tags", []):
            cell["id"] = "injected-parameters"
    whole.write(notebook, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


class NotWhole(Exception):
    """A notebook ran to its end and is still no report."""


def _check(task: Task) -> None:
    """See that every cell ran without an error and that the results were saved and can be read."""
    notebook = json.loads((Path(task.work) / Path(task.notebook).name).read_text(encoding="utf-8"))
    for index, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] != "code" or not "".join(cell["source"]).strip():
            continue
        if cell["execution_count"] is None:
            raise NotWhole(str(cell.get("id", index + 1)), "the cell was not executed")
        if any(output["output_type"] == "error" for output in cell["outputs"]):
            raise NotWhole(str(cell.get("id", index + 1)), "the cell left an error")
    _check_results(Path(task.work) / "results", task)


def _check_results(folder: Path, task: Task) -> None:
    try:
        content = json.loads((folder / f"{task.stage}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotWhole("", "no results were saved: the last cell must be stage.save()") from None
    except ValueError:
        raise NotWhole("", "the saved results are no valid JSON") from None
    said = {name: str(content.get(name)) for name in ("stage", "unit", "period")}
    meant = {"stage": task.stage, "unit": task.parameters["unit"], "period": task.parameters["period"]}
    if said != meant:
        raise NotWhole("", f"the saved results are of {said}, not of {meant}")
    absent = [name for name, table in content["tables"].items() if not (folder / table["file"]).is_file()]
    if absent:
        raise NotWhole("", f"tables {', '.join(absent)} were named but not saved")


def draw(task: Task) -> None:
    """Draw the stage's page in each language, whatever its cells did to the look of charts; the brief's is the first."""
    import matplotlib

    from salesloop import style
    from salesloop.report import render_sheets, render_stage

    matplotlib.rcdefaults()
    style.look.cache_clear()
    if task.stage == BRIEF:
        draw_brief(task)
        return
    work = Path(task.work)
    notebook = work / Path(task.notebook).name
    for lang in task.languages:
        page = render_stage(notebook, work / "results", lang, home=task.home.format(lang=lang))
        whole.write(work / f"{notebook.stem}.{lang}.html", page)
        for name, sheet in render_sheets(notebook, work / "results", lang).items():
            whole.write(work / name, sheet)


def draw_brief(task: Task, tell: Tell | None = None) -> None:
    """Draw the report's first page in each language from what results there are, with a panel for each gap."""
    from salesloop.params import load_unit
    from salesloop.report import render_brief

    config, month = load_unit(task.parameters["unit"]), task.parameters["period"]
    for lang in task.languages:
        page = render_brief(Path(task.work) / "results", lang, config, task.gaps, period=month)
        whole.write(Path(task.work) / f"index.{lang}.html", page)


def close(unit: str, period: str, folder: str, when: str, languages: tuple[str, ...], tell: Tell) -> None:
    """Close a published report: proposal, ledger, what approves itself; then list it among the unit's reports.

    Parameters
    ----------
    unit, period, folder : str
        Which report, and where it stands.
    when : str
        The day the approval is dated; nothing but the list is made where it is empty: the brief failed, or this was
        a check-in.
    """
    from salesloop import loop, paths
    from salesloop.report import render_index

    if when:
        loop.close(unit, period, Path(folder) / "results", when=when)
        proposal = loop.proposal_file(unit, period)
        if proposal.is_file():
            whole.write(Path(folder) / "proposal.yml", proposal.read_text(encoding="utf-8"))
    for lang in languages:
        whole.write(paths.reports(unit) / f"index.{lang}.html", render_index(paths.reports(unit), lang))


def _told(error: BaseException) -> tuple[str, str]:
    """Return the cell that failed, if one did, and why."""
    if isinstance(error, NotWhole):
        return error.args[0], error.args[1]
    raised = getattr(error, "raised", None)
    if raised is None:
        return "", why(error)
    if isinstance(raised, SystemExit):
        return error.cell, "the cell left the notebook (exit or quit), so the rest did not run"  # type: ignore[attr-defined]
    return error.cell, why(raised, error.source)  # type: ignore[attr-defined]
