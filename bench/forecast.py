"""How well and how cheaply monthly series are forecast, beside the methods that people would else use.

``python -m bench.forecast --data FOLDER`` reads a folder with ``m3_long.csv.gz`` (series, split, t, value) and
``m3_meta.csv``; ``--data FILE.csv --holdout H`` any table of ``unique_id, period, value``. Peers run in
``.cache/bench-forecast`` (made when missing), the slow ones over a sample of the series; ``--peers none`` leaves them out.

Settings are chosen on ``--selection``: the same series without their hold-outs, whose last known observations are forecast
instead. The hold-outs themselves are for the report alone.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from bench.forecast_scores import Panel, Told, covered, mase, msis, owa, smape

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "bench" / "out" / "forecast.json"
ENVIRONMENT = ROOT / ".cache" / "bench-forecast"
QUICK, SLOW = ("SeasonalNaive", "Theta"), ("AutoETS", "AutoCES")
CUT, PANELS, PANEL_SIZE = 36, 20, 30


def read(path: Path, holdout: int, period: int) -> list[Panel]:
    """Return the panels of a folder or a file."""
    if path.is_dir():
        long, meta = pd.read_csv(path / "m3_long.csv.gz"), pd.read_csv(path / "m3_meta.csv")
        kinds = (("MONTHLY", "monthly", 12), ("QUARTERLY", "quarterly", 4))
        return [
            _padded(long[long["series"].isin(meta.loc[meta["period"] == kind, "series"])], name, m)
            for kind, name, m in kinds
        ]
    table = pd.read_csv(path).sort_values(["unique_id", "period"], kind="stable")
    table["back"] = table.groupby("unique_id").cumcount(ascending=False)
    n = table.groupby("unique_id")["value"].transform("size")
    table = table[n > holdout + 2].assign(split=lambda t: np.where(t["back"] < holdout, "test", "train"))
    return [_padded(table.rename(columns={"unique_id": "series"}), "given", period)]


def _padded(long: pd.DataFrame, name: str, period: int) -> Panel:
    train = long[long["split"] == "train"].groupby("series")["value"].apply(np.array)
    test = long[long["split"] == "test"].groupby("series")["value"].apply(np.array).reindex(train.index)
    values = np.full((len(train), max(map(len, train))), np.nan)
    for row, known in zip(values, train, strict=True):
        row[len(row) - len(known) :] = known
    return Panel(name, values, np.stack(test.to_list()).astype(float), period, [str(i) for i in train.index])


def ours(panel: Panel) -> Told:
    """Forecast with the package, intervals included."""
    from salesloop.metrics import series

    count, n = panel.values.shape
    months = pd.period_range(end="2026-10", periods=n, freq="M")
    row, column = np.nonzero(np.isfinite(panel.values))
    names = np.array([f"{i:06d}" for i in range(count)], dtype=object)
    table = pd.DataFrame({"unique_id": names[row], "period": months[column], "value": panel.values[row, column]})
    horizon, used = panel.actual.shape[1], time.process_time()
    made = series.forecast(table, horizon=horizon, as_of=dt.date(2026, 10, 31), period=panel.period).table
    used = (time.process_time() - used) / count
    part = {name: made[name].to_numpy().reshape(count, horizon) for name in ("mean", "p10", "p90", "p2_5", "p97_5")}
    return Told(part["mean"], used, {80: (part["p10"], part["p90"]), 95: (part["p2_5"], part["p97_5"])})


def average(panel: Panel) -> Told:
    """Forecast with the pool's average alone."""
    from salesloop.metrics import series

    used = time.process_time()
    made = series.entrants(panel.values, panel.actual.shape[1], period=panel.period)["average"]
    return Told(made, (time.process_time() - used) / len(panel.ids))


def environment() -> Path:
    """Return the Python of the peers' environment, made by uv where it is on the path, else by venv and pip."""
    python = ENVIRONMENT / "bin" / "python"
    if python.exists() and subprocess.run([python, "-c", "import statsforecast"], capture_output=True).returncode == 0:
        return python
    print("installing the peers into .cache/bench-forecast ...", flush=True)
    wanted, uv = ["statsforecast", "pandas<3"], shutil.which("uv")
    if uv:
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(ENVIRONMENT)], check=True)
        subprocess.run([uv, "pip", "install", "-q", "--python", str(python), *wanted], check=True)
    else:
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *wanted], check=True)
    return python


