"""What a row of the plan file `interventions` says: whom a change was for, from when, and what it should move."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pandas as pd

from salesloop.metrics.whatif.joint import Trial

MEASURE = {
    "conversion": "win_chance", "cycle": "pace", "response": "pace", "volume": "new_deals", "channel": "new_deals",
    "focus": "new_deals", "capacity": "new_deals", "size": "deal_size", "price": "deal_size",
}  # fmt: skip
COMPANY = ("", "company", "all", "scope", "none", "nan")
UNITS = ("account_id", "opportunity_id")
"""Kinds that list customers or deals one by one."""
_KINDS = {"source": "lead_source", "channel": "sales_channel", "account": "account_id", "customer": "account_id", "deal": "opportunity_id",
          "opportunity": "opportunity_id", "owner": "rep", "person": "rep"}  # fmt: skip
_BETWEEN = re.compile(r"\s*[;；]\s*")


@dataclass(frozen=True)
class Logged:
    """A logged change.

    Attributes
    ----------
    key, id, what : str
        A name of its own, and what the plan file calls it.
    lever : str
        What was changed; "" where it is none of `MEASURE`.
    kind : str
        The column that says whom it was for; "" for the whole company.
    values : tuple of str
        Its values: one, or several with a semicolon between them.
    stage : str or None
        The stage that it was limited to.
    start, end : Timestamp
        NaT where the file says none.
    """

    key: str
    id: str
    what: str
    lever: str
    kind: str
    values: tuple[str, ...]
    stage: str | None
    start: pd.Timestamp
    end: pd.Timestamp

    @property
    def everyone(self) -> bool:
        """Whether it was for the whole company."""
        return not self.values

    @property
    def measure(self) -> str:
        """What it should move."""
        return MEASURE.get(self.lever, "win_chance")

    @property
    def scope(self) -> str:
        """Whom it was for, in words of the file."""
        shown = "; ".join(self.values[:3]) + ("; ..." if len(self.values) > 3 else "")
        return f"{self.stage} / {shown}" if self.stage else shown or "all"

    @property
    def trial(self) -> Trial:
        """The change as the joint model sees it."""
        return Trial(self.key, self.kind, self.values, self.start, self.end, self.stage)


def read(interventions: pd.DataFrame) -> list[Logged]:
    """Return the rows of the plan file, each under a key of its own.

    Examples
    --------
    >>> row = {"id": "t", "lever": "conversion", "applies_to_kind": "rep", "applies_to": "Ana; Bo", "start": "2026-01-01"}
    >>> [(one.kind, one.values, one.measure) for one in read(pd.DataFrame([row]))]
    [('rep', ('Ana', 'Bo'), 'win_chance')]
    """
    made: list[Logged] = []
    for number, row in enumerate(interventions.to_dict("records")):
        one = _row({str(name): value for name, value in row.items()}, number)
        made.append(one)
    return made


def _row(row: dict[str, Any], number: int) -> Logged:
    kind, value, lever, stage = (_text(row.get(name)) for name in ("applies_to_kind", "applies_to", "lever", "stage"))
    kind = _KINDS.get(kind.lower(), kind)
    whole = kind.lower() in COMPANY and value.lower() in COMPANY
    if whole and stage:
        kind, value, stage, whole = "stage", stage, "", False
    kind = "" if whole else kind
    value = value.rpartition(" > ")[2] if lever == "focus" else value  # effort that moves shows where it goes to
    values = () if whole else tuple(dict.fromkeys(part for part in _BETWEEN.split(value) if part)) or ("",)
    return Logged(
        f"{number} {_text(row.get('id'))}", _text(row.get("id")), _text(row.get("what")) or _text(row.get("id")),
        lever if lever in MEASURE else "", kind, values, stage or None, _day(row.get("start")), _day(row.get("end")),
    )  # fmt: skip


def _text(value: Any) -> str:
    return "" if value is None or pd.isna(value) else str(value).strip()


def _day(value: Any) -> pd.Timestamp:
    return pd.to_datetime(value, errors="coerce")
