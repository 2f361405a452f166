"""How often a level break is found where there is none, and how often where there is one.

``python -m bench.level_breaks``: steady series of many noise shapes and lengths, none used for tuning; jumps of several sizes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

OUT = Path(__file__).parent / "out" / "level_breaks.json"
SEED, SERIES = 4711, 2000
LENGTHS = (12, 16, 22, 26, 33, 40, 55, 90)
MOST = 0.05


def shapes(rng: np.random.Generator, n: int, length: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield steady series by kind: the level does not jump, however the months scatter, swing or grow."""
    z, t = rng.standard_normal((n, length)), np.arange(length)
    yield "log-normal, sd .15", np.exp(0.15 * z)
    yield "log-normal, sd .6", np.exp(0.6 * z)
    yield "heavy tails (Student, 3)", np.exp(0.2 * rng.standard_t(3, (n, length)))
    yield "exponential", rng.exponential(1.0, (n, length))
    deals = rng.poisson(4, (n, length, 1)) > np.arange(15)
    yield "four deals a month", (rng.lognormal(0, 1, (n, length, 15)) * deals).sum(axis=2)
    for phi in (0.3, 0.5):
        wander = z.copy()
        for place in range(1, length):
            wander[:, place] = phi * wander[:, place - 1] + np.sqrt(1 - phi**2) * z[:, place]
        yield f"persistent, {phi}", np.exp(0.25 * wander)
    swing = 0.4 * np.sin(2 * np.pi * (t + rng.integers(0, 12, (n, 1))) / 12)
    yield "season of 40 %", np.exp(0.2 * z + swing)
    yield (
        "one month of the year doubled",
        np.exp(0.2 * z) * np.where((t + rng.integers(0, 12, (n, 1))) % 12 == 0, 2.0, 1.0),
    )
    yield "growth of 40 % a year", np.exp(0.2 * z + np.log(1.4) / 12 * t)
    yield "decline of 30 % a year", np.exp(0.2 * z + np.log(0.7) / 12 * t)
    yield "noise that grows", np.exp(z * np.linspace(0.05, 0.5, length))
    yield "one huge month", np.exp(0.2 * z) * np.where(t == rng.integers(0, length, (n, 1)), 20.0, 1.0)
    gappy = np.exp(0.2 * z)
    gappy[rng.random((n, length)) < 0.15] = np.nan
    yield "gaps", gappy


def measured(series: int = SERIES, seed: int = SEED) -> list[dict]:
    """Return the share of false alarms by kind (its worst length; printed by length) and of jumps found."""
    from salesloop.metrics.series import breaks

    rng = np.random.default_rng(seed)
    found: dict[str, list[float]] = {}
    for length in LENGTHS:
        for kind, values in shapes(rng, series, length):
            found.setdefault(kind, []).append(float((breaks.mend(values)[1] >= 0).mean()))
    print(f"false alarms by months of history\n  {'':32}" + "".join(f"{length:>7}" for length in LENGTHS))
    for kind, shares in found.items():
        print(f"  {kind:32}" + "".join(f"{share:7.3f}" for share in shares))
    rows = [_row(f"false alarms: {kind}, worst length", max(shares), MOST) for kind, shares in found.items()]
    for factor, back in ((3.0, 7), (2.5, 12), (1.8, 12)):
        jumped = np.exp(0.2 * rng.standard_normal((series, 36))) * np.where(np.arange(36) < 36 - back, 1.0, factor)
        share = float((np.abs(breaks.mend(jumped)[1] - (36 - back)) <= 1).mean())
        print(f"  jump to {factor} times, {back} months ago, sd .2, 36 months: found within a month in {share:.3f}")
        if factor > 2:
            rows.append({"name": f"a jump to {factor} times, found", "value": share, "reach": 0.9, "ok": share >= 0.9})
    return rows


def _row(name: str, value: float, reach: float) -> dict:
    return {"name": name, "value": round(value, 4), "reach": reach, "ok": value <= reach}


def main() -> list[dict]:
    """Measure, print and write bench/out/level_breaks.json."""
    rows = measured()
    for row in rows:
        print(f"{row['name']:58} {row['value']:7.4f}  (reach {row['reach']:g}) {'ok' if row['ok'] else 'MISSED'}")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return rows


if __name__ == "__main__":
    main()
