"""From the whole to its parts: does the plan add up, and how a target could be split."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesloop.metrics.goals.ground import Ground
from salesloop.metrics.goals.plan import tier_gaps
from salesloop.targets import largest_remainder

MISMATCH = (
    "id", "period", "measure", "tier", "whole", "parts_level", "n", "parts", "difference", "uom", "scope",
)  # fmt: skip
SPLIT = ("period", "level", "name", "method", "amount", "share", "p_hit")
METHODS = ("equal", "history", "potential", "equal_chance")
UNIT = 1000.0
_PRIOR_MONTHS = 6
_TOLERANCE = 0.005


def mismatches(
    judged: pd.DataFrame, membership: pd.DataFrame, *, since: pd.Period, ground: Ground | None = None
) -> pd.DataFrame:
    """Return every target not over before a month whose parts do not add up to it, and tiers in the wrong order.

    Parameters
    ----------
    judged : DataFrame
        From `judge`.
    membership : DataFrame
        ``rep, team, region`` as of today: which parts belong to which whole.
    since : Period
        Targets that ended before it are history.
    ground : Ground, optional
        The unit's calendar; without it years begin in January.

    Returns
    -------
    DataFrame
        ``id, period, measure, tier, whole, parts_level, n, parts, difference`` (parts minus whole; below 0 the parts do
        not carry the whole, above 0 they exceed it), ``uom, scope``; organisation's parts, and for quarters, years and longer
        periods their months, quarters and years. ``parts_level`` tier: ``parts`` is what the higher tier asks for less.
    """
    told = judged[judged["amount"].notna() & (judged["verdict"] != "not_measurable") & (judged["ends"] >= str(since))]
    tiers = [] if ground is None else tier_gaps(told, ground)
    rows = _below(told[~told["uom"].isin(["share", "score"])], membership)
    rows += _over_time(told[~told["uom"].isin(["share", "score"]) & ~told["derived"].fillna(False).astype(bool)])
    rows += [{**_about(upper), "whole": lower["amount"], "parts_level": "tier", "n": 1, "parts": upper["amount"],
              "difference": round(upper["amount"] - lower["amount"], 4)} for lower, upper in tiers]  # fmt: skip
    made = pd.DataFrame([row for row in rows if row], columns=list(MISMATCH))
    made = made[(made["difference"].abs() > _TOLERANCE) | (made["parts_level"] == "tier")]
    return made.reset_index(drop=True)


def _below(told: pd.DataFrame, membership: pd.DataFrame) -> list[dict | None]:
    """Compare the company with its regions, teams and reps, regions with their teams and teams with their reps."""
    rows: list[dict | None] = []
    known = {level: set(membership[level].dropna()) for level in ("region", "team", "rep")}
    inside = {
        above: {name: set(own[below].dropna()) for name, own in membership.groupby(above)}
        for above, below in (("region", "team"), ("team", "rep"))
    }
    for group in _grouped(told, ["period", "measure", "tier"]):
        at = {level: [row for row in group if row["level"] == level] for level in ("company", "region", "team", "rep")}
        for level, names in known.items():
            rows.append(_gap(at["company"], at[level], level, complete=names <= {part["name"] for part in at[level]}))
        for above, below in (("region", "team"), ("team", "rep")):
            for whole in at[above]:
                names = inside[above].get(whole["name"], set())
                parts = [row for row in at[below] if row["name"] in names]
                rows.append(_gap([whole], parts, below, complete=names <= {row["name"] for row in parts}))
    return rows


def _grouped(told: pd.DataFrame, keys: list[str]) -> list[list[dict]]:
    """Return the rows of each group, the groups in the order of their keys."""
    made: dict[tuple, list[dict]] = {}
    for row in told.to_dict("records"):
        made.setdefault(tuple(row[key] for key in keys), []).append(row)
    return [made[key] for key in sorted(made)]


def _about(row: dict) -> dict:
    return {key: row[key] for key in ("id", "period", "measure", "tier", "uom", "scope")}


def _gap(own: list[dict], parts: list[dict], level: str, *, complete: bool = True) -> dict | None:
    """Return how far parts are from their whole; parts that are stated for some only can exceed it but not fall short."""
    total = float(np.sum([part["amount"] for part in parts])) if parts else 0.0
    if not parts or not own or (not complete and total <= own[0]["amount"]):
        return None
    whole = own[0]
    return {**_about(whole), "whole": whole["amount"], "parts_level": level, "n": len(parts), "parts": total,
            "difference": round(total - whole["amount"], 2)}  # fmt: skip


def _over_time(told: pd.DataFrame) -> list[dict | None]:
    """Compare quarters, years and longer periods that are stated themselves with the shorter ones that are stated too."""
    rows: list[dict | None] = []
    for group in _grouped(told.fillna({"name": ""}), ["level", "name", "measure", "tier"]):
        spans = {row["id"]: pd.period_range(row["begins"], row["ends"], freq="M") for row in group}
        for whole in group:
            for level, length in (("month", 1), ("quarter", 3), ("year", 12)):
                months = spans[whole["id"]]
                parts = [
                    row for row in group if len(spans[row["id"]]) == length and spans[row["id"]].isin(months).all()
                ]
                if len(months) > length:
                    rows.append(_gap([whole], parts, level, complete=len(parts) * length == len(months)))
    return rows


def split(amount: float, months: list[pd.Period], level: str, *, ground: Ground, who: pd.DataFrame) -> pd.DataFrame:
    """Split a bookings target over teams or reps in four ways; each adds up to the whole exactly.

    Parameters
    ----------
    amount : float
        The whole, home money.
    months : list of Period
        The months it is about.
    level : {"team", "rep"}
        Over whom.
    who : DataFrame
        ``rep, team`` of those who are there.

    Returns
    -------
    DataFrame
        ``period, level, name, method`` (equal; history: bookings of the last 12 months, shrunk by 6 months of the
        mean; potential: what the draws expect; equal_chance: everyone the same P(hit)), ``amount, share, p_hit``.
    """
    names = sorted(str(name) for name in who[level].dropna().unique())
    if not names or not amount > 0:
        return pd.DataFrame(columns=list(SPLIT))
    totals = np.array([_total(level, name, months, ground) for name in names])
    history = np.array([_history(level, name, ground) for name in names])
    weights = {"equal": np.ones(len(names)), "history": history + _PRIOR_MONTHS / 12 * history.mean(),
               "potential": totals.mean(axis=1), "equal_chance": equal_chance(totals, amount)[0]}  # fmt: skip
    unit = UNIT if amount >= 100 * UNIT else 0.01
    made = []
    for method, weight in weights.items():
        share = pd.Series(np.maximum(weight, 0.0), index=names)
        told = largest_remainder(share, round(amount / unit) * unit, unit).round(2)
        chance = (totals >= told.to_numpy()[:, None] - 0.005).mean(axis=1)
        made.append(pd.DataFrame({"name": names, "method": method, "amount": told.to_numpy(), "p_hit": chance}))
    table = pd.concat(made, ignore_index=True)
    table["share"], table["level"] = table["amount"] / amount, level
    table["period"] = str(months[0]) if len(months) == 1 else f"{months[0]}..{months[-1]}"
    return table[list(SPLIT)]


def equal_chance(totals: np.ndarray, amount: float) -> tuple[np.ndarray, float]:
    """Return the parts at which everyone has the same chance, and that chance.

    Parameters
    ----------
    totals : ndarray
        Names x draws of what each will come to.
    amount : float
        The whole.

    Examples
    --------
    >>> parts, chance = equal_chance(np.array([[0.0, 10.0, 20.0, 30.0], [0.0, 20.0, 40.0, 60.0]]), 45.0)
    >>> parts.round(6).tolist(), round(chance, 3)
    ([15.0, 30.0], 0.5)
    """
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if np.quantile(totals, middle, axis=1).sum() < amount:
            low = middle
        else:
            high = middle
    parts = np.quantile(totals, (low + high) / 2, axis=1)
    scale = amount / parts.sum() if parts.sum() > 0 else 0.0
    return (parts * scale if scale else np.full(len(totals), amount / len(totals))), 1 - (low + high) / 2


def _total(level: str, name: str, months: list[pd.Period], ground: Ground) -> np.ndarray:
    won, _ = ground.actual("bookings", level, name, months)
    return np.nan_to_num(won) + ground.drawn(level, name)[ground.ahead.isin(months)].sum(axis=0)


def _history(level: str, name: str, ground: Ground) -> float:
    months = pd.period_range(ground.period - 11, ground.period, freq="M")
    return max(float(np.nan_to_num(ground.actual("bookings", level, name, list(months))[0])), 0.0)


def next_whole(judged: pd.DataFrame, ground: Ground) -> dict | None:
    """Return the company's bookings target that a split is about: the shortest one ahead that the draws reach."""
    rows = judged[(judged["level"] == "company") & (judged["measure"] == "bookings") & (judged["tier"] == "base")]
    rows = rows[(rows["begins"] > str(ground.period)) & rows["p_hit"].notna()]
    if rows.empty:
        return None
    quarters = rows[rows["period"].str.contains("Q")]
    return (quarters if len(quarters) else rows).sort_values(["begins", "ends"]).iloc[0].to_dict()
