"""One sheet for each team's meeting: where it stands, what it agreed, what is proposed, which deals need a hand."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from salesloop.metrics.execution.moves import split_ids

Sentence = tuple[str, dict]
NO_TEAM = "no_team"
MOST = {"targets": 14, "actions": 6, "proposed": 4, "warnings": 10}
"""Lines of each kind that one printed page carries."""
LONGEST = 46
_FIGURES = ("target", "actual", "attainment", "elapsed_share", "gap")
_URGENT = {"not_done": 0, "partly": 1, "running": 2, "not_measurable": 3, "done": 4}
TARGETS = ("team", "line", "rep", "horizon", "period", "measure", "target", "actual", "attainment", "elapsed_share", "gap",
           "run_rate_needed", "uom")  # fmt: skip
ACTIONS = ("team", "id", "topic", "move", "owner", "due", "done", "of", "verdict")
PROPOSED = ("team", "id", "rule", "n_deals", "expected_move", "owner", "due", "amount")
WARNINGS = ("team", "deal", "rep", "rule", "also", "amount", "days", "stage", "step")


def teams_now(memberships: pd.DataFrame, deals: pd.DataFrame, *, as_of: dt.date) -> pd.Series:
    """Return who is in which team on a day: by the record of memberships, else by the latest deal.

    Parameters
    ----------
    memberships : DataFrame
        ``rep, rep_id, team, from_on, to_on``; may be empty.
    deals : DataFrame
        ``Book.deals()``.
    as_of : date
        The day. Of two memberships on it the one that began later counts; who has none that day is in no team.

    Returns
    -------
    Series
        Team by the rep's name.
    """
    day = pd.Timestamp(as_of)
    told = memberships.dropna(subset=["team"])
    if len(told):
        here = told[~(told["from_on"] > day) & ~(told["to_on"] < day)].sort_values(
            "from_on", na_position="first", kind="stable"
        )
        return (
            here.assign(line=here["rep"].fillna(here["rep_id"]))
            .drop_duplicates("line", keep="last")
            .set_index("line")["team"]
        )
    known = deals.dropna(subset=["rep", "team"]).sort_values("created_at", kind="stable")
    return known.drop_duplicates("rep", keep="last").set_index("rep")["team"]


def tables(
    pace: pd.DataFrame, found: pd.DataFrame, checked: pd.DataFrame, proposed: pd.DataFrame, teams: pd.Series
) -> dict[str, pd.DataFrame]:
    """Return what the teams' sheets hold, each table with the column ``team``.

    Parameters
    ----------
    pace, found, checked, proposed : DataFrame
        From `pace.pace`, `warn.warnings`, `check_actions` and `warn.propose`.
    teams : Series
        From `teams_now`.

    Returns
    -------
    dict of str to DataFrame
        ``targets`` (the team's month and quarter, then its reps' month, in the order of names), ``actions`` (undone ones
        first, then those that run, the latest due first), ``proposed``, ``warnings`` (most money first): whole, not
        yet cut to a page. What belongs to nobody's team stands under ``no_team``.
    """
    return {
        "targets": _targets(pace, teams), "actions": _actions(checked, teams),
        "proposed": _proposed(proposed, teams),
        "warnings": _warnings(found),
    }  # fmt: skip


def _targets(pace: pd.DataFrame, teams: pd.Series) -> pd.DataFrame:
    if pace.empty:
        return pd.DataFrame(columns=list(TARGETS))
    own = pace[(pace["level"] == "team") & pace["horizon"].isin(["month", "quarter"])]
    own = own.assign(team=own["name"], line="team", rep=None, place=0)
    reps = pace[(pace["level"] == "rep") & (pace["horizon"] == "month")]
    team = reps["name"].map(teams).astype(object)
    reps = reps.assign(team=team.where(team.notna(), NO_TEAM), line=reps["name"], rep=reps["name"], place=1)
    if own.empty:  # a unit without teams meets as a whole
        own = pace[(pace["level"] == "company") & pace["horizon"].isin(["month", "quarter"])]
        own = own.assign(team=NO_TEAM, line="company", rep=None, place=0)
    both = pd.concat([own, reps], ignore_index=True)
    both["last"] = both["horizon"].map({"month": 0, "quarter": 1})
    return both.sort_values(["team", "place", "last", "line", "measure"], kind="stable")[list(TARGETS)].reset_index(
        drop=True
    )


def _owned(table: pd.DataFrame, teams: pd.Series) -> pd.DataFrame:
    """Return actions with their owner's team and words that one line can hold."""
    team = table["owner"].map(teams).astype(object)
    return table.assign(team=team.where(team.notna(), NO_TEAM), what=[_short(words) for words in table["what"]])


def _proposed(proposed: pd.DataFrame, teams: pd.Series) -> pd.DataFrame:
    if proposed.empty:
        return pd.DataFrame(columns=list(PROPOSED))
    made = _owned(proposed, teams).assign(n_deals=[len(split_ids(ids)) for ids in proposed["deal_set"]])
    return made[list(PROPOSED)].reset_index(drop=True)


def _actions(checked: pd.DataFrame, teams: pd.Series) -> pd.DataFrame:
    if checked.empty:
        return pd.DataFrame(columns=list(ACTIONS))
    topics = [_short(words) for words in checked["topic" if "topic" in checked else "what"]]
    made = _owned(checked, teams).assign(urgent=checked["verdict"].map(_URGENT), topic=topics)
    made = made.sort_values(["urgent", "due", "id"], ascending=[True, False, True], kind="stable")
    return made[list(ACTIONS)].reset_index(drop=True)


