"""The stages and what they need, read from the notebooks themselves."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from salesloop.errors import ParameterError, SalesloopError, raise_all

BRIEF = "brief"
_FILE = re.compile(r"\d{2}_\w+\.ipynb")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_GIVEN = ("unit", "period")


@dataclass(frozen=True)
class StageSpec:
    """One stage as its notebook describes it.

    Attributes
    ----------
    name : str
        The stage's name, the one stem everywhere.
    file : Path
        Its notebook.
    needs : tuple of str
        The stages whose results it reads.
    """

    name: str
    file: Path
    needs: tuple[str, ...] = ()
    cells: tuple[Mapping[str, Any], ...] = field(default=(), repr=False, compare=False)

    @property
    def stem(self) -> str:
        """The notebook's name without its ending, which its pages share."""
        return self.file.stem

    @cached_property
    def parameters(self) -> frozenset[str]:
        """The names that the cell tagged `parameters` sets; empty where there is no such cell or no valid Python."""
        return _assigned(next(iter(tagged(self.cells)), {}))


def load(folder: Path | str) -> list[StageSpec]:
    """Return the stages of a folder of notebooks in reading order.

    A notebook joins by its metadata, ``{"salesloop": {"stage": "pricing", "needs": ["forecast"]}}``; one without is
    nobody's stage and left alone.

    Raises
    ------
    ParameterError
        A notebook cannot be read, lacks the cell tagged `parameters` or one of its names, is the second of its stage,
        needs a stage that does not exist, or needs itself through others. All problems are told at once.
    """
    problems: list[SalesloopError] = []
    found = [
        spec for file in sorted(Path(folder).glob("*.ipynb"))
        if _FILE.fullmatch(file.name) and (spec := _read(file, problems))
    ]  # fmt: skip
    if not found and not problems:
        problems.append(ParameterError(
            "notebooks", found="none with metadata.salesloop", allowed="NN_stage.ipynb in the folder notebooks",
            next_step="get the nine notebooks back, e.g. from git",
        ))  # fmt: skip
    problems += [*_twice(found), *_unknown(found), *(p for spec in found for p in _parameter_problems(spec))]
    if not problems:
        problems += _circles(found)
    raise_all(problems)
    return found


