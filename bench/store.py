"""How fast a million deals land, land again and freeze: `python -m bench.store [deals]`."""

from __future__ import annotations

import datetime as dt
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

REACH = {"land_seconds": 30.0, "land_again_seconds": 30.0, "freeze_seconds": 20.0, "peak_gib": 2.0}
FIRST = np.datetime64("2022-01-01T02:00:00", "us")


def deals(n: int, seed: int = 1) -> pa.Table:
    """Return n opportunities over 58 months, a third open, a third won, a third lost, with all text columns filled."""
    rng = np.random.default_rng(seed)
    created = FIRST + (rng.integers(0, 1765 * 24 * 3600, n) * 1_000_000).astype("timedelta64[us]")
    closed = (created + (rng.integers(1, 120, n) * 86_400_000_000).astype("timedelta64[us]")).astype("datetime64[D]")
    status = np.array(["open", "won", "lost"])[rng.integers(0, 3, n)]
    status[closed > np.datetime64("2026-10-31")] = "open"
    open_ = status == "open"
    word = lambda name, k: pa.DictionaryArray.from_arrays(  # noqa: E731 - four columns of a kind
        pa.array(rng.integers(0, k, n), pa.int32()), pa.array([f"{name} {i}" for i in range(k)])
    ).cast(pa.string())
    return pa.table({
        "opportunity_id": pa.array(np.char.add("zcrm_36523970000", np.arange(n).astype(str))),
        "name": pa.array(np.char.add("Deal with customer ", np.arange(n).astype(str))),
        "account_id": word("account", 200_000), "account": word("Customer", 200_000), "owner_id": word("rep", 300),
        "owner": word("Rep", 300), "pipeline": word("Pipeline", 2), "status": pa.array(status),
        "stage": pa.array(np.where(open_, np.array(["Qualify", "Propose", "Negotiate"])[rng.integers(0, 3, n)], status)),
        "amount": pa.array(rng.integers(100, 9_000_000, n)).cast(pa.decimal128(21, 2)).cast(pa.decimal128(18, 2)),
        "closed_on": pa.array(closed, mask=open_), "expected_close": pa.array(closed), "created_at": pa.array(created),
        "modified_at": pa.array(np.minimum(closed.astype("datetime64[us]"), np.datetime64("2026-10-30", "us"))),
        "lead_source": word("Source", 8), "sales_channel": word("Channel", 4), "product": word("Product", 30),
        "loss_reason": word("Reason", 9), "region": word("Region", 5), "next_step": word("Call them again on day", 500),
        "source": pa.array(["file"] * n), "source_file": pa.array(["deals.csv"] * n),
        "source_row": pa.array(np.arange(1, n + 1)), "known_at": pa.nulls(n, pa.timestamp("us")),
        "extra": pa.array(['{"Tag": "x"}'] * n),
    })  # fmt: skip


def timed(work, *args, **named) -> tuple[float, float]:
    """Return the wall and the CPU seconds of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work(*args, **named)
    return time.perf_counter() - wall, time.process_time() - cpu


def main(n: int) -> None:
    """Measure and print; write bench/out/store.json."""
    from salesloop import store
    from salesloop.params import write_yaml
    from salesloop.sources.landing import REJECT_COLUMNS, FileReport, Landing

    table = deals(n)
    rejects = pa.table({name: pa.array([], pa.int64() if name == "row" else pa.string()) for name in REJECT_COLUMNS})
    told = {}
    with tempfile.TemporaryDirectory() as root:
        os.environ["SALESLOOP_ROOT"] = root
        write_yaml(Path(root) / "params" / "bench" / "unit.yml", {"currency": "CNY"})
        landing = Landing({"opportunities": table}, rejects, [FileReport("deals.csv", "opportunities", read=n, kept=n)])
        for name, day in (("land_seconds", dt.date(2026, 11, 9)), ("land_again_seconds", dt.date(2026, 11, 10))):
            told[name], told[name.replace("seconds", "cpu_seconds")] = timed(store.land, "bench", landing, as_of=day)
        told["freeze_seconds"], told["freeze_cpu_seconds"] = timed(store.freeze, "bench", "2026-10")
    told["peak_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rows = [{"name": f"store.{key}", "value": round(value, 2), "reach": REACH.get(key), "ok": value <= REACH.get(key, value)}
            for key, value in told.items()]  # fmt: skip
    for row in rows:
        reach = "" if row["reach"] is None else f"reach {row['reach']:.0f}"
        print(f"{row['name']:28} {row['value']:8.2f}  {reach} {'' if row['ok'] else 'MISSED'}")
    out = Path(__file__).parent / "out"
    out.mkdir(exist_ok=True)
    (out / "store.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