def peer(panel: Panel, model: str, python: Path) -> Told:
    """Forecast with one of the peers, in its own process."""
    horizon, count = panel.actual.shape[1], len(panel.ids)
    row, column = np.nonzero(np.isfinite(panel.values))
    names = np.array([f"{i:06d}" for i in range(count)])
    table = pd.DataFrame({"unique_id": names[row], "ds": column, "y": panel.values[row, column]})
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.csv", Path(folder) / "out.csv"
        table.to_csv(source, index=False)
        alone = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        script = str(Path(__file__).with_name("forecast_peers.py"))
        call = [str(python), script, str(source), str(target), str(horizon), str(panel.period), model]
        done = subprocess.run(call, check=True, capture_output=True, text=True, env={**os.environ, **alone})
        made = pd.read_csv(target, dtype={"unique_id": str}).sort_values(["unique_id", "ds"])
    part = {c: made[c].to_numpy().reshape(count, horizon) for c in ("mean", "lo_80", "hi_80", "lo_95", "hi_95")}
    bounds = {level: (part[f"lo_{level}"], part[f"hi_{level}"]) for level in (80, 95)}
    return Told(part["mean"], float(done.stdout.split()[-1]) / count, bounds)


def published(path: Path, panel: Panel, method: str = "THETA") -> np.ndarray | None:
    """Return a method's published forecasts where the folder holds them."""
    file = path / "published_forecasts.csv.gz"
    if not file.exists():
        return None
    made = pd.read_csv(file)
    made = made[(made["method"] == method) & made["series"].isin(panel.ids)]
    return made.pivot(index="series", columns="h", values="forecast").reindex(panel.ids).to_numpy()


def _line(name: str, told: Told, panel: Panel) -> None:
    text = f"  {name:16} {len(panel.ids):5d} {smape(told.mean, panel.actual):7.2f} {mase(told.mean, panel):6.3f} {owa(told.mean, panel):6.3f}"
    if told.bounds:
        text += f" {msis(told, panel):7.2f} {covered(told, panel, 95):6.3f} {covered(told, panel, 80):6.3f}"
    else:
        text += f" {'-':>7} {'-':>6} {'-':>6}"
    print(text + (f" {1000 * told.cpu:8.2f}" if np.isfinite(told.cpu) else f" {'-':>8}"), flush=True)


def measured(panel: Panel, python: Path | None, sample: int, path: Path) -> dict[str, tuple[Told, np.ndarray]]:
    """Print a panel's table and return each method's forecasts with the rows of the series it forecast."""
    print(f"\n{panel.name}: {len(panel.ids)} series, {panel.actual.shape[1]} ahead; CPU in ms a series")
    print(
        f"  {'method':16} {'n':>5} {'sMAPE':>7} {'MASE':>6} {'OWA':>6} {'MSIS':>7} {'in 95':>6} {'in 80':>6} {'CPU':>8}"
    )
    whole = np.arange(len(panel.ids))
    found = {"ours": (ours(panel), whole), "average": (average(panel), whole)}
    told = published(path, panel) if panel.name in ("monthly", "quarterly") and path.is_dir() else None
    if told is not None:
        found["Theta, published"] = (Told(told, float("nan")), whole)
    for name, (made, _) in found.items():
        _line(name, made, panel)
    if python is None:
        return found
    few = np.sort(np.random.default_rng(1).permutation(len(whole))[:sample])
    for model in (*QUICK, *SLOW):
        rows = few if model in SLOW else whole
        found[model] = (peer(panel.take(rows), model, python), rows)
        _line(model, found[model][0], panel.take(rows))
        if model in SLOW and len(rows) < len(whole):
            _line("ours, the same", found["ours"][0].take(rows), panel.take(rows))
    return found


