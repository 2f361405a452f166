"""How long all of stage 30 takes on a million stage events: 200,000 deals, 8 segment kinds.

Run as ``python -m bench.events [deals]``. Runs the notebook's cells on a made-up book at a quarter, half and whole of
the size, prints time and peak memory, and writes ``bench/out/events.json``.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parent.parent
OUT = Path(__file__).parent / "out" / "events.json"
DEALS, MONTHS, SEED = 200_000, 48, 3
STAGES = np.array(["Qualification", "Needs Analysis", "Solution", "Proposal", "Negotiation", "Contract", "Closed Won", "Closed Lost"], dtype=object)  # fmt: skip
LEVELS = {
    "segment": 4,
    "product": 6,
    "lead_source": 8,
    "sales_channel": 4,
    "type": 3,
    "region": 5,
    "industry": 10,
    "size_band": 4,
}


def made(n: int, seed: int = SEED) -> dict[str, pd.DataFrame]:
    """Return deals and about five stage events a deal."""
    rng = np.random.default_rng(seed)
    origin, days = np.datetime64("2022-11-01"), 1461
    created = np.sort(rng.integers(0, days, n))
    state, at, lost = np.zeros(n, int), created.astype(float), np.zeros(n, bool)
    moves = [(np.arange(n), created.astype(float), np.full(n, -1), np.zeros(n, int))]
    live = np.arange(n)
    for stage in range(6):
        at[live] += rng.exponential(14.0, len(live))
        live = live[at[live] < days]
        gone = rng.random(len(live)) < (0.11 if stage < 5 else 0.12)
        to = np.where(gone, 7, stage + 1)
        moves.append((live, at[live].copy(), np.full(len(live), stage), to))
        state[live], lost[live] = to, gone
        live = live[~gone]
    row, when, before, after = (np.concatenate(part) for part in zip(*moves, strict=True))
    status = np.select([state == 6, lost], ["won", "lost"], "open").astype(object)
    ids = np.char.add("d", np.char.zfill(np.arange(n).astype(str), 7)).astype(object)
    stamp = origin.astype("datetime64[s]")
    closed = (stamp + (at * 86400).astype("timedelta64[s]")).astype("datetime64[D]")
    deals = pd.DataFrame({
        "opportunity_id": ids, "status": status, "stage": STAGES[state], "created_at": stamp + created.astype("timedelta64[D]"),
        "closed_on": np.where(status == "open", np.datetime64("NaT"), closed), "amount": rng.lognormal(11, 1, n).round(2),
        "owner_id": np.char.add("r", (rng.integers(0, 400, n)).astype(str)).astype(object), "pipeline": "Standard",
        "account_id": np.char.add("a", (rng.integers(0, n // 3, n)).astype(str)).astype(object),
        "expected_close": stamp + ((created + 90).astype("timedelta64[D]")),
    })  # fmt: skip
    accounts = pd.DataFrame({"account_id": [f"a{i}" for i in range(n // 3)]})
    for name, levels in LEVELS.items():
        size = n // 3 if name in ("industry", "size_band") else n
        names = np.array(["new", "expansion", "renewal"] if name == "type" else [f"{name} {i}" for i in range(levels)], dtype=object)  # fmt: skip
        (accounts if size < n else deals)[name] = names[rng.integers(0, levels, size)]
    events = pd.DataFrame({
        "event_id": np.arange(len(row)).astype(str), "opportunity_id": ids[row], "at": stamp + (when * 86400).astype("timedelta64[s]"),
        "from_stage": np.where(before < 0, None, STAGES[np.maximum(before, 0)]), "to_stage": STAGES[after],
        "amount": np.nan, "expected_close": stamp + (created[row] + 90 + 20 * (after % 3)).astype("timedelta64[D]"),
    })  # fmt: skip
    stages = pd.DataFrame(
        {"pipeline": "Standard", "stage": STAGES, "order": range(1, 9), "kind": ["open"] * 6 + ["won", "lost"]}
    )
    return {"opportunities": deals, "stage_events": events, "stages": stages, "accounts": accounts}


def run(n: int) -> dict[str, float]:
    """Run all of the stage on `n` deals in this process; return seconds, events and peak memory in GiB."""
    import salesloop
    from salesloop.book import Book
    from salesloop.results import Stage

    book = Book.from_tables(made(n), period="2026-10")
    cells = json.loads((ROOT / "notebooks" / "30_bottlenecks.ipynb").read_text(encoding="utf-8"))["cells"]
    with tempfile.TemporaryDirectory() as folder:
        salesloop.open_stage = lambda name, **_: Stage(name, book, Path(folder))
        names: dict = {}
        begun, used = time.monotonic(), time.process_time()
        for cell in cells:
            if cell["cell_type"] == "code":
                start = time.process_time()
                exec("".join(cell["source"]), names)
                if os.environ.get("EVENTS_CELLS"):
                    print(f"  {cell['id']:16s} {time.process_time() - start:6.1f}", file=sys.stderr)
        seconds, cpu = time.monotonic() - begun, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return {"seconds": seconds, "cpu": cpu, "events": len(book.table("stage_events", ["event_id"])), "gib": peak}


def apart(n: int) -> dict[str, float]:
    """Run one size in a process of its own, so that its peak memory is its own."""
    found = subprocess.run(
        [sys.executable, "-m", "bench.events", "--one", str(n)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(found.stdout.strip().splitlines()[-1])


def main(deals: int = DEALS) -> list[dict]:
    """Run three sizes, print the table and write it."""
    sizes = [deals // 4, deals // 2, deals]
    told = [apart(n) for n in sizes]
    whole, growth = told[-1], told[-1]["cpu"] / max(told[-2]["cpu"], 1e-9)
    early = told[-2]["cpu"] / max(told[-3]["cpu"], 1e-9)
    rows = [
        {"name": "stage events", "value": whole["events"], "reach": ">= 1000000", "ok": whole["events"] >= 1_000_000},
        {"name": "seconds", "value": round(whole["seconds"], 1), "reach": "< 60", "ok": whole["seconds"] < 60},
        {"name": "CPU seconds", "value": round(whole["cpu"], 1), "reach": "", "ok": True},
        {"name": "peak GiB", "value": round(whole["gib"], 2), "reach": "< 4", "ok": whole["gib"] < 4},
        {"name": "CPU, whole against half", "value": round(growth, 2), "reach": "<= 2.3", "ok": growth <= 2.3},
        {"name": "CPU, half against quarter", "value": round(early, 2), "reach": "<= 2.3", "ok": early <= 2.3},
        *[{"name": f"{what}, {n} deals", "value": round(t[key], 1), "reach": "", "ok": True}
          for n, t in zip(sizes, told, strict=True) for what, key in (("events", "events"), ("CPU seconds", "cpu"), ("GiB", "gib"))],
    ]  # fmt: skip
    for line in rows:
        print(f"{line['name']:28s} {line['value']:>12} {line['reach']:>12} {'ok' if line['ok'] else 'MISSED'}")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return rows


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(run(int(sys.argv[2]))))
    else:
        main(*(int(value) for value in sys.argv[1:]))
