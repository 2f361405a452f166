"""Runs in a process of their own, killed at random moments; called by test_stopping.py."""

import os
import random
import signal
import sys
import time
from pathlib import Path

from tests.run.conftest import Unit, value


def unit_in(root: str) -> Unit:
    """Return the unit of a root that may be there already."""
    made = Unit.__new__(Unit)
    made.root, made.name, made.period = Path(root), "acme", "2026-10"
    return made


def _without_processes() -> None:
    """Let stages be written by this process itself: a run then takes milliseconds, and is killed at any of its steps."""
    from salesloop import whole
    from salesloop.run import child, files, runner, stage

    def attempt(task, timeout):
        work, stem = Path(task.work), Path(task.notebook).stem
        for name in (f"{stem}.ipynb", f"{stem}.en.html", f"results/{task.stage}.json"):
            whole.write(work / name, f"{task.stage} {Path(task.notebook).read_text()}" * 40)
        if task.stage == "brief":
            whole.write(work / "index.en.html", "brief")
        return child.Done(outputs=files.hashes(work, files.of_stage(work, stem, task.stage)))

    stage.attempt = attempt
    runner.fresh = lambda function, *args, **_: None
    runner.warm_up = lambda: None


def killed_often(root: str) -> int:
    """Kill a run at twenty random moments; after each, the report must be whole, and the next run must heal the rest."""
    _without_processes()
    from salesloop.run import files, stage

    unit, chance = unit_in(root), random.Random(7)
    unit.run()
    for moment in range(20):
        pid = os.fork()
        if pid == 0:
            for turn in range(1000):
                unit.notebook("10_one", value(1000 * moment + turn))
                unit.run()
            os._exit(0)
        time.sleep(chance.uniform(0.0, 0.12))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        unit.notebook("10_one", value(-moment))
        unit.run()
        manifest = stage.read(unit.folder / "manifest.json")
        whole = all(files.intact(unit.folder, one["outputs"]) for one in manifest["stages"].values())
        new = f"value('n', {-moment}," in (unit.folder / "results/one.json").read_text()
        if not (whole and new and len(manifest["stages"]) == 3 and unit.left_over() == []):
            print(f"not healed after kill {moment}: {whole=} {new=} {unit.left_over()}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(killed_often(sys.argv[1]))
