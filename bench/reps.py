"""Does the fair view of reps do what it says? 40 demo companies: half with equal reps, half with unequal ones whose lead mix misleads.

Run as ``python -m bench.reps``; ``python -m bench.reps 10`` takes ten companies of each kind.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from salesloop.book import Book
from salesloop.demo import Company
from salesloop.metrics import kpi
from salesloop.metrics.pipeline.logistic import sigmoid

OUT = Path(__file__).parent / "out" / "reps.json"
SKILL, MIX = 0.3, 1.5
APART = 0.25
"""Two reps are truly different from here on: the difference of their true indexes."""
TABLES = ("opportunities", "reps", "memberships", "accounts")
LARGE: dict[str, Any] = {"scale": 500.0, "months": 36, "feedback": False}


@dataclasses.dataclass
class Seen:
    """One company as the stage sees it, beside its truth."""

    table: pd.DataFrame
    truth: pd.DataFrame


def book_of(company: Company) -> Book:
    """Return a company's book on its last day."""
    return Book.from_tables(company.tables(only=TABLES), period=str(company.today)[:7])


def seen(seed: int, *, skill: float, mix: float, slope: float) -> Seen:
    """Run the stage's view of reps on one company and put the true index beside it."""
    company = Company(seed=seed, skill_sd=skill, lead_mix=mix, feedback=False)
    book = book_of(company)
    deals, listed, members = book.deals(), book.table("reps"), book.table("memberships")
    start = kpi.people.started(listed, book.rep_names, deals, members)
    everyone = kpi.people.everyone(listed, book.rep_names, deals, members)
    table, fitted = kpi.fair.reps(deals, as_of=book.as_of, started=start, everyone=everyone)
    assert fitted is not None
    rows = kpi.fair.with_ramp(kpi.fair.decided(deals, as_of=book.as_of), start)
    people = company.world.people
    truth = pd.DataFrame({"rep": people.names, "effect": slope * people.skill, "whole": people.ceiling == 1.0})
    truth = truth.merge(_true_index(rows, fitted.expected, truth), on="rep")
    return Seen(table, truth)


def _true_index(rows: pd.DataFrame, expected: np.ndarray, truth: pd.DataFrame) -> pd.DataFrame:
    """Return what each rep truly wins of the deals at hand over what the company's average rep would."""
    logit = np.log(expected / (1 - expected))
    effect = rows["rep"].map(truth.set_index("rep")["effect"]).fillna(0.0).to_numpy()
    low, high = -3.0, 3.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if sigmoid(logit + effect - middle).sum() > expected.sum() else (low, middle)
    sums = pd.DataFrame({"rep": rows["rep"].to_numpy(), "own": sigmoid(logit + effect - middle), "base": expected})
    sums = sums.groupby("rep")[["own", "base"]].sum()
    return (sums["own"] / sums["base"]).rename("true_index").reset_index()


def slope_of(seeds: tuple[int, ...]) -> float:
    """Return by how much a unit of skill moves the log odds of winning: large companies against themselves with equal reps."""
    parts = []
    for seed in seeds:
        company = Company(seed=seed, skill_sd=SKILL, **LARGE)
        rates = []
        for one in (company, company.counterfactual(skill_sd=0.0)):
            deals = book_of(one).deals()
            done = deals[deals["status"].isin(["won", "lost"]) & deals["rep"].notna()]
            rates.append(done.assign(won=done["status"].eq("won")).groupby("rep")["won"].agg(["mean", "size"]))
        both = rates[0].join(rates[1].add_suffix("_0"))
        both = both[(both["size"] >= 200) & (both["size_0"] >= 200)]
        shift = np.log(both["mean"] / (1 - both["mean"])) - np.log(both["mean_0"] / (1 - both["mean_0"]))
        skill = pd.Series(company.world.people.skill, index=company.world.people.names).reindex(both.index)
        parts.append(pd.DataFrame({"skill": skill, "shift": shift, "n": both["size"]}))
    told = pd.concat(parts)
    return float((told["n"] * told["skill"] * told["shift"]).sum() / (told["n"] * told["skill"] ** 2).sum())


