"""How well effects of past changes are told: companies with a planted change of one team, half of them without effect.

Run as ``python -m bench.whatif [companies] [first seed]``. The change multiplies the odds of going on against being lost
by 1.45 (or by 1) for deals of one team from a day on; a decoy is logged for another team. Three changes of the whole company that
nobody made are looked for too. Prints coverage of the 95 % interval, false positives, power, and the smallest effect that
could be seen; writes ``bench/out/whatif.json``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from salesloop.book import Book
from salesloop.demo import Company, Planted
from salesloop.metrics.whatif import designs, past
from salesloop.metrics.whatif.joint import Trial

OUT = Path(__file__).parent / "out" / "whatif.json"
COMPANIES, FIRST_SEED, FACTOR = 200, 2000, 1.45
TEAMS = ("South", "North", "East 1")


def one(seed: int, factor: float) -> list[dict]:
    """Return the estimates of the change and of the decoy for one company, on the log scale."""
    team, other = TEAMS[seed % 3], TEAMS[(seed + 1) % 3]
    plan = (Planted("real", "real", "conversion", "team", team, "2025-02-01", None, factor),)
    company = Company(seed=seed, interventions=plan, feedback=False)
    book = Book.from_tables(company.tables(), period=str(company.today)[:7])
    told = past.history(book.deals(), book.table("stage_events"), book.table("stages"), as_of=book.as_of)
    trials = [Trial(name, "team", who, pd.Timestamp(start), pd.NaT)
              for name, who, start in (("real", team, "2025-02-01"), ("decoy", other, "2025-06-01"))]  # fmt: skip
    found = designs.few("win_chance", trials, told)
    true = {"real": np.log(factor), "decoy": 0.0}
    return [{"id": name, "factor": factor, "true": true[name], "low": effect.low, "high": effect.high, "p": effect.p_value,
             "estimate": effect.estimate, "minimum": effect.minimum_detectable} for name, effect in found.items()] + whole(told)  # fmt: skip


def whole(told: past.Past) -> list[dict]:
    """Return what company-wide changes that nobody made seem to have done, read as interrupted series."""
    plan = pd.DataFrame([{"id": lever, "lever": lever, "applies_to_kind": "company", "start": start}
                         for lever, start in (("cycle", "2024-11-01"), ("volume", "2025-02-01"), ("size", "2025-05-01"))])  # fmt: skip
    alone = [past.effects(plan.iloc[[i]], told).iloc[0] for i in range(len(plan))]
    return [{"id": "whole", "p": found["p_value"], "told": found["verdict"] == "compatible"} for found in alone]


def row(name: str, value: float, reach: str, ok: bool | None) -> dict:
    """Return one line of the table."""
    return {"name": name, "value": round(float(value), 3), "reach": reach, "ok": None if ok is None else bool(ok)}


def table(told: pd.DataFrame) -> list[dict]:
    """Return the measured figures with what they have to reach."""
    told, company = told[told["id"] != "whole"], told[told["id"] == "whole"]
    inside = ((told["low"] <= told["true"]) & (told["true"] <= told["high"])).mean()
    null, real = told[told["true"] == 0], told[told["true"] != 0]
    false = (null["p"] < 0.05).mean()
    return [
        row("true effect inside its 95 % interval", inside, "0.92-0.98", 0.92 <= inside <= 0.98),
        row("false positives", false, "<= 0.05", false <= 0.05),
        row("false positives, whole company", (company["p"] < 0.05).mean(), "<= 0.05", (company["p"] < 0.05).mean() <= 0.05),
        row("mean estimate where nothing was planted", null["estimate"].mean(), "0", None),
        row("mean estimate of the planted change (log)", real["estimate"].mean(), f"{np.log(FACTOR):.3f}", None),
        row("power for odds of 1.45", (real["p"] < 0.05).mean(), "printed", None),
        row("smallest visible effect (odds)", np.exp(told["minimum"].mean()), "printed", None),
    ]  # fmt: skip


def main(companies: int = COMPANIES, first: int = FIRST_SEED) -> list[dict]:
    """Run the benchmark, print its table and write it."""
    begun = time.process_time()
    found = [line for i in range(companies) for line in one(first + i, FACTOR if i % 2 else 1.0)]
    rows = [*table(pd.DataFrame(found)), row("companies", companies, "80", companies >= 80)]
    rows.append(row("CPU seconds", time.process_time() - begun, "", None))
    for line in rows:
        print(
            f"{line['name']:45s} {line['value']:>10} {line['reach']:>12} {'' if line['ok'] is None else 'ok' if line['ok'] else 'MISSED'}"
        )
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return rows


if __name__ == "__main__":
    main(*(int(value) for value in sys.argv[1:]))