def _read(file: Path, problems: list[SalesloopError]) -> StageSpec | None:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        said = content.get("metadata", {}).get("salesloop")
        cells = tuple(content["cells"]) if said else ()
    except (ValueError, KeyError, AttributeError, TypeError):
        problems.append(ParameterError(
            file.name, found="no notebook of format 4", allowed="a notebook as JupyterLab saves it",
            next_step="save it from JupyterLab, or take it out of the folder",
        ))  # fmt: skip
        return None
    if not said:
        return None
    name, needs = (said.get("stage"), said.get("needs", [])) if isinstance(said, dict) else (None, None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        problems.append(ParameterError(
            f"{file.name}: metadata.salesloop.stage", found=_shown(name), allowed="a short lower-case name",
            next_step="correct the notebook's metadata",
        ))  # fmt: skip
        return None
    if not isinstance(needs, list) or not all(isinstance(need, str) for need in needs):
        problems.append(ParameterError(
            f"{file.name}: metadata.salesloop.needs", found=_shown(needs), allowed='a list such as ["forecast"]',
            next_step="correct the notebook's metadata",
        ))  # fmt: skip
        return None
    return StageSpec(name, file, tuple(dict.fromkeys(needs)), cells)


def _shown(value: Any) -> str:
    return "nothing" if value is None else repr(value)[:40]


def source(cell: Mapping[str, Any]) -> str:
    """Return a cell's text, which a file may hold as one text or as lines."""
    text = cell.get("source", "")
    return text if isinstance(text, str) else "".join(text)


def tagged(cells: Iterable[Mapping[str, Any]], tag: str = "parameters") -> list[Mapping[str, Any]]:
    """Return the code cells that bear a tag."""
    return [c for c in cells if c.get("cell_type") == "code" and tag in c.get("metadata", {}).get("tags", [])]


def _assigned(cell: Mapping[str, Any]) -> frozenset[str]:
    try:
        tree = ast.parse(source(cell))
    except SyntaxError:
        return frozenset()
    return frozenset(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )


def _parameter_problems(spec: StageSpec) -> list[SalesloopError]:
    cells = tagged(spec.cells)
    if len(cells) != 1:
        found = "no cell tagged 'parameters'" if not cells else f"{len(cells)} cells tagged 'parameters'"
        step = "tag the cell that sets unit, period and as_of; without it the defaults would be reported"
        return [ParameterError(spec.file.name, found=found, allowed="one", next_step=step)]
    absent = [name for name in _GIVEN if name not in spec.parameters]
    if not absent:
        return []
    return [ParameterError(f"{spec.file.name}: parameters", found=f"{', '.join(absent)} not set there",
                           allowed="a cell that sets unit, period and as_of", next_step="set them in that cell")]  # fmt: skip


def _twice(found: list[StageSpec]) -> list[SalesloopError]:
    files: dict[str, list[str]] = {}
    for spec in found:
        files.setdefault(spec.name, []).append(spec.file.name)
    return [
        ParameterError(f"stage {name}", found=f"two notebooks: {', '.join(names)}", allowed="one",
                       next_step="give one of them another stage in its metadata")
        for name, names in files.items() if len(names) > 1
    ]  # fmt: skip


def _unknown(found: list[StageSpec]) -> list[SalesloopError]:
    names = {spec.name for spec in found}
    return [
        ParameterError(f"{spec.file.name}: needs", found=f"unknown stage {need[:40]!r}", allowed=", ".join(sorted(names)),
                       next_step="correct `needs` in the notebook's metadata")
        for spec in found for need in spec.needs if need not in names
    ]  # fmt: skip


def _circles(found: list[StageSpec]) -> list[SalesloopError]:
    """Take away what needs nothing any more until nothing changes; what is left waits for itself."""
    left = {spec.name: set(spec.needs) for spec in found}
    while free := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in free:
            del left[name]
    if not left:
        return []
    told = "; ".join(f"{name} needs {', '.join(sorted(needs & left.keys()))}" for name, needs in sorted(left.items()))
    return [ParameterError("needs of the notebooks", found=f"a circle: {told}", allowed="stages that do not wait for each other",
                           next_step="take one of them out")]  # fmt: skip


def waits(stages: Iterable[StageSpec]) -> dict[str, set[str]]:
    """Return what each stage waits for: what it needs; the brief for all that do not need the brief themselves."""
    stages = list(stages)
    waiting = {spec.name: set(spec.needs) for spec in stages}
    if BRIEF in waiting:
        after = _after(BRIEF, waiting)
        waiting[BRIEF] |= waiting.keys() - after - {BRIEF}
    return waiting


def _after(name: str, waiting: Mapping[str, set[str]]) -> set[str]:
    """Return the stages that need a stage, directly or through others."""
    found: set[str] = set()
    while more := {n for n, needs in waiting.items() if n not in found and needs & (found | {name})}:
        found |= more
    return found


def weight(waiting: Mapping[str, set[str]]) -> dict[str, int]:
    """Return how many steps come after each stage: those with the most are begun first.

    Examples
    --------
    >>> weight({"forecast": set(), "goals": {"forecast"}, "kpi": set()})
    {'forecast': 1, 'goals': 0, 'kpi': 0}
    """
    made: dict[str, int] = {}

    def of(name: str) -> int:
        if name not in made:
            made[name] = max((1 + of(other) for other, needs in waiting.items() if name in needs), default=0)
        return made[name]

    return {name: of(name) for name in waiting}


def run(
    stages: Iterable[StageSpec], begin: Callable[[StageSpec], Future | None],
    finish: Callable[[StageSpec, Any], None], *, workers: int,
) -> None:  # fmt: skip
    """Carry out all stages, each once what it waits for has ended, whether well or not.

    Parameters
    ----------
    stages : iterable of StageSpec
        Any order.
    begin : callable
        Starts a stage and returns its future, or None where nothing is to be done.
    finish : callable
        Told of each future's result.
    workers : int
        How many run at once.
    """
    stages = list(stages)
    waiting, ahead = waits(stages), weight(waits(stages))
    left = {spec.name: spec for spec in sorted(stages, key=lambda spec: (-ahead[spec.name], spec.stem))}
    running: dict[Future, StageSpec] = {}
    ended: set[str] = set()
    while left or running:
        for spec in [spec for spec in left.values() if waiting[spec.name] <= ended]:
            if len(running) >= workers:
                break
            del left[spec.name]
            future = begin(spec)
            if future is None:
                ended.add(spec.name)
            else:
                running[future] = spec
        if running and (len(running) >= workers or not any(waiting[name] <= ended for name in left)):
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                spec = running.pop(future)
                finish(spec, future.result())
                ended.add(spec.name)
