"""Early warnings and the actions worth agreeing next: most money at risk first, and not too many."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pandas as pd

from salesloop import periods
from salesloop.metrics.execution.moves import split_ids

WARNINGS = ("id", "name", "rule", "also", "amount", "days", "rep", "team", "region", "stage", "step", "act", "move")
PROPOSED = ("id", "what", "deal_set", "measure", "expected_move", "owner", "due", "amount", "rule", "carried")
SHOWN, ACTIONS_MOST, DEALS_MOST = 25, 7, 8


def warnings(broken: pd.DataFrame) -> pd.DataFrame:
    """Return one warning a deal: its most urgent rule, how many others it breaks, most money first.

    Parameters
    ----------
    broken : DataFrame
        From `hygiene.violations`.

    Returns
    -------
    DataFrame
        ``id, name, rule, also`` (other rules broken), ``amount`` at risk, ``days``, ``rep, team, region, stage``,
        ``step`` (suggested), ``act, move``.
    """
    told = broken[(broken["kind"] == "deal") & (broken["warn"] == True)]  # noqa: E712 - a column of objects
    count = told.groupby("id").size()
    first = told.drop_duplicates("id").copy()
    first["also"] = first["id"].map(count).astype("float64") - 1 if len(first) else pd.Series(dtype="float64")
    first = first.sort_values(["amount", "days", "id"], ascending=[False, False, True], kind="stable")
    return first[list(WARNINGS)].reset_index(drop=True)


def propose(
    found: pd.DataFrame, checked: pd.DataFrame, deals: pd.DataFrame, *, period: pd.Period,
    describe: Callable[..., str], as_of: dt.date | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return the actions worth agreeing for the next month, at most seven, most money first.

    Parameters
    ----------
    found : DataFrame
        From `warnings`.
    checked : DataFrame
        From `check_actions`: deals of actions that are still running are left to them; what fell due undone comes again.
    deals : DataFrame
        ``Book.deals()``.
    period : Period
        The month just evaluated; the actions are due at the end of the next.
    describe : callable
        ``Text.t``: fills the message ``execution.action`` with ``rule, n, owner``; its words go into the plan file.
    as_of : date, optional
        The day of a check-in inside the month: its actions bear that day, so that none is taken for one of the month's.

    Returns
    -------
    DataFrame
        ``id`` (``2026-10-01`` and so on), ``what``, ``deal_set`` (ids joined by ;), ``measure`` (None),
        ``expected_move``, ``owner``, ``due``, ``amount`` (open money of the set), ``rule``, ``carried`` (the action it
        continues, or None).
    """
    live = deals[deals["status"] == "open"].drop_duplicates("opportunity_id").set_index("opportunity_id")
    sets = [*_carried(checked, live), *_fresh(found, checked, live)]
    rows = sorted(sets, key=lambda row: (-row["amount"], row["deal_set"]))[:ACTIONS_MOST]
    due, inside = pd.Timestamp(periods.end(period + 1)), as_of is not None and as_of < periods.end(period)
    made = [
        {**row, "id": f"{as_of if inside else period}-{place:02d}", "due": due, "measure": None,
         "what": describe("execution.action", rule=row["rule"], n=len(split_ids(row["deal_set"])), owner=row["owner"])}
        for place, row in enumerate(rows, 1)
    ]  # fmt: skip
    frame = pd.DataFrame(made, columns=list(PROPOSED))
    return frame.astype({"amount": "float64", "due": "datetime64[us]"})


def plan_rows(proposed: pd.DataFrame, created: dt.date) -> pd.DataFrame:
    """Return proposed actions with exactly the columns of the plan file, to be edited in a spreadsheet and put there.

    Parameters
    ----------
    proposed : DataFrame
        From `propose`.
    created : date
        The day from which moves of the deals count.
    """
    made = proposed.assign(created=pd.Timestamp(created))
    return made[["id", "what", "deal_set", "measure", "expected_move", "owner", "due", "created"]]


def _carried(checked: pd.DataFrame, live: pd.DataFrame) -> list[dict]:
    """Return what fell due undone: the open deals of such actions that did not move, each under the latest that named it."""
    rows, seen = [], set()
    undone = checked[checked["verdict"].isin(["partly", "not_done"])].sort_values("due", ascending=False, kind="stable")
    for row in undone.itertuples(index=False):
        left = [ident for ident in split_ids(row.left) if ident in live.index and ident not in seen]
        seen.update(left)
        if left:
            owner = row.owner if isinstance(row.owner, str) and row.owner else live.loc[left[0], "rep"]
            rows.append({"deal_set": ";".join(left), "expected_move": row.move, "owner": owner, "rule": "carried",
                         "amount": float(live.loc[left, "amount"].sum()), "carried": row.id})  # fmt: skip
    return rows


def _fresh(found: pd.DataFrame, checked: pd.DataFrame, live: pd.DataFrame) -> list[dict]:
    """Return new sets by owner and reason; what is to be handed over is the manager's to do."""
    undone = checked.loc[checked["verdict"] != "done", "left"]
    busy = {ident for left in undone for ident in split_ids(left)}
    chosen = found[(found["act"] == True) & ~found["id"].isin(busy) & (found["amount"] > 0)]  # noqa: E712
    manager = chosen["id"].map(live["manager"]) if "manager" in live else chosen["rep"]
    owner = chosen["rep"].mask((chosen["step"] == "hand_over") & manager.notna(), manager)
    chosen = chosen.assign(owner=owner.fillna(""))
    rows = []
    for (owner, rule), group in chosen.groupby(["owner", "rule"], sort=True):
        best = group.head(DEALS_MOST)
        rows.append({"deal_set": ";".join(best["id"].astype(str)), "expected_move": best["move"].iloc[0],
                     "owner": owner or None, "rule": rule, "amount": float(best["amount"].sum()), "carried": None})  # fmt: skip
    return rows
