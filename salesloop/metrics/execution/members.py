"""Who was in which team when, and where the record contradicts itself."""

from __future__ import annotations

import pandas as pd


def in_two_teams(memberships: pd.DataFrame) -> pd.DataFrame:
    """Return memberships of one rep in two teams at the same time.

    Parameters
    ----------
    memberships : DataFrame
        ``rep_id, rep, team, from_on, to_on``; an open end counts as lasting, and a membership without an end that is
        followed by another ends the day before.

    Returns
    -------
    DataFrame
        ``rep, team, other, from_on, to_on``: both teams and the days they share.

    Examples
    --------
    >>> rows = pd.DataFrame({"rep_id": "r1", "rep": "Ann", "team": ["A", "B"], "from_on": pd.to_datetime(["2026-01-01",
    ...     "2026-03-01"]), "to_on": pd.to_datetime(["2026-06-30", None])})
    >>> in_two_teams(rows)[["rep", "team", "other"]].values.tolist()
    [['Ann', 'A', 'B']]
    """
    told = memberships.dropna(subset=["rep_id", "team"]).sort_values(["rep_id", "from_on"], kind="stable")
    after = told.groupby("rep_id")[["team", "from_on"]].shift(-1)
    both = (
        told["to_on"].notna()
        & (after["from_on"] <= told["to_on"])
        & after["team"].ne(told["team"])
        & after["team"].notna()
    )
    both |= (after["from_on"] == told["from_on"]) & after["team"].ne(told["team"]) & after["team"].notna()
    made = pd.DataFrame({
        "rep": told["rep"].fillna(told["rep_id"]), "team": told["team"], "other": after["team"],
        "from_on": after["from_on"], "to_on": told["to_on"],
    })  # fmt: skip
    return made[both].reset_index(drop=True)
