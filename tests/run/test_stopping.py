"""A run that is killed while it writes, at any of its steps: what was published before stands, the next run heals."""

import os
import subprocess
import sys

from tests.conftest import PROJECT
from tests.run.conftest import value


def test_killed_at_twenty_random_moments(unit):
    unit.notebook("10_one", value(1))
    unit.notebook("20_two", value(2))
    unit.notebook("90_brief", value(0))
    unit.run()
    env = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"}
    run = subprocess.run([sys.executable, "-m", "tests.run.stopping", str(unit.root)], env=env, cwd=unit.root, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False)  # fmt: skip
    assert run.returncode == 0, run.stdout
