"""One stage is one idempotent task: the hash of all that goes into it says whether it must run again."""

from __future__ import annotations

import hashlib
import json
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import salesloop
from salesloop import approvals, ledger, paths
from salesloop.errors import ChildDied
from salesloop.params import UnitConfig, load_period
from salesloop.run import files
from salesloop.run.child import BRIEF, Done, Task, run_stage
from salesloop.run.executor import TimedOut, fresh
from salesloop.run.graph import StageSpec, source
from salesloop.run.reason import why

ABSENT = "absent"
_SHOWN = ("cell_type", "id")


def attempt(task: Task, timeout: float) -> Done:
    """Run a stage in a fresh process; a process that dies or takes too long is a stage that failed."""
    try:
        return fresh(run_stage, task, timeout=timeout, out=task.work)
    except ChildDied as error:
        return Done(cell=error.thing, reason=error.found, died=True)
    except TimedOut as error:
        return Done(cell=error.thing, reason=error.found)
    except Exception as error:
        return Done(reason=why(error), died=True)


def short(*parts: Any) -> str:
    """Return one hash of anything that JSON can hold.

    Examples
    --------
    >>> short({"a": 1, "b": 2}) == short({"b": 2, "a": 1}), short("a", "b") == short("ab")
    (True, False)
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def inputs(
    config: UnitConfig, period: str, as_of: str | None, languages: Iterable[str], snapshot: Path
) -> dict[str, Any]:
    """Return what goes into every stage of a run, each part by its hash.

    Returns
    -------
    dict
        unit, period, as_of, languages; the frozen tables file by file; the parameters in force; the promises of
        earlier runs; the results of earlier reports; the code; the environment.
    """
    unit = config.unit
    tables = sorted(file for file in snapshot.iterdir() if file.is_file() and not file.name.startswith("."))
    return {
        "unit": unit, "period": period, "as_of": as_of, "languages": list(languages),
        "snapshot": files.hashes(snapshot, tables),
        "parameters": short(config.model_dump(mode="json"), load_period(unit, period).model_dump(mode="json"), _rules(unit)),
        "ledger": short(ledger.read(unit, before=period), approvals.read(unit, before=period)), "earlier": _earlier(unit, period, as_of),
        "code": code(), "environment": environment(),
    }  # fmt: skip


def _rules(unit: str) -> str:
    """Return the files that a unit may add, as they are written: hygiene rules, names of themes, words of feedback."""
    found = [paths.params(unit) / name for name in ("hygiene.yml", "themes.yml", "voice.yml")]
    return "\0".join(file.read_text(encoding="utf-8", errors="replace") if file.is_file() else "" for file in found)


def _earlier(unit: str, period: str, as_of: str | None) -> str:
    """Return a hash of the results that were published before: earlier months and check-ins may be looked back at."""
    folder = paths.reports(unit)
    months = [file for file in folder.glob("????-??/manifest.json") if file.parent.name < period]
    days = [file for file in folder.glob(f"{period}/checkins/*/manifest.json") if as_of and file.parent.name < as_of]
    return short({file.parent.name: results(read(file)) for file in sorted(months + days)})


def read(file: Path) -> dict[str, Any]:
    """Return a manifest; one that is absent or broken is empty."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("stages"), dict) else {}


def results(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the hash of each stage's results in a manifest."""
    return {name: results_of(stage["outputs"]) for name, stage in manifest.get("stages", {}).items()}


def results_of(outputs: Mapping[str, str]) -> str:
    """Return one hash of a stage's results, whatever its notebook and pages look like."""
    return short({name: found for name, found in outputs.items() if name.startswith("results/")})


@lru_cache(maxsize=1)
def code() -> str:
    """Return a hash of the package: its modules, catalogues and templates, but not what stands before the freeze."""
    folder = Path(salesloop.__file__).parent
    kinds, before = {".py", ".yml", ".yaml", ".j2", ".css"}, {folder / name for name in ("sources", "store", "demo")}
    found = [
        file for file in sorted(folder.rglob("*"))
        if file.suffix in kinds and file.is_file() and before.isdisjoint(file.parents)
    ]  # fmt: skip
    return short(files.hashes(folder, found))


@lru_cache(maxsize=1)
def environment() -> dict[str, str]:
    """Return the Python version, and hashes of the lock and of what is installed."""
    lock = Path(salesloop.__file__).parent.parent / "requirements.lock"
    places = {sysconfig.get_path(kind) for kind in ("purelib", "platlib")}
    installed = sorted({file.name for place in places for file in Path(place).glob("*.dist-info")})
    return {
        "python": ".".join(map(str, sys.version_info[:3])), "lock": files.digest(lock) if lock.is_file() else ABSENT,
        "installed": short(installed),
    }  # fmt: skip


def notebook(spec: StageSpec) -> str:
    """Return a hash of what a notebook says: its cells and needs, whatever it was last run with."""
    cells = [
        {**{name: cell.get(name) for name in _SHOWN}, "source": source(cell), "tags": cell.get("metadata", {}).get("tags")}
        for cell in spec.cells
    ]  # fmt: skip
    return short(spec.name, spec.stem, list(spec.needs), cells)


def key(spec: StageSpec, base: str, upstream: Mapping[str, str], gaps: Iterable[Mapping[str, str]] = ()) -> str:
    """Return the hash of all that goes into a stage.

    Parameters
    ----------
    spec : StageSpec
        The stage.
    base : str
        The hash of `inputs`.
    upstream : mapping of str to str
        The hash of each awaited stage's results; "absent" where it failed.
    gaps : iterable of mapping
        For the brief, which shows them: the stages that failed.
    """
    shown = list(gaps) if spec.name == BRIEF else []
    return short(base, notebook(spec), dict(upstream), shown)
