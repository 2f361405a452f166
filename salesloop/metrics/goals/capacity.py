"""Can the people carry the targets: ramp as survival, ramped bookings a month, and the gap in money and in reps."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from salesloop.metrics.goals.ground import Ground
from salesloop.targets import seasonal_shares

COLUMNS = (
    "period", "level", "name", "target", "booked", "capacity", "low", "high", "gap", "gap_reps", "gap_hires", "reps", "ramping", "joining",
    "leaving", "n", "scope",
)  # fmt: skip
RAMPED_SHARE, WINDOW, LONGEST = 0.8, 3, 18
LEAST_REP_MONTHS, LEAST_RAMPS = 12, 5
ESTABLISHED = 12
"""Months after which a rep counts as a peer, ramped or not: their own bookings tell."""
_PRIOR_MONTHS = 6
Z80 = 1.2815515655446004


def tenure(
    members: pd.DataFrame, reps: pd.DataFrame, names: dict[str, str], deals: pd.DataFrame, *, as_of: object = None
) -> pd.DataFrame:
    """Return when each rep began and ended, with today's team.

    Parameters
    ----------
    members, reps : DataFrame
        The canonical tables.
    names : dict
        Shown name by rep id, ``Book.rep_names``.
    deals : DataFrame
        ``Book.deals()``: a rep in neither table counts from their first deal on, as one who was there before.
    as_of : date, optional
        Today: a move that lies ahead does not count yet, and who is marked as gone without a day is gone by then.

    Returns
    -------
    DataFrame
        ``rep, team, region, began`` (NaT: there before the data begin), ``ended`` (NaT: still there).
    """
    day = pd.Timestamp(as_of) if as_of is not None else pd.Timestamp.max
    began = reps.set_index("rep_id")["started_on"].combine_first(members.groupby("rep_id")["from_on"].min())
    ordered = members.sort_values("from_on", na_position="first")
    last = ordered.drop_duplicates("rep_id", keep="last").set_index("rep_id")
    known = ordered[ordered["from_on"].isna() | (ordered["from_on"] <= day)]
    now = known.drop_duplicates("rep_id", keep="last").set_index("rep_id").combine_first(last)
    ended = reps.set_index("rep_id")["left_on"].combine_first(last["to_on"])
    people = sorted(set(reps["rep_id"].dropna()) | set(last.index))
    made = pd.DataFrame({"rep": [names.get(rep, str(rep)) for rep in people],
                         "team": now["team"].reindex(people).to_numpy(dtype=object),
                         "region": now["region"].reindex(people).to_numpy(dtype=object),
                         "began": pd.to_datetime(began.reindex(people)).to_numpy(),
                         "ended": pd.to_datetime(ended.reindex(people)).to_numpy()})  # fmt: skip
    gone = pd.Series(people).isin(set(reps.loc[reps["active"].isin([False]), "rep_id"])) if "active" in reps else False
    if as_of is not None:
        made["ended"] = made["ended"].mask(made["ended"].isna() & gone, day)
    return _with_sellers(made, deals, pd.Timestamp(as_of) if as_of is not None else pd.Timestamp("1900-01-01"))


def _with_sellers(made: pd.DataFrame, deals: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """Add those who sell but stand in no table; leave out those who never sold and did not begin within the last year."""
    extra = deals[~deals["rep"].isin(made["rep"]) & deals["rep"].notna()].drop_duplicates("rep")
    extra = extra.assign(began=pd.NaT, ended=pd.NaT)[list(made.columns)]
    made = pd.concat([made, extra], ignore_index=True) if len(extra) and len(made) else extra if len(extra) else made
    selling = set(deals["rep"].dropna())
    return made[made["rep"].isin(selling) | (made["began"] > day - pd.DateOffset(months=ESTABLISHED))].astype(
        {"began": "datetime64[us]", "ended": "datetime64[us]"}
    )


def stints(members: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """Return who was, is or will be in which team: ``rep, team, from_on, to_on``, moves that lie ahead included."""
    rep = [names.get(one, str(one)) for one in members["rep_id"]]
    return members.assign(rep=rep)[["rep", "team", "from_on", "to_on"]].reset_index(drop=True)


def presence(people: pd.DataFrame, moves: pd.DataFrame, months: pd.PeriodIndex, team: str | None = None) -> np.ndarray:
    """Return reps x months: the share of each month's days on which a rep is there, in one team if one is given.

    Parameters
    ----------
    people, moves : DataFrame
        From `tenure` and `stints`; a rep without stints is in today's team all along.
    months : PeriodIndex
        The months.
    team : str, optional
        Only days in this team.

    Examples
    --------
    >>> people = pd.DataFrame({"rep": ["Ann"], "team": "A", "began": [pd.Timestamp("2026-11-16")], "ended": [pd.NaT]})
    >>> presence(people, pd.DataFrame({"rep": [], "team": [], "from_on": [], "to_on": []}), pd.period_range("2026-11", "2026-12", freq="M")).tolist()
    [[0.5, 1.0]]
    """
    made = np.zeros((len(people), len(months)))
    own = {rep: rows.to_dict("records") for rep, rows in moves.groupby("rep")}
    for row, one in enumerate(people.to_dict("records")):
        whole = [(one["began"], one["ended"])] if team is None or one["team"] == team else []
        told = [(stay["from_on"], stay["to_on"]) for stay in own.get(one["rep"], []) if stay["team"] == team]
        for first, last in told if team is not None and one["rep"] in own else whole:
            made[row] += _days(_latest(first, one["began"]), _earliest(last, one["ended"]), months)
    return np.minimum(made, 1.0)


def _latest(*days: pd.Timestamp) -> pd.Timestamp:
    return max([day for day in days if pd.notna(day)], default=pd.Timestamp("1900-01-01"))


def _earliest(*days: pd.Timestamp) -> pd.Timestamp:
    return min([day for day in days if pd.notna(day)], default=pd.Timestamp("2200-01-01"))


def _days(first: pd.Timestamp, last: pd.Timestamp, months: pd.PeriodIndex) -> np.ndarray:
    """Return the share of each month's days from a first to a last one, both included."""
    starts, lengths = months.start_time, np.asarray(months.days_in_month, dtype=float)
    begin = np.clip((first.normalize() - starts).days.to_numpy(), 0, lengths)
    end = np.clip((last.normalize() - starts).days.to_numpy() + 1, 0, lengths)
    return np.maximum(end - begin, 0) / lengths


