"""How long a month's run takes: against papermill and nbconvert one after the other, and against one plain script.

``python -m bench.run`` runs the demo company's month three ways, with the same notebooks, books and parameters:

a. ``papermill`` and ``jupyter nbconvert`` from the command line, one notebook after the other;
b. salesloop, all pages in one language, then in two;
c. the same cells as one plain Python script, without notebooks, outputs or pages.

``--root FOLDER`` takes a root that holds a frozen month already; ``--unit`` and ``--period`` say which.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
OUT = Path(__file__).parent / "out" / "run.json"
REACH = {"wall": 0.17, "cpu": 0.22, "plain": 1.4, "language": 0.4, "nothing": 2.0, "memory": 700.0}


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall and CPU seconds of some work, its child processes included, and theirs that outlive them."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    work()
    wall = time.perf_counter() - start
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def adopt() -> None:
    """Become the parent of what a child leaves behind, such as the warm process, so that its time is counted too."""
    if ctypes.CDLL(None).prctl(36, 1, 0, 0, 0):
        print("  the time of processes that outlive their parent is not counted on this system")


def _environment(root: Path, **more: str) -> dict[str, str]:
    from salesloop.run import environment

    single = {name: "1" for name in environment.FIXED if name.endswith("_THREADS")}
    drop = {"PYTHONDONTWRITEBYTECODE", "SALESLOOP_OUT"}
    kept = {name: value for name, value in os.environ.items() if name not in drop}
    return {**kept, **single, "PYTHONPATH": str(root / "code"), "SALESLOOP_ROOT": str(root), **more}


def keep_code(root: Path) -> None:
    """Copy the package into the root, so that what changes meanwhile changes no measurement."""
    shutil.rmtree(root / "code", ignore_errors=True)
    shutil.copytree(PROJECT / "salesloop", root / "code" / "salesloop")
    shutil.copy(PROJECT / "requirements.lock", root / "code")
    if not (root / "notebooks").exists():
        shutil.copytree(PROJECT / "notebooks", root / "notebooks")


def _quiet(command: list[str], env: dict[str, str], cwd: Path) -> None:
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"  {' '.join(command[:4])} ...: exit {done.returncode}: {done.stderr.strip().splitlines()[-1:]}")


def one_after_the_other(root: Path, unit: str, period: str, notebooks: list[Path], out: Path) -> None:
    """Run and convert each notebook by the tools' own commands."""
    env = _environment(root, SALESLOOP_OUT=str(out), JUPYTER_PREFER_ENV_PATH="1")
    for notebook in notebooks:
        target = str(out / notebook.name)
        given = ["-p", "unit", unit, "-r", "period", period, "--no-progress-bar", "-k", "python3"]
        _quiet([sys.executable, "-m", "papermill", str(notebook), target, *given], env, notebook.parent)
        _quiet([sys.executable, "-m", "jupyter", "nbconvert", "--to", "html", target], env, out)


def ours(root: Path, unit: str, period: str, languages: tuple[str, ...]) -> None:
    """Run a month as the command line does."""
    code = (
        f"from salesloop.run import report; report({unit!r}, {period!r}, languages={languages!r}, out=lambda _: None)"
    )
    _quiet([sys.executable, "-c", code], _environment(root), root)


def command(root: Path, unit: str, period: str) -> None:
    """Give the command that `make report` gives."""
    _quiet([sys.executable, "-m", "salesloop", "report", "--unit", unit, "--period", period], _environment(root), root)


def plain_script(root: Path, unit: str, period: str, notebooks: list[Path], out: Path) -> None:
    """Run the same cells as one Python script; nothing is shown or drawn but what the cells themselves draw."""
    script = out / "plain.py"
    script.write_text("\n".join(_as_python(notebook, unit, period) for notebook in notebooks), encoding="utf-8")
    _quiet([sys.executable, str(script)], _environment(root, SALESLOOP_OUT=str(out), MPLBACKEND="agg"), out)


def _as_python(notebook: Path, unit: str, period: str) -> str:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    parts = code.partition("as_of = None\n")
    return f"{parts[0]}{parts[1]}unit, period = {unit!r}, {period!r}\n{parts[2]}\n"


