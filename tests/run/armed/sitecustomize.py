"""Found on the path of a command that is to be killed: Python reads it before anything else."""

from tests.run.moments import arm

arm("main")
