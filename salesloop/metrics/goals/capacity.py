"""Can the people carry the targets: ramp as survival, ramped bookings a month, and the gap in money and in reps."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesloop.metrics.goals.ground import Ground

COLUMNS = ("period", "level", "name", "target", "capacity", "low", "high", "gap", "gap_reps", "reps", "ramping", "n")
RAMPED_SHARE, WINDOW, LONGEST = 0.8, 3, 18
LEAST_REP_MONTHS, LEAST_RAMPS = 12, 5
ESTABLISHED = 12
"""Months after which a rep counts as a peer, ramped or not: their own bookings tell."""
_PRIOR_MONTHS = 6
Z80 = 1.2815515655446004


def tenure(members: pd.DataFrame, reps: pd.DataFrame, names: dict[str, str], deals: pd.DataFrame) -> pd.DataFrame:
    """Return when each rep began and ended, with today's team.

    Parameters
    ----------
    members, reps : DataFrame
        The canonical tables.
    names : dict
        Shown name by rep id, ``Book.rep_names``.
    deals : DataFrame
        ``Book.deals()``: a rep in neither table counts from their first deal on, as one who was there before.

    Returns
    -------
    DataFrame
        ``rep, team, region, began`` (NaT: there before the data begin), ``ended`` (NaT: still there).
    """
    began = reps.set_index("rep_id")["started_on"].combine_first(members.groupby("rep_id")["from_on"].min())
    last = (
        members.sort_values("from_on", na_position="first").drop_duplicates("rep_id", keep="last").set_index("rep_id")
    )
    ended = reps.set_index("rep_id")["left_on"].combine_first(last["to_on"])
    people = sorted(set(reps["rep_id"].dropna()) | set(last.index))
    made = pd.DataFrame({"rep": [names.get(rep, str(rep)) for rep in people],
                         "team": last["team"].reindex(people).to_numpy(dtype=object),
                         "region": last["region"].reindex(people).to_numpy(dtype=object),
                         "began": pd.to_datetime(began.reindex(people)).to_numpy(),
                         "ended": pd.to_datetime(ended.reindex(people)).to_numpy()})  # fmt: skip
    extra = deals[~deals["rep"].isin(made["rep"]) & deals["rep"].notna()].drop_duplicates("rep")
    extra = extra.assign(began=pd.NaT, ended=pd.NaT)[list(made.columns)]
    made = pd.concat([made, extra], ignore_index=True) if len(extra) and len(made) else extra if len(extra) else made
    selling = set(deals["rep"].dropna())
    return made[made["rep"].isin(selling) | made["began"].notna()].astype(
        {"began": "datetime64[us]", "ended": "datetime64[us]"}
    )


def rep_months(people: pd.DataFrame, ground: Ground) -> pd.DataFrame:
    """Return bookings by rep and month of their stay: ``rep, period, tenure`` (months since begin; NaN if before the data), ``amount``."""
    facts = ground.measured("bookings")
    if facts.empty:
        return pd.DataFrame({"rep": [], "period": pd.PeriodIndex([], freq="M"), "tenure": [], "amount": []})
    first = facts["on"].min().to_period("M")
    sums = facts.groupby(["rep", facts["on"].dt.to_period("M")])["value"].sum()
    rows = []
    for one in people.to_dict("records"):
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


def capacity(judged: pd.DataFrame, people: pd.DataFrame, *, ground: Ground) -> pd.DataFrame:
    """Return what today's people can book against the targets ahead, for the company and each team.

    Parameters
    ----------
    judged : DataFrame
        From `judge`.
    people : DataFrame
        From `tenure`.

    Returns
    -------
    DataFrame
        ``period, level, name, target, capacity`` (sum over reps and months of ramp share times a ramped rep-month),
        ``low, high`` (80 %, from the spread of rep-months), ``gap`` (target minus capacity), ``gap_reps`` (ramped reps
        that would close it), ``reps, ramping`` (there now; still ramping), ``n`` (rep-months it rests on). Empty under
        12 ramped rep-months.
    """
    months = rep_months(people, ground)
    own, mean, spread, n = ramped_month(months, ground.period)
    share, _ = ramp(months)
    rows = judged[
        (judged["measure"] == "bookings") & (judged["tier"] == "base") & judged["level"].isin(["company", "team"])
    ]
    rows = rows[
        (rows["begins"] > str(ground.period)) & (rows["ends"] <= str(ground.ahead[-1])) & rows["amount"].notna()
    ]
    rows = rows[rows["verdict"] != "not_measurable"]
    if n < LEAST_REP_MONTHS or rows.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    made = [_carry(row, people, own, mean, spread, share, n, ground) for row in rows.to_dict("records")]
    return pd.DataFrame(made, columns=list(COLUMNS))


def _ramped(began: pd.Timestamp, month: pd.Period, share: np.ndarray) -> float:
    """Return what to expect of a rep in a month as a share of a ramped one."""
    if pd.isna(began):
        return 1.0
    tenure = max((month - began.to_period("M")).n, 0)
    return 1.0 if tenure >= ESTABLISHED else float(share[tenure])


def _carry(row, people, own, mean, spread, share, n, ground: Ground) -> dict:
    months = pd.period_range(row["begins"], row["ends"], freq="M")
    there = people if row["level"] == "company" else people[people["team"] == row["name"]]
    there = there[there["ended"].isna() | (there["ended"] > pd.Timestamp(ground.as_of))]
    total = parts = 0.0
    for one in there.to_dict("records"):
        rate = float(own.get(one["rep"], mean))
        for month in months:
            if pd.notna(one["ended"]) and month > one["ended"].to_period("M"):
                continue
            done = _ramped(one["began"], month, share)
            total, parts = total + done * rate, parts + done
    sd = spread * np.sqrt(parts + parts**2 / n) if np.isfinite(spread) else float("nan")
    gap = row["amount"] - total
    new = there["began"].notna() & (there["began"] > pd.Timestamp(ground.as_of) - pd.DateOffset(months=6))
    return {"period": row["period"], "level": row["level"], "name": row["name"], "target": row["amount"], "capacity": total,
            "low": max(total - Z80 * sd, 0.0), "high": total + Z80 * sd, "gap": gap, "reps": len(there),
            "gap_reps": gap / (mean * len(months)) if mean > 0 else float("nan"), "ramping": int(new.sum()), "n": n}  # fmt: skip
