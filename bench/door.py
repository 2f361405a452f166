"""How long the door takes: a million opportunities as CSV, growth with size, and the public Zoho demo."""

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
import pyarrow as pa
from pyarrow import csv

SIZES = (250_000, 1_000_000)
REACH_SECONDS, REACH_CPU, REACH_GIB = 60.0, 40.0, 3.0
ZOHO = Path(__file__).resolve().parents[2] / "shared" / "data" / "crm_zoho_demo"
OUT = Path(__file__).parent / "out" / "door.json"


def make(file: Path, n: int) -> None:
    """Write opportunities as a Zoho export has them: ids, money with signs, times to the second, many texts."""
    rng = np.random.default_rng(7)
    at = rng.integers(1_600_000_000, 1_760_000_000, n)
    text = lambda numbers: np.char.add("", numbers.astype(str))  # noqa: E731
    created = np.char.replace(at.astype("datetime64[s]").astype(str), "T", " ")
    closing = (at + rng.integers(86_400, 90 * 86_400, n)).astype("datetime64[s]").astype("datetime64[D]").astype(str)
    stages = np.array(["Qualification", "Proposal/Price Quote", "Negotiation/Review", "Closed Won", "Closed Lost"])
    owner = rng.integers(0, 200, n)
    account = rng.integers(0, 60_000, n)
    cents = rng.integers(1_000, 99_999_999, n)
    amount = np.char.add(np.char.add(np.char.add("$", text(cents // 100)), "."), np.char.zfill(text(cents % 100), 2))
    csv.write_csv(pa.table({
        "Record Id": np.char.add("zcrm_36523970000", text(10_000_000 + np.arange(n))),
        "Deal Owner.id": np.char.add("zcrm_9", text(owner)), "Deal Owner": np.char.add("Rep ", text(owner)),
        "Amount": amount, "Deal Name": np.char.add("Deal ", text(np.arange(n))), "Closing Date": closing,
        "Account Name.id": np.char.add("zcrm_8", text(account)), "Account Name": np.char.add("Account ", text(account)),
        "Stage": stages[rng.integers(0, 5, n)], "Type": np.array(["New Business", "Existing Business"])[rng.integers(0, 2, n)],
        "Probability (%)": text(rng.integers(0, 101, n)), "Lead Source": np.char.add("Source ", text(rng.integers(0, 9, n))),
        "Description": np.char.add("Notes on the deal, number ", text(rng.integers(0, 10**6, n))),
        "Created Time": created, "Modified Time": created, "Currency": np.repeat("USD", n),
    }), file)  # fmt: skip


def once(path: str) -> dict:
    """Load a path in this process and return seconds, peak memory and rows."""
    from salesloop.params import UnitConfig
    from salesloop.sources import load

    start, used = time.perf_counter(), time.process_time()
    landing = load(path, UnitConfig(unit="bench"))
    seconds, cpu = time.perf_counter() - start, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return {"seconds": seconds, "cpu": cpu, "gib": peak, "rows": landing.tables["opportunities"].num_rows}


def _apart(path: Path, root: Path) -> dict:
    done = subprocess.run([sys.executable, "-m", "bench.door", str(path)], check=True, capture_output=True, text=True,
                          env={**os.environ, "SALESLOOP_ROOT": str(root)})  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def main() -> list[dict]:
    """Measure and print; each load in a fresh process."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        found = {}
        for n in SIZES:
            file = Path(folder) / f"Deals_{n}.csv"
            make(file, n)
            found[n] = _apart(file, Path(folder) / f"root{n}")
        large, small = found[SIZES[1]], found[SIZES[0]]
        growth = (large["cpu"] / small["cpu"]) / (SIZES[1] / SIZES[0])
        rows += [
            {"name": "1,000,000 opportunities as CSV: seconds", "value": large["seconds"], "reach": REACH_SECONDS},
            {"name": "1,000,000 opportunities as CSV: CPU seconds", "value": large["cpu"], "reach": REACH_CPU},
            {"name": "1,000,000 opportunities as CSV: peak GiB", "value": large["gib"], "reach": REACH_GIB},
            {"name": "CPU a row, 1,000,000 against 250,000", "value": growth, "reach": 1.3},
        ]
        if ZOHO.is_dir():
            rows.append(
                {
                    "name": "public Zoho demo, 18 files: seconds",
                    "value": _apart(ZOHO, Path(folder) / "z")["seconds"],
                    "reach": 8.0,
                }
            )
    for row in rows:
        row["ok"] = row["value"] <= row["reach"]
        print(f"{row['name']:45} {row['value']:8.2f}  (reach {row['reach']:g}) {'ok' if row['ok'] else 'MISSED'}")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return rows


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(once(sys.argv[1])))
    else:
        main()