def rep_months(people: pd.DataFrame, ground: Ground) -> pd.DataFrame:
    """Return bookings by rep and month of their stay: ``rep, period, tenure`` (months since begin; NaN if before the data), ``amount``."""
    facts = ground.measured("bookings")
    if facts.empty:
        return pd.DataFrame({"rep": [], "period": pd.PeriodIndex([], freq="M"), "tenure": [], "amount": []})
    first = facts["on"].min().to_period("M")
    sums = facts.groupby(["rep", facts["on"].dt.to_period("M")])["value"].sum()
    rows = []
    for one in people[people["began"].isna() | (people["began"] <= pd.Timestamp(ground.as_of))].to_dict("records"):
        start = one["began"].to_period("M") if pd.notna(one["began"]) else first
        end = min(one["ended"].to_period("M") if pd.notna(one["ended"]) else ground.period, ground.period)
        known = pd.notna(one["began"]) and start >= first
        rows += [
            (
                one["rep"],
                month,
                float((month - start).n) if known else np.nan,
                float(sums.get((one["rep"], month), 0.0)),
            )
            for month in pd.period_range(max(start, first), end, freq="M")
        ]
    return pd.DataFrame(rows, columns=["rep", "period", "tenure", "amount"])


def ramp(months: pd.DataFrame) -> tuple[np.ndarray, int]:
    """Return the share of a ramped rep's bookings to expect by months since the start, and how many ramps it rests on.

    A rep counts as ramped once three months together reach 80 % of what ramped peers book in as many; the share ramped
    by each month is a Kaplan-Meier estimate, so that those who left or are still on their way count for as long as they
    were seen, and some may never ramp. Until then a rep books what starters have booked. Under 5 starters everyone
    counts as ramped after six months, in a straight line.

    Parameters
    ----------
    months : DataFrame
        From `rep_months`.

    Returns
    -------
    share : ndarray
        For tenure 0 ... 18 months.
    n : int
        Starters seen.
    """
    line = np.minimum((np.arange(LONGEST + 1) + 1) / 6, 1.0)
    started = months[months["tenure"].notna()]
    peers = months[months["tenure"].isna() | (months["tenure"] >= ESTABLISHED)]["amount"].mean()
    n = started["rep"].nunique()
    if n < LEAST_RAMPS or not peers > 0:
        return line, n
    times, seen, waiting = [], [], []
    for _, own in started.sort_values("period").groupby("rep"):
        rolling = own["amount"].rolling(WINDOW).mean().to_numpy()
        hit = np.flatnonzero(rolling >= RAMPED_SHARE * peers)
        at = int(own["tenure"].iloc[hit[0]]) if len(hit) else int(own["tenure"].iloc[-1])
        times.append(at)
        seen.append(bool(len(hit)))
        waiting += own.loc[own["tenure"] < at, "amount"].tolist()
    done = 1 - kaplan_meier(np.array(times), np.array(seen), LONGEST)
    low = min(float(np.mean(waiting)) / peers, 1.0) if waiting else 0.0
    return done + (1 - done) * low, n


