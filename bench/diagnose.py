"""How well bottlenecks are found: companies with a planted slowdown, companies with none, other seeds.

Run as ``python -m bench.diagnose [companies] [first seed]``; half of the companies have a bottleneck. Prints the table
and writes ``bench/out/diagnose.json``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from salesloop import periods
from salesloop.book import Book
from salesloop.demo import Bottleneck, Company
from salesloop.metrics import bottlenecks
from salesloop.metrics.bottlenecks import find, stays

OUT = Path(__file__).parent / "out" / "diagnose.json"
COMPANIES, FIRST_SEED, MONTHS = 40, 500, 36
STAGES, LEVELS = ("Needs Analysis", "Solution", "Proposal", "Negotiation"), ("Mid-market", "SMB")
SPEED, SINCE = 0.35, 9
FUTURES, LOOKS, LABELS = 200, 12, 8


def planted(seed: int, flawed: bool) -> tuple[Company, Bottleneck | None]:
    """Return a company and what slows it down since nine months, if anything."""
    rng = np.random.default_rng(seed)
    last = pd.Period("2023-11", "M") + MONTHS - 1
    slow = Bottleneck(str(rng.choice(STAGES)), "segment", str(rng.choice(LEVELS)), str(last - SINCE + 1), speed=SPEED)
    return Company(seed=seed, months=MONTHS, bottlenecks=(slow,) if flawed else ()), slow if flawed else None


def book_of(company: Company, back: int = 0) -> Book:
    """Return a company's book as it stood some months before the end."""
    month = pd.Period(company.today, "M") - back
    return Book.from_tables(company.tables(periods.end(month)), period=month)


def asked(book: Book) -> tuple[pd.DataFrame, list[str]]:
    """Return the deals and the kinds to search, as the notebook does."""
    deals = bottlenecks.with_bands(book.deals())
    return deals, bottlenecks.split_by(deals, book.segments)


def diagnosed(book: Book) -> bottlenecks.Diagnosis:
    """Return the whole diagnosis of a book, money included."""
    deals, names = asked(book)
    events, order = book.table("stage_events"), book.table("stages")
    return bottlenecks.diagnose(deals, events, order, as_of=book.as_of, names=names, country=book.config.country)


def is_planted(row, slow: Bottleneck) -> bool:
    """Return whether a row is the cell that was planted."""
    return (row["stage"], row["segment_kind"], row["segment"], row["nature"]) == (
        slow.stage,
        slow.kind,
        slow.value,
        "change",
    )


def flawed(seed: int) -> dict:
    """Measure one company with a bottleneck, nine and six months after it began."""
    company, slow = planted(seed, True)
    assert slow is not None
    told, early = diagnosed(book_of(company)), diagnosed(book_of(company, SINCE - 6))
    changes = told.flagged[told.flagged["nature"] == "change"]
    made = {"seed": seed, "nine": _first(told, slow), "six": _first(early, slow), "months_off": np.nan, "inside": np.nan, "error": np.nan,
            "further": int(sum(not is_planted(row, slow) for _, row in changes.iterrows()))}  # fmt: skip
    mine = [row for _, row in told.table.iterrows() if is_planted(row, slow)]
    if mine and pd.notna(mine[0]["money"]):
        row = mine[0]
        truth = true_money(company)
        made |= {"months_off": abs((pd.Period(row["since"], "M") - pd.Period(slow.start, "M")).n), "true": truth, "money": row["money"],
                 "inside": row["money_low"] <= truth <= row["money_high"], "error": abs(row["money"] / truth - 1)}  # fmt: skip
    return made


def _first(told: bottlenecks.Diagnosis, slow: Bottleneck) -> bool:
    return len(told.flagged) > 0 and is_planted(told.flagged.iloc[0], slow)


def true_money(company: Company) -> float:
    """Return what the next three months truly lose to the bottleneck."""
    with_it = company.futures(company.today, 3, FUTURES).sum(axis=1)
    return float((company.futures(company.today, 3, FUTURES, bottlenecks=()).sum(axis=1) - with_it).mean())


