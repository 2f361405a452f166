"""Found on the path of a command that is to be killed: Python reads it before anything else."""

import os

if os.environ.get("ARMED_COMMAND"):
    from tests.run.moments import arm

    arm("main")