def kaplan_meier(times: np.ndarray, seen: np.ndarray, longest: int) -> np.ndarray:
    """Return the share still without the event after each whole time 0 ... `longest`.

    Examples
    --------
    >>> kaplan_meier(np.array([1, 2, 2, 3]), np.array([True, True, False, True]), 3).round(4).tolist()
    [1.0, 0.75, 0.5, 0.0]
    """
    share, made = 1.0, []
    for time in range(longest + 1):
        at_risk = int((times >= time).sum())
        events = int(((times == time) & seen).sum())
        share *= 1 - events / at_risk if at_risk else 1.0
        made.append(share)
    return np.array(made)


def ramped_month(months: pd.DataFrame, last: pd.Period) -> tuple[pd.Series, float, float, int]:
    """Return a ramped rep's bookings a month, shrunk to the mean of all, by rep; that mean, its spread and its n."""
    full = months[(months["tenure"].isna() | (months["tenure"] >= ESTABLISHED)) & (months["period"] > last - 12)]
    if full.empty:
        return pd.Series(dtype=float), float("nan"), float("nan"), 0
    mean, spread = float(full["amount"].mean()), float(full["amount"].std(ddof=1)) if len(full) > 1 else float("nan")
    own = full.groupby("rep")["amount"].agg(["sum", "size"])
    return (own["sum"] + _PRIOR_MONTHS * mean) / (own["size"] + _PRIOR_MONTHS), mean, spread, len(full)


def seasons(ground: Ground) -> pd.Series:
    """Return how a calendar month stands to the mean month, from the company's bookings; 1 under 24 months."""
    facts = ground.measured("bookings")
    if facts.empty:
        return 12 * seasonal_shares(pd.Series(dtype=float))
    monthly = facts.groupby(facts["on"].dt.to_period("M"))["value"].sum()
    whole = pd.period_range(monthly.index.min(), ground.period, freq="M")
    return 12 * seasonal_shares(monthly.reindex(whole, fill_value=0.0))