def judged(panel: Panel, found: dict, reach: float | None) -> list[dict]:
    """Return a panel's rows: accuracy, coverage and the interval score against every peer."""
    mine, name = found["ours"][0], panel.name
    rows = [_row(f"{name}: OWA", owa(mine.mean, panel), reach)] if reach else []
    rows += [_inside(f"{name}: 95 % interval covers", covered(mine, panel, 95), 0.93, 0.97)]
    rows += [_inside(f"{name}: 80 % interval covers", covered(mine, panel, 80), 0.77, 0.83)]
    for peer_name in (*QUICK, *SLOW):
        if peer_name in found:
            told, chosen = found[peer_name]
            part = panel.take(chosen)
            rows.append(_row(f"{name}: MSIS against {peer_name}'s", msis(mine.take(chosen), part), msis(told, part)))
    if name == "quarterly":
        for theta in ("Theta", "Theta, published"):
            if theta in found:
                rows.append(
                    _row(f"{name}: OWA against {theta}'s", owa(mine.mean, panel), owa(found[theta][0].mean, panel))
                )
    if name == "monthly":
        rows.append(_row(f"{name}: the average alone, OWA", owa(found["average"][0].mean, panel), 0.82))
        if "AutoETS" in found:
            ets = found["AutoETS"][0].cpu
            rows.append(_row(f"{name}: CPU as a share of AutoETS's", mine.cpu / ets, 0.25))
            rows.append(
                _row(f"{name}: the average alone, CPU as a share of AutoETS's", found["average"][0].cpu / ets, 0.05)
            )
    return rows


def _row(name: str, value: float, reach: float) -> dict:
    return {"name": name, "value": round(value, 4), "reach": round(reach, 4), "ok": bool(value <= reach)}


def _inside(name: str, value: float, low: float, high: float) -> dict:
    return {"name": name, "value": round(value, 4), "reach": [low, high], "ok": bool(low <= value <= high)}


def small_panels(panel: Panel, count: int = PANELS, size: int = PANEL_SIZE) -> list[dict]:
    """Forecast random panels of a few series each, as a sales team has them, and return their rows."""
    rng, scores, plain, inside = np.random.default_rng(30), [], [], []
    for _ in range(count):
        part = panel.take(np.sort(rng.permutation(len(panel.ids))[:size]))
        told = ours(part)
        scores.append(owa(told.mean, part))
        plain.append(owa(average(part).mean, part))
        inside.append([covered(told, part, 95), covered(told, part, 80)])
    name, cover = f"{count} panels of {size}, {panel.name}", np.mean(inside, axis=0)
    print(f"\n{name}: mean OWA {np.mean(scores):.4f} (sd {np.std(scores):.3f}); the average alone {np.mean(plain):.4f}")
    return [_row(f"{name}: mean OWA", float(np.mean(scores)), 0.81),
            _inside(f"{name}: 95 % interval covers", float(cover[0]), 0.93, 0.97),
            _inside(f"{name}: 80 % interval covers", float(cover[1]), 0.77, 0.83)]  # fmt: skip


def main(arguments: list[str] | None = None) -> list[dict]:
    """Measure and print; write bench/out/forecast.json, of a plain CSV bench/out/forecast_<name>.json."""
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "ts_m3_odd")
    told.add_argument("--holdout", type=int, default=12, help="observations kept back of each series of a plain CSV")
    told.add_argument("--period", type=int, default=12, help="observations a year of a plain CSV")
    told.add_argument("--peers", choices=("all", "none"), default="all")
    told.add_argument("--sample", type=int, default=120, help="series that the slow peers forecast; 0 for all")
    told.add_argument(
        "--selection", action="store_true", help="forecast a horizon earlier: what settings are chosen on"
    )
    asked = told.parse_args(arguments)
    python = environment() if asked.peers == "all" else None
    panels, rows = read(asked.data, asked.holdout, asked.period), []
    panels = [panel.earlier() for panel in panels] if asked.selection else panels
    first = panels[0]
    panels.insert(1, first.cut(CUT, f"{first.name}, last {CUT}"))
    reaches = {"monthly": 0.80, f"monthly, last {CUT}": 0.77}
    for panel in panels:
        source = Path(os.devnull) if asked.selection else asked.data
        found = measured(panel, python, asked.sample or len(panel.ids), source)
        rows += judged(panel, found, reaches.get(panel.name))
    if len(first.ids) >= 2 * PANEL_SIZE:
        rows += small_panels(panels[1])
    print()
    for row in rows:
        reach = "-".join(f"{x:g}" for x in row["reach"]) if isinstance(row["reach"], list) else f"{row['reach']:g}"
        print(f"{row['name']:62} {row['value']:8.4f}  (reach {reach}) {'ok' if row['ok'] else 'MISSED'}")
    OUT.parent.mkdir(exist_ok=True)
    if asked.selection:
        return rows
    file = OUT if asked.data.is_dir() else OUT.with_name(f"forecast_{asked.data.stem}.json")
    file.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return rows


if __name__ == "__main__":
    main()
