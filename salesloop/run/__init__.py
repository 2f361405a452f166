"""Runs: one command makes a month's report from frozen data, notebooks and parameters."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from salesloop.run.again import verify
    from salesloop.run.runner import RunSummary, report

__all__ = ["RunSummary", "report", "verify"]


def __getattr__(name: str):
    """Load what is asked for only then: the warm parent must be the one that imports pandas."""
    if name not in __all__:
        raise AttributeError(f"module 'salesloop.run' has no attribute {name!r}")
    from salesloop.run import again, runner

    return getattr(again if name == "verify" else runner, name)
