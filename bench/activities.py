"""How long stage 50 takes with 200,000 activities.

Run as ``python -m bench.activities``. Wall time of the notebook's cells on tables in memory, the drawing of its figures
included; the reading of a snapshot is not.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import salesloop
from salesloop import paths
from salesloop.book import Book
from salesloop.demo import Company
from salesloop.results import Stage

N, REACH = 200_000, 10.0
OUT = Path(__file__).parent / "out" / "activities.json"


def big_company() -> tuple[dict, str]:
    """Return the tables of a company with 200,000 activities, and its last month."""
    company = Company(seed=7, scale=420.0, reps=80, teams=12, feedback=False)
    tables = company.tables()
    while len(tables["activities"]) < N:
        tables = company.advance(months=3).tables()
    tables["activities"] = tables["activities"].tail(N).reset_index(drop=True)
    return tables, str(company.today)[:7]


def run(tables: dict, period: str, folder: Path) -> tuple[float, float]:
    """Run the notebook's cells once and return wall and CPU seconds."""
    cells = json.loads((paths.notebooks() / "50_execution.ipynb").read_text(encoding="utf-8"))["cells"]
    stage = Stage("execution", Book.from_tables(tables, period=period), folder)
    salesloop.open_stage = lambda *_, **__: stage
    names: dict = {}
    wall, cpu = time.perf_counter(), time.process_time()
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> int:
    """Measure, print and write the figures; return 1 where the reach is missed."""
    tables, period = big_company()
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = run(tables, period, Path(folder))
    n = len(tables["activities"])
    rows = [{"name": f"stage 50, {n:,} activities, wall seconds", "value": wall, "reach": "< 10", "ok": wall < REACH},
            {"name": "the same, CPU seconds", "value": cpu, "reach": "", "ok": True}]  # fmt: skip
    for row in rows:
        print(f"{'ok  ' if row['ok'] else 'MISS'} {row['name']:<50} {row['value']:>7.2f}  {row['reach']}")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return int(not rows[0]["ok"])


if __name__ == "__main__":
    sys.exit(main())