def pairs_right(views: list[Seen], column: str) -> tuple[float, int]:
    """Return the share of truly different pairs that a column puts in the right order, and how many there are."""
    right = n = 0
    for view in views:
        both = view.truth.merge(view.table, on="rep")
        both = both[(both["n"] >= kpi.fair.LEAST_DEALS) & both["whole"]]
        true, told = both["true_index"].to_numpy(), both[column].to_numpy()
        apart = np.triu(np.abs(true[:, None] - true[None, :]) >= APART, 1)
        same = (true[:, None] - true[None, :]) * (told[:, None] - told[None, :]) > 0
        right, n = right + int((apart & same).sum()), n + int(apart.sum())
    return right / max(n, 1), n


def covered(views: list[Seen]) -> tuple[float, int]:
    """Return the share of true indexes inside their interval, and how many."""
    both = pd.concat([view.truth.merge(view.table, on="rep") for view in views])
    both = both[(both["n"] >= kpi.fair.LEAST_DEALS) & both["whole"]]
    return float(both["true_index"].between(both["low"], both["high"]).mean()), len(both)


def singled_out(views: list[Seen]) -> int:
    """Return in how many companies a rep who is like all others is singled out."""
    return sum(bool(view.table.merge(view.truth, on="rep").query("distinct and whole").shape[0]) for view in views)


def main(n: int = 20) -> int:
    """Measure, print and write the figures; return 1 where a reach is missed."""
    began = time.perf_counter()
    slope = slope_of((901, 902))
    equal = [seen(3000 + i, skill=0.0, mix=MIX if i % 2 else 0.0, slope=slope) for i in range(n)]
    uneven = [seen(4000 + i, skill=SKILL, mix=MIX, slope=slope) for i in range(n)]
    alone = 1 - singled_out(equal) / n
    adjusted, n_pairs = pairs_right(uneven, "index")
    raw, _ = pairs_right(uneven, "raw")
    share, n_intervals = covered(uneven)
    found = [view.table.merge(view.truth, on="rep").query("distinct") for view in uneven]
    truly = pd.concat(found)
    wrong = int(((truly["index"] > 1) != (truly["true_index"] > 1)).sum())
    rows: list[dict[str, Any]] = [
        {"name": f"companies of equal reps with nobody singled out (n = {n})", "value": alone, "reach": ">= 0.95", "ok": alone >= 0.95},
        {"name": f"truly different pairs in the right order, adjusted (n = {n_pairs})", "value": adjusted, "reach": ">= 0.90",
         "ok": adjusted >= 0.90},
        {"name": "the same by raw win rate", "value": raw, "reach": "below the adjusted", "ok": raw < adjusted},
        {"name": f"true indexes inside their 95 % interval (n = {n_intervals})", "value": share, "reach": "0.90-0.98",
         "ok": 0.90 <= share <= 0.98},
        {"name": f"reps singled out on the wrong side (of {len(truly)})", "value": wrong, "reach": "0", "ok": wrong == 0},
        {"name": "log odds a unit of skill", "value": slope, "reach": "", "ok": True},
        {"name": "seconds", "value": time.perf_counter() - began, "reach": "", "ok": True},
    ]  # fmt: skip
    for row in rows:
        print(f"{'ok  ' if row['ok'] else 'MISS'} {row['name']:<75} {row['value']:>8.3f}  {row['reach']}")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(
        json.dumps([{**row, "value": float(row["value"]), "ok": bool(row["ok"])} for row in rows], indent=1) + "\n"
    )
    return int(not all(row["ok"] for row in rows))


if __name__ == "__main__":
    sys.exit(main(*(int(arg) for arg in sys.argv[1:2])))
