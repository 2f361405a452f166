"""Run all cells of a notebook on a book in memory, in this process."""

import json

import salesloop
from salesloop.book import Book
from salesloop.results import Results, Stage
from tests.conftest import PROJECT


def run_cells(stem: str, book: Book, folder, monkeypatch) -> Results:
    """Return the results that a notebook such as ``20_forecast`` saves to a folder."""
    monkeypatch.setattr(salesloop, "open_stage", lambda name, **_: Stage(name, book, folder))
    names: dict = {}
    for cell in json.loads((PROJECT / "notebooks" / f"{stem}.ipynb").read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    return Results(folder, stem.partition("_")[2])
