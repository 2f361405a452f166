"""Where things stand, all from the project's root."""

from __future__ import annotations

import os
from pathlib import Path


def root() -> Path:
    """Return the project's root: ``SALESLOOP_ROOT``, else the folder that holds the package."""
    named = os.environ.get("SALESLOOP_ROOT")
    return Path(named).resolve() if named else Path(__file__).resolve().parent.parent


def notebooks() -> Path:
    """Return the folder of the stage notebooks."""
    return root() / "notebooks"


def data(unit: str) -> Path:
    """Return a unit's data folder: the store and the snapshots."""
    return root() / "data" / unit


def store(unit: str) -> Path:
    """Return a unit's DuckDB file."""
    return data(unit) / "store.duckdb"


def snapshot(unit: str, period: str) -> Path:
    """Return the folder of a frozen period."""
    return data(unit) / "snapshots" / str(period)


def params(unit: str) -> Path:
    """Return a unit's parameters folder."""
    return root() / "params" / unit


def plan(unit: str) -> Path:
    """Return a unit's folder of plan files."""
    return params(unit) / "plan"


def ledger(unit: str) -> Path:
    """Return a unit's ledger of promises and grades."""
    return params(unit) / "ledger.jsonl"


def reports(unit: str, period: str | None = None) -> Path:
    """Return a unit's reports folder, or that of one period."""
    base = root() / "reports" / unit
    return base / str(period) if period is not None else base