def capacity(
    judged: pd.DataFrame, people: pd.DataFrame, *, ground: Ground, moves: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return what the people known today can book against the targets ahead, for the company and each team.

    Parameters
    ----------
    judged : DataFrame
        From `judge`.
    people : DataFrame
        From `tenure`: those who are there, those who begin later, those who leave on a known day.
    moves : DataFrame, optional
        From `stints`: who is in which team when.

    Returns
    -------
    DataFrame
        ``period, level, name, target, booked`` (so far, of a period that runs), ``capacity`` (sum over reps and the months left
        of days there times ramp share times season times a ramped rep-month), ``low, high`` (80 %, from the spread of
        rep-months), ``gap`` (target minus booked minus capacity),
        ``gap_reps`` (ramped reps that would close it), ``gap_hires`` (starters of next month who would, still ramping; NaN without a gap),
        ``reps, ramping`` (there; begun in the last six months), ``joining, leaving`` (on a known day ahead), ``n``
        (rep-months it rests on). Empty under 12 ramped rep-months.
    """
    season = seasons(ground)
    months = rep_months(people, ground)
    months["amount"] = months["amount"] / months["period"].dt.month.map(season) if len(months) else months["amount"]
    own, mean, spread, n = ramped_month(months, ground.period)
    rows = judged[
        (judged["measure"] == "bookings") & (judged["tier"] == "base") & judged["level"].isin(["company", "team"])
    ]
    rows = rows[(rows["ends"] > str(ground.period)) & (rows["ends"] <= str(ground.ahead[-1])) & rows["amount"].notna()]
    rows = rows[rows["verdict"] != "not_measurable"]
    if n < LEAST_REP_MONTHS or rows.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    none = pd.DataFrame({"rep": [], "team": [], "from_on": [], "to_on": []})
    crew = Crew(
        people.reset_index(drop=True),
        none if moves is None else moves,
        ground,
        ramp(months)[0],
        own,
        mean,
        spread,
        n,
        season,
    )
    return pd.DataFrame([crew.carry(row) for row in rows.to_dict("records")], columns=list(COLUMNS))


@dataclass(frozen=True)
class Crew:
    """The people, what a ramped one books a month, and how starters come to it."""

    people: pd.DataFrame
    moves: pd.DataFrame
    ground: Ground
    share: np.ndarray
    own: pd.Series
    mean: float
    spread: float
    n: int
    season: pd.Series
    _kept: dict = field(default_factory=dict, repr=False, compare=False)

    def carry(self, row: dict) -> dict:
        """Return one row of `capacity`."""
        ahead = self.ground.ahead
        inside = np.flatnonzero((ahead >= pd.Period(row["begins"], "M")) & (ahead <= pd.Period(row["ends"], "M")))
        there, factor = self._there(row["name"] if row["level"] == "team" else None)[:, inside], self._factor()[inside]
        done = there * self._ramped()[:, inside] * factor
        rate = self.people["rep"].map(self.own).fillna(self.mean).to_numpy(dtype=float)
        total, parts = float((done.sum(axis=1) * rate).sum()), float(done.sum())
        sd = (
            self.spread * np.sqrt((done * factor).sum() + parts**2 / self.n)
            if np.isfinite(self.spread)
            else float("nan")
        )
        booked = float(np.nan_to_num(row["actual_to_date"]))
        gap, full = row["amount"] - booked - total, self.mean * factor.sum()
        hired = self.mean * float((self.share[np.minimum(inside, LONGEST)] * factor).sum())
        return {**{key: row[key] for key in ("period", "level", "name", "scope")}, "target": row["amount"], "booked": booked, "capacity": total,
                "low": max(total - Z80 * sd, 0.0), "high": total + Z80 * sd, "gap": gap,
                "gap_reps": gap / full if full > 0 else float("nan"), "gap_hires": gap / hired if hired > 0 and gap > 0 else float("nan"),
                "n": self.n, **self._counts(there.sum(axis=1) > 0, row["ends"])}  # fmt: skip

    def _counts(self, here: np.ndarray, ends: str) -> dict[str, int]:
        day, last = pd.Timestamp(self.ground.as_of), pd.Period(ends, "M").end_time
        began, ended = self.people["began"][here], self.people["ended"][here]
        new = (began > day - pd.DateOffset(months=6)) & (began <= day)
        return {"reps": int(here.sum()), "ramping": int(new.sum()), "joining": int((began > day).sum()),
                "leaving": int(((ended > day) & (ended <= last)).sum())}  # fmt: skip

    def _there(self, team: str | None) -> np.ndarray:
        if team not in self._kept:
            self._kept[team] = presence(self.people, self.moves, self.ground.ahead, team)
        return self._kept[team]

    def _factor(self) -> np.ndarray:
        return self.season.reindex(self.ground.ahead.month).to_numpy(dtype=float)

    def _ramped(self) -> np.ndarray:
        if "ramped" not in self._kept:
            rows = [
                [_ramped(began, month, self.share) for month in self.ground.ahead] for began in self.people["began"]
            ]
            self._kept["ramped"] = np.array(rows, dtype=float).reshape(len(self.people), len(self.ground.ahead))
        return self._kept["ramped"]


def _ramped(began: pd.Timestamp, month: pd.Period, share: np.ndarray) -> float:
    """Return what to expect of a rep in a month as a share of a ramped one."""
    if pd.isna(began):
        return 1.0
    tenure = max((month - began.to_period("M")).n, 0)
    return 1.0 if tenure >= ESTABLISHED else float(share[tenure])
