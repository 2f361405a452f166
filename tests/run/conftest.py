"""A unit with no data but its frozen folder, and tiny notebooks: enough to try a run on."""

import json
from pathlib import Path

import pytest

OPEN = "from salesloop import open_stage\nstage = open_stage({stage!r}, unit=unit, period=period, as_of=as_of)"
PARAMETERS = 'unit = "demo"\nperiod = "latest"\nas_of = None'


class Unit:
    """A project's root with one unit."""

    def __init__(self, root: Path, name: str = "acme", period: str = "2026-10"):
        self.root, self.name, self.period = root, name, period
        (root / "notebooks").mkdir(parents=True)
        self.write(f"params/{name}/unit.yml", f"unit: {name}\nlanguages: [en]\n")
        self.freeze(period)

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def freeze(self, period: str) -> None:
        meta = {"known_until": "2026-11-06", "cut_off": "2026-11-06", "state_known": "events", "tables": {}}
        self.write(f"data/{self.name}/snapshots/{period}/meta.json", json.dumps(meta))

    def notebook(self, stem: str, *sources: str, needs=(), parameters: str | None = PARAMETERS, tags=None, save=True):
        """Write a notebook whose cells are called a, b, c ... between the one that opens and the one that saves."""
        stage = stem.partition("_")[2]
        cells = [_cell("parameters", parameters, ["parameters"])] if parameters is not None else []
        cells.append(_cell("open", OPEN.format(stage=stage)))
        cells += [_cell("abcdefghijkl"[i], text, (tags or {}).get("abcdefghijkl"[i])) for i, text in enumerate(sources)]
        cells += [_cell("save", "stage.save()")] if save else []
        text = json.dumps({
            "cells": cells, "nbformat": 4, "nbformat_minor": 5,
            "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                         "salesloop": {"stage": stage, "needs": list(needs)}},
        })  # fmt: skip
        return self.write(f"notebooks/{stem}.ipynb", text)

    @property
    def folder(self) -> Path:
        return self.root / "reports" / self.name / self.period

    def value(self, stage: str, name: str = "n"):
        file = self.folder / "results" / f"{stage}.json"
        return json.loads(file.read_text())["values"][name]["value"]

    def run(self, **options):
        from salesloop.run import report

        self.told = []
        return report(self.name, self.period, **{"out": self.told.append, **options})

    def left_over(self) -> list[str]:
        """Return the names of what a run must not leave behind."""
        return [f.name for f in (self.root / "reports" / self.name).iterdir() if ".work-" in f.name or ".old" in f.name]


def _cell(ident: str, text: str, tags=None) -> dict:
    return {"cell_type": "code", "id": ident, "metadata": {"tags": tags} if tags else {}, "outputs": [],
            "execution_count": None, "source": text}  # fmt: skip


def value(number: object, name: str = "n") -> str:
    """Return a cell that keeps a value."""
    return f'stage.value({name!r}, {number}, uom="count")'


@pytest.fixture
def unit(tmp_path, monkeypatch) -> Unit:
    """A root with one unit; what the run reads from the environment points there."""
    monkeypatch.setenv("SALESLOOP_ROOT", str(tmp_path))
    return Unit(tmp_path)
