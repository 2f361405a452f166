"""The store: every version of every row, in one DuckDB file a unit, and the frozen periods made from it.

``land`` stores what the door read, ``freeze`` writes a period's tables, ``compare`` tells what an export would change,
``cut_off``, ``first`` and ``latest`` how far the data reach, ``import_log`` and ``rejects`` what came in.
"""

from __future__ import annotations

from salesloop.store.compare import compare
from salesloop.store.freeze import freeze
from salesloop.store.land import ImportSummary, land
from salesloop.store.log import cut_off, first, import_log, latest, rejects, reopen

__all__ = [
    "ImportSummary", "compare", "cut_off", "first", "freeze", "import_log", "land", "latest", "rejects", "reopen",
]  # fmt: skip