def in_order(root: Path) -> list[Path]:
    """Return the notebooks in an order in which each comes after what it needs."""
    from salesloop.run import graph

    stages, done = graph.load(root / "notebooks"), list[str]()
    waiting = graph.waits(stages)
    while len(done) < len(stages):
        done += [spec.name for spec in stages if spec.name not in done and waiting[spec.name] <= set(done)]
    return [next(spec.file for spec in stages if spec.name == name) for name in done]


def demo_root(folder: Path) -> tuple[Path, str, str]:
    """Return a root with the demo company's last month imported and frozen."""
    root = folder / "root"
    (root / "params" / "demo").mkdir(parents=True)
    keep_code(root)
    shutil.copy(PROJECT / "params/demo/unit.yml", root / "params/demo/unit.yml")
    code = ("from salesloop import months, store; from salesloop.demo import driver\n"
            "months._demo_until(driver.last_period(), lambda _: None); months._plans_in('demo')\n"
            "print(store.freeze('demo', driver.last_period()).name)")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], env=_environment(root), cwd=root, capture_output=True, text=True,
                          check=True)  # fmt: skip
    return root, "demo", done.stdout.split()[-1]


def measure(root: Path, unit: str, period: str, work: Path) -> list[dict]:
    """Run the month in every way and return the rows of the table."""
    shutil.rmtree(root / "reports" / unit / period, ignore_errors=True)
    notebooks = in_order(root)
    places = {name: work / name for name in ("tools", "plain")}
    for place in places.values():
        place.mkdir()
    found = {"one": measured(lambda: ours(root, unit, period, ("en",)))}
    log = json.loads((root / "reports" / unit / period / "run.json").read_text())["stages"]
    gaps = json.loads((root / "reports" / unit / period / "manifest.json").read_text())["gaps"]
    shutil.rmtree(root / "reports" / unit / period)
    found["two"] = measured(lambda: ours(root, unit, period, ("en", "zh")))
    found["nothing"] = measured(lambda: ours(root, unit, period, ("en", "zh")))
    found["plain"] = measured(lambda: plain_script(root, unit, period, notebooks, places["plain"]))
    found["tools"] = measured(lambda: one_after_the_other(root, unit, period, notebooks, places["tools"]))
    for name, (wall, cpu) in found.items():
        print(f"  {name:<8} wall {wall:7.1f} s   cpu {cpu:7.1f} s")
    for name, took in sorted(log.items(), key=lambda item: -item[1]["cpu_seconds"]):
        print(f"    {name:<12} cpu {took['cpu_seconds']:6.1f} s   {took['peak_mb']:5.0f} MB")
    return _rows(found, log, gaps, len(notebooks))


def _rows(found: dict[str, tuple[float, float]], log: dict, gaps: list, n: int) -> list[dict]:
    (wall, cpu), (_, cpu_two), (_, plain) = found["one"], found["two"], found["plain"]
    values = {
        "wall": ("wall against papermill and nbconvert", wall / found["tools"][0]),
        "cpu": ("cpu against papermill and nbconvert", cpu / found["tools"][1]),
        "plain": ("cpu against one plain script", cpu / plain),
        "language": ("second language: more cpu, in plain scripts", (cpu_two - cpu) / plain),
        "nothing": ("nothing changed: seconds", found["nothing"][0]),
        "memory": ("peak memory of a stage: MB", max(took["peak_mb"] for took in log.values())),
    }
    rows = [{"name": name, "value": round(value, 3), "reach": REACH[key], "ok": value <= REACH[key]}
            for key, (name, value) in values.items()]  # fmt: skip
    return [*rows, {"name": f"stages that failed, of {n}", "value": len(gaps), "reach": 0, "ok": not gaps}]


def main() -> None:
    """Measure, print the table and write it."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--root", type=Path), asked.add_argument("--unit", default="demo")
    asked.add_argument("--period", default="")
    given = asked.parse_args()
    adopt()
    with tempfile.TemporaryDirectory(prefix="salesloop-bench-") as folder:
        root, unit, period = (given.root, given.unit, given.period) if given.root else demo_root(Path(folder))
        keep_code(root)
        rows = measure(root.resolve(), unit, period, Path(folder))
    for row in rows:
        print(f"{row['name']:<46} {row['value']:>8}   reach {row['reach']:>6}   {'ok' if row['ok'] else 'MISSED'}")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
