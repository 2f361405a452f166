"""A company of six deals with a store, a plan and three small notebooks: its report closes the loop in a second."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from salesloop import cli
from tests.conftest import PROJECT
from tests.run.conftest import Unit, value

DEALS = """Deal ID,Deal Name,Owner,Stage,Amount,Close Date,Created Date
1,A,Ann,Won,$90,2026-10-20,2026-08-05
2,B,Bob,Won,$120,2026-09-20,2026-06-05
3,C,Ann,Lost,$60,2026-09-12,2026-07-05
4,D,Bob,Won,$80,2026-08-12,2026-05-05
5,E,Ann,Proposal,$100,2026-12-15,2026-10-05
6,F,Bob,Proposal,$70,2026-11-25,2026-09-06
"""
TARGETS = (
    "period,level,name,measure,tier,basis,amount,valid_from\n2026-11,company,,bookings,base,amount,100,2026-10-01\n"
)
ARM = "from tests.run.moments import arm\narm({stage!r})"
PROMISE = """import pandas as pd
low = {"made_in": period, "level": "company", "name": "company", "period": "2026-11", "lead_months": 1}
stage.keep("bookings_forecast", pd.DataFrame([low | {"p10": 50.0, "p50": FORECAST, "p90": 200.0}]))
one = {"parameter": "interval_scale", "value": "1.2", "rule": "interval_scale", "cap": "", "n": 12}
stage.keep("learned", pd.DataFrame([one]))"""
PROPOSE = """from salesloop import loop, rules
stage.table("proposal", rules.as_frame(loop.propose(stage)), title="brief.table.proposal", show=False)"""


class Company(Unit):
    """A unit that came in through the door; its trees can be kept and put back."""

    def __init__(self, beside: Path):
        self.root, self.beside, self.name, self.period = beside / "root", beside, "acme", "2026-10"
        (self.root / "notebooks").mkdir(parents=True)
        self.write("exports/deals_2026-11-10.csv", DEALS)

    def notebooks(self, forecast: float = 90.0, *, armed: bool = False) -> None:
        """Write the notebooks; an armed one can kill the run that it is part of."""
        arms = (ARM.format(stage="forecast"),) if armed else ()
        self.notebook("20_forecast", *arms, PROMISE.replace("FORECAST", str(forecast)))
        self.notebook("60_kpi", value(forecast))
        self.notebook("90_brief", PROPOSE, value(1), needs=["forecast", "kpi"])

    def bring_in(self) -> None:
        """Import the export and the plan."""
        assert cli.main(["import", "--unit", "acme", "--data", str(self.root / "exports")]) == 0
        file = self.root / "params/acme/unit.yml"
        file.write_text(file.read_text(encoding="utf-8").replace("[en, zh]", "[en]"), encoding="utf-8")
        self.write("params/acme/plan/targets.csv", TARGETS)

    def keep(self, name: str) -> Path:
        """Keep the root as it is now."""
        return Path(shutil.copytree(self.root, self.beside / name))

    def put_back(self, name: str) -> None:
        """Let the root be as it was kept."""
        shutil.rmtree(self.root)
        shutil.copytree(self.beside / name, self.root)

    def begin(self, *words: str, armed: bool = False, **options) -> subprocess.Popen:
        """Start the command line in a process group of its own."""
        path = [str(PROJECT / "tests" / "run" / "armed")] if armed else []
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([*path, str(PROJECT)]), "PYTHONUNBUFFERED": "1"}
        env |= {"ARMED_COMMAND": "1"} if armed else {}
        return subprocess.Popen([sys.executable, "-m", "salesloop", *words], env=env, cwd=self.root, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, **options)  # fmt: skip

    def order(self, process: str = "", at: int = 0, *, calls: bool = False) -> None:
        """Say at which change of which process the next armed command is killed; `calls` of the store may count as well."""
        told = {"process": process, "at": at, "calls": calls}
        (self.beside / "moment.json").write_text(json.dumps(told), encoding="ascii")

    def changes(self, process: str) -> list[str]:
        """Return what a process of the last armed run changed, in order."""
        return (self.beside / f"changes.{process}").read_text(encoding="utf-8").splitlines()

    def trees(self) -> dict[str, bytes]:
        """Return all that a run leaves, by name: everything but times (run.json), locks and the database's own file."""
        folders = ("reports", "params", "data/acme/snapshots")
        found = [file for folder in folders for file in (self.root / folder).rglob("*") if file.is_file()]
        known = {file.relative_to(self.root).as_posix(): file for file in found}
        kept = {name: file.read_bytes() for name, file in known.items() if not name.endswith((".lock", "/run.json"))}
        return {name: _without_code(told) if name.endswith("/manifest.json") else told for name, told in kept.items()}


def _without_code(manifest: bytes) -> bytes:
    """Return a manifest without what names the package's code, which somebody may edit while tests run."""
    told = json.loads(manifest)
    told["inputs"]["code"], told["stages"] = "", {name: one | {"key": ""} for name, one in told["stages"].items()}
    return json.dumps(told).encode()
