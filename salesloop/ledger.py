"""The ledger: what each period promised and what came of it; append-only, one JSON object a line.

A promise is ``{id, kind, made_in, edition, due, scope, measure, value, low, high, confidence, uom, evidence}``, a
grade ``{id, graded_in, actual, outcome, error, n}``. The first published edition of a promise is the one that is
graded: a later run may add an edition, never improve an old one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

from salesloop import paths, whole
from salesloop.errors import DataError

KINDS = ("forecast", "target", "whatif", "action")
OUTCOMES = ("met", "missed", "inside", "outside", "not_due", "not_measurable")
PROMISE = ("id", "kind", "made_in", "edition", "due", "scope", "measure", "value", "low", "high", "confidence", "uom",
           "evidence")  # fmt: skip
GRADE = ("id", "graded_in", "actual", "outcome", "error", "n")


def read(unit: str, *, before: str | None = None) -> list[dict[str, Any]]:
    """Return the ledger's lines, those of runs before a period if one is given.

    Parameters
    ----------
    unit : str
        Whose ledger.
    before : str, optional
        A month: only promises made and grades given in earlier runs.

    Raises
    ------
    DataError
        A line in the middle of the file is no JSON object. A torn last line, as a crash leaves it, is passed over.
    """
    file = paths.ledger(unit)
    return [line for line in _lines(file) if before is None or _run(line) < before]


def _run(line: Mapping[str, Any]) -> str:
    return line.get("graded_in") or line["made_in"]


def _lines(file: Path) -> list[dict[str, Any]]:
    lines = []
    for number, line in enumerate(whole.lines(file), 1):
        try:
            lines.append(json.loads(line))
        except ValueError:
            raise DataError(
                f"{file.name} line {number}", found="no JSON object", allowed="lines as salesloop wrote them",
                next_step="restore the file from git",
            ) from None  # fmt: skip
    return lines


def promises(unit: str, *, before: str | None = None) -> pd.DataFrame:
    """Return the first edition of every promise, with the last grade it was given.

    Returns
    -------
    DataFrame
        The promise's fields; ``outcome`` and ``graded_in`` are None where it was not graded yet.
    """
    lines = read(unit, before=before)
    made = pd.DataFrame([line for line in lines if "kind" in line], columns=list(PROMISE))
    made = made.sort_values(["id", "edition"], kind="stable").drop_duplicates("id").sort_values("id")
    graded = pd.DataFrame([line for line in lines if "outcome" in line], columns=list(GRADE))
    last = graded.drop_duplicates("id", keep="last").set_index("id")
    made["outcome"], made["graded_in"] = made["id"].map(last["outcome"]), made["id"].map(last["graded_in"])
    for column in ("value", "low", "high", "confidence"):
        made[column] = pd.to_numeric(made[column])
    return made.reset_index(drop=True)


def grades(unit: str, *, before: str | None = None) -> pd.DataFrame:
    """Return every grade with the promise it belongs to, oldest first."""
    lines = read(unit, before=before)
    given = pd.DataFrame([line for line in lines if "outcome" in line], columns=list(GRADE))
    return given.merge(promises(unit, before=before).drop(columns=["outcome", "graded_in"]), on="id", how="left")


def append(unit: str, lines: Iterable[Mapping[str, Any]]) -> int:
    """Append promises and grades that are not there yet, in one write, and return how many were new.

    A promise that differs from its last edition becomes the next edition; the same promise again, or a second grade
    of the same run, adds nothing.
    """
    file = paths.ledger(unit)
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(str(file.with_name(".ledger.lock"))):
        new = _new_lines(_lines(file), lines)
        whole.append(file, (json.dumps(line, ensure_ascii=False, allow_nan=False) for line in new))
    return len(new)


def _new_lines(known: list[dict], lines: Iterable[Mapping[str, Any]]) -> list[dict]:
    last = {line["id"]: line for line in known if "kind" in line}
    graded = {(line["id"], line["graded_in"]) for line in known if "outcome" in line}
    new: list[dict] = []
    for line in lines:
        if "outcome" in line:
            if (line["id"], line["graded_in"]) not in graded:
                graded.add((line["id"], line["graded_in"]))
                new.append({key: line.get(key) for key in GRADE})
            continue
        old = last.get(line["id"])
        made = {key: line.get(key) for key in PROMISE} | {"edition": 1 if old is None else old["edition"] + 1}
        if old is None or any(old[key] != made[key] for key in PROMISE if key not in ("edition", "made_in")):
            last[line["id"]] = made
            new.append(made)
    return new