def _warnings(found: pd.DataFrame) -> pd.DataFrame:
    if found.empty:
        return pd.DataFrame(columns=list(WARNINGS))
    named = found["name"].where(found["name"].notna() & found["name"].astype(str).str.strip().ne(""), found["id"])
    team = found["team"].astype(object)
    made = found.assign(deal=[_short(name) for name in named], team=team.where(team.notna(), NO_TEAM))
    return made[list(WARNINGS)].reset_index(drop=True)


def _short(words: object) -> object:
    """Return words cut to what one line of a sheet can hold; Chinese letters are twice as wide."""
    if words is None or words != words:
        return None
    told, wide = " ".join(str(words).split()), 0
    for place, letter in enumerate(told):
        wide += 2 if letter > "\u2e80" else 1
        if wide > LONGEST:
            return told[:place] + "…"
    return told


def cut(whole: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables with no more lines of each kind a team than one page carries."""
    return {
        name: frame.groupby("team", sort=False).head(MOST[name]).reset_index(drop=True) for name, frame in whole.items()
    }


def summary(whole: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row a team, in the order of names, those without a team last.

    Returns
    -------
    DataFrame
        ``team``; ``period, target, actual, attainment, elapsed_share, gap`` of bookings, of the month or else the quarter; ``n_open_actions`` not yet
        done, ``n_done``, ``n_proposed``, ``n_warnings`` and their ``amount``.
    """
    names = {str(name) for frame in whole.values() for name in frame["team"].dropna()}
    order = sorted(names, key=lambda name: (name == NO_TEAM, name))
    rows = [_summed(name, {kind: frame[frame["team"] == name] for kind, frame in whole.items()}) for name in order]
    columns = [
        "team",
        "period",
        "target",
        "actual",
        "attainment",
        "elapsed_share",
        "gap",
        "n_open_actions",
        "n_done",
        "n_proposed",
        "n_warnings",
        "amount",
    ]
    return pd.DataFrame(rows, columns=columns)


def _summed(name: str, own: dict[str, pd.DataFrame]) -> dict:
    aims = own["targets"]
    aims = aims[aims["line"].isin(["team", "company"]) & (aims["measure"] == "bookings")]
    aimed = aims[aims["target"] > 0]
    first = (aimed if len(aimed) else aims).head(1).to_dict("records")
    row = first[0] if first else {}
    done = own["actions"]["verdict"] == "done"
    return {
        "team": name, "period": row.get("period"), **{key: row.get(key, np.nan) for key in _FIGURES},
        "n_open_actions": int((~done).sum()), "n_done": int(done.sum()), "n_proposed": len(own["proposed"]),
        "n_warnings": len(own["warnings"]), "amount": float(own["warnings"]["amount"].sum()),
    }  # fmt: skip


def said(
    table: pd.DataFrame, whole: dict[str, pd.DataFrame], changes: pd.DataFrame, day: str
) -> dict[str, list[Sentence]]:
    """Return what each team's sheet says: where it stands, what is on it, what changed since the last look, what was left out.

    Parameters
    ----------
    table, whole
        From `summary` and `tables`.
    changes : DataFrame
        From `since.changed`; empty where there was no earlier look.
    day : str
        The day of the earlier look.
    """
    return {row["team"]: [_stands(row), _holds(row), *_since(row["team"], changes, day), *_left_out(row["team"], whole)]
            for row in table.to_dict("records")}  # fmt: skip


def _stands(row: dict) -> Sentence:
    if row["team"] == NO_TEAM:
        return "execution.sheet.no_team", {}
    if row["actual"] != row["actual"]:
        return "execution.sheet.no_figure", {"team": row["team"]}
    if not row["target"] > 0:
        return "execution.sheet.no_target", {"team": row["team"], "actual": row["actual"]}
    return "execution.sheet.stands", {
        "team": row["team"], "period": row["period"], "actual": row["actual"], "target": row["target"],
        "attainment": row["attainment"], "elapsed": row["elapsed_share"],
    }  # fmt: skip


def _holds(row: dict) -> Sentence:
    keys = ("n_open_actions", "n_done", "n_proposed", "n_warnings", "amount")
    return "execution.sheet.holds", {key: row[key] for key in keys}


def _since(team: str, changes: pd.DataFrame, day: str) -> list[Sentence]:
    own = changes[changes["scope"] == team].set_index("what") if len(changes) else changes
    if not len(own) or not day:
        return []
    grown = own["change"].get("bookings", np.nan)
    values = {
        "day": day,
        "change": grown,
        "new": own["now"].get("warnings_new", 0),
        "gone": own["now"].get("warnings_gone", 0),
    }
    return [("execution.sheet.since" if grown == grown else "execution.sheet.since_warnings", values)]


def _left_out(team: str, whole: dict[str, pd.DataFrame]) -> list[Sentence]:
    """Say how much of a team's own did not fit on its page, and where it stands."""
    over = sum(max(int((frame["team"] == team).sum()) - MOST[name], 0) for name, frame in whole.items())
    return [("execution.sheet.left_out", {"n": over})] if over else []
