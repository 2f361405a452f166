"""A process that has imported everything, with the parent of its stages warm: each line it reads is a command line.

A child of its own runs each, in a process group of its own; its process id is told, then its exit code.
"""

from __future__ import annotations

import json
import os
import sys
from multiprocessing import forkserver


def ready(tell) -> None:
    """Do nothing; called in a fresh process, to wait until there can be one."""


def main() -> None:
    """Be warm, then run what is asked for."""
    from salesloop import cli, months, sources, store
    from salesloop.run import executor, runner
    from tests.run.warm import ready  # by its module's name, as a fresh process finds it

    assert all((months, sources, store, runner))
    executor.fresh(ready)
    print("warm", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _be_the_command(cli, json.loads(line))
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _be_the_command(cli, words: list[str]) -> None:
    from tests.run.moments import arm

    os.setsid()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    # the parent of the stages is a child of this process's parent, which waits for it
    forkserver.ensure_running = forkserver._forkserver.ensure_running = lambda: None
    arm("main")
    os._exit(cli.main(words))


if __name__ == "__main__":
    main()
