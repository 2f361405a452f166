"""Runs: one command makes a month's report from frozen data, notebooks and parameters."""

from salesloop.run.runner import RunSummary, report, verify

__all__ = ["RunSummary", "report", "verify"]