def lasting_of_labels(book: Book, seed: int) -> bool:
    """Return whether a label drawn for deals or customers at random is called worse than its stage all along."""
    rng = np.random.default_rng(seed)
    deals, names = asked(book)
    customer = pd.factorize(deals["account_id"])[0]
    labels = [f"label {i}" for i in range(LABELS)]
    for i, name in enumerate(labels):
        drawn = rng.choice(list("abcd"), len(deals) + 1)
        deals[name] = drawn[customer] if i % 2 else drawn[:-1]
    made = stays.stays(deals, book.table("stage_events"), as_of=book.as_of, stages=book.table("stages"))
    cells = find.find(deals, made, names=[*names, *labels]).cells
    told = cells["segment_kind"].isin(labels) & (cells["nature"] == "lasting")
    return bool((told & (cells[["q_value", "own_q"]].max(axis=1) <= 0.05)).any())


def silent(seed: int, looks: int = LOOKS) -> dict:
    """Measure one company without a bottleneck: a change found at the last look, and at any of twelve monthly looks."""
    company, _ = planted(seed, False)
    found = []
    now = book_of(company)
    lasting = int((diagnosed(now).flagged["nature"] == "lasting").sum())
    for back in range(looks):
        book = book_of(company, back)
        deals, names = asked(book)
        made = stays.stays(deals, book.table("stage_events"), as_of=book.as_of, stages=book.table("stages"))
        changed = len(find.find(deals, made, names=names).causes) > 0
        if changed:
            flagged = diagnosed(book).flagged
            changed = bool((flagged["nature"] == "change").any())
        found.append(changed)
    return {
        "seed": seed,
        "now": found[0],
        "ever": any(found),
        "lasting": lasting,
        "labels": lasting_of_labels(now, seed),
    }


def row(name: str, value: float, reach: str, ok: bool) -> dict:
    """Return one line of the benchmark's table."""
    return {"name": name, "value": round(float(value), 3), "reach": reach, "ok": bool(ok)}


def table(bad: pd.DataFrame, good: pd.DataFrame) -> list[dict]:
    """Return the measured figures with what they have to reach."""
    off, inside, error = bad["months_off"].dropna(), bad["inside"].dropna().astype(float), bad["error"].dropna()
    return [
        row("first and flagged nine months after", bad["nine"].mean(), ">= 0.95", bad["nine"].mean() >= 0.95),
        row("first and flagged six months after", bad["six"].mean(), ">= 0.85", bad["six"].mean() >= 0.85),
        row("month of change within one", (off <= 1).mean(), ">= 0.95", (off <= 1).mean() >= 0.95),
        row("further false changes a company", bad["further"].mean(), "<= 0.1", bad["further"].mean() <= 0.1),
        row("silent companies with an alarm, one look", good["now"].mean(), "<= 0.05", good["now"].mean() <= 0.05),
        row("silent companies with an alarm, 12 looks", good["ever"].mean(), "<= 0.10", good["ever"].mean() <= 0.10),
        row("silent companies with a lasting difference told", (good["lasting"] > 0).mean(), "<= 0.10", (good["lasting"] > 0).mean() <= 0.10),
        row("random labels called worse all along", good["labels"].mean(), "<= 0.05", good["labels"].mean() <= 0.05),
        row("true money inside its 90 % interval", inside.mean(), "0.85-0.95", 0.85 <= inside.mean() <= 0.95),
        row("median error of the money", error.median(), "<= 0.20", error.median() <= 0.20),
    ]  # fmt: skip


def main(companies: int = COMPANIES, first: int = FIRST_SEED) -> list[dict]:
    """Run the benchmark, print its table and write it."""
    begun, half = time.monotonic(), companies // 2
    bad = pd.DataFrame([flawed(first + i) for i in range(half)])
    good = pd.DataFrame([silent(first + half + i) for i in range(half)])
    rows = [*table(bad, good), row("companies", companies, "40", companies >= 40)]
    rows.append(row("seconds", time.monotonic() - begun, "", True))
    for line in rows:
        print(f"{line['name']:50s} {line['value']:>10} {line['reach']:>12} {'ok' if line['ok'] else 'MISSED'}")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return rows


if __name__ == "__main__":
    main(*(int(value) for value in sys.argv[1:]))
