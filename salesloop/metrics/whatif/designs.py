"""The designs of a change that groups or the whole company went through, and the rule that says which one the data allow."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from salesloop.metrics.whatif import joint, panels, spread
from salesloop.metrics.whatif.estimators import Effect, effect
from salesloop.metrics.whatif.joint import Trial
from salesloop.metrics.whatif.rows import UNITS, Logged
from salesloop.metrics.whatif.series import cautious
from salesloop.metrics.whatif.units import KNOWN

LEAST_MONTHS, LEAST_AFTER, LEAST_BEFORE = 12, 3, 6
MANY_GROUPS, MANY_SIDE, LEAST_CONTROLS = 20, 5, 20
PLACEBO_MONTHS = FILLING = 6
OF_STAGES = ("win_chance", "pace")
_ORGANISATION = ("team", "rep", "manager", "owner_id", "stage", "pipeline")
_BLOCK = 91
_FEW_DEALS = 5


@dataclass(frozen=True)
class Past:
    """The history that changes are judged on, a row an event.

    Attributes
    ----------
    exits : DataFrame
        A row a stage left: ``hit`` (1 forward, 0 lost), ``on, created_at, quarter, stage`` and the deal's columns.
    steps : DataFrame
        A row a week begun in a stage: ``hit`` (1 left it).
    deals, won : DataFrame
        A row a deal created; a row a deal won, ``hit`` its log amount.
    as_of : date
    """

    exits: pd.DataFrame
    steps: pd.DataFrame
    deals: pd.DataFrame
    won: pd.DataFrame
    as_of: object

    def of(self, measure: str) -> pd.DataFrame:
        """Return the events that a measure is read from."""
        return {"win_chance": self.exits, "pace": self.steps, "deal_size": self.won}.get(measure, self.deals)

    def before(self, day: pd.Timestamp) -> Past:
        """Return the history as far as it lies before a day."""
        exits, steps, deals, won = (
            frame[frame["on"] < day] for frame in (self.exits, self.steps, self.deals, self.won)
        )
        return Past(exits, steps, deals, won, (day - pd.Timedelta(days=1)).date())


def design_of(row: Logged, past: Past) -> str:
    """Return the design that a row and the data allow, by a stated rule.

    1. The whole company changed: an interrupted series.
    2. Customers or deals listed one by one, or a mark that no deal bore before the start: deals are compared with others
       of the same time ("picked": as they are where nothing known before tells them apart, else doubly robust).
    3. Five or more of 20 groups or more, five or more of them unchanged: difference in differences with errors by group
       and an event study of the time before.
    4. One group's number of new deals with 20 others or more: synthetic control with permutation, which with fewer could
       never tell a change.
    5. Else one or a few of few: difference in differences on events of new deals, all changes in one model, widened by how
       much groups vary from quarter to quarter.
    """
    if row.everyone:
        return "interrupted"
    if row.kind in UNITS or marked(row, past.deals):
        return "picked"
    if row.kind == "stage":
        return "did_few"
    names = set(past.deals[row.kind].dropna().astype(str))
    on = len(names & set(row.values))
    off = len(names) - on
    if min(on, off) >= MANY_SIDE and on + off >= MANY_GROUPS:
        return "did_many"
    return "synthetic" if row.measure == "new_deals" and on == 1 and off >= LEAST_CONTROLS else "did_few"


def marked(row: Logged, deals: pd.DataFrame) -> bool:
    """Return whether a change is a mark of the unit's own, such as a campaign, that no deal bore before it began."""
    if row.kind in (*KNOWN, *_ORGANISATION) or row.kind not in deals:
        return False
    theirs = deals[deals[row.kind].astype(str).isin(row.values)]
    return len(theirs) > 0 and not (theirs["created_at"] < row.start).any()


def few(measure: str, trials: list[Trial], past: Past) -> dict[str, Effect]:
    """Return the effects of changes of one or a few of few groups, all fitted together, on the log scale."""
    of_stage = measure in OF_STAGES
    trials = [trial for trial in trials if of_stage or (trial.kind != "stage" and trial.stage is None)]
    if not trials:
        return {}
    kinds = list(dict.fromkeys(trial.kind for trial in trials))
    extra = [name for name in ("type", "product") if name not in kinds and past.deals[name].nunique() > 1]
    if of_stage:
        factors = list(dict.fromkeys(["stage", "quarter", *kinds, *extra]))
        return joint.fit(past.of(measure), trials, factors=factors, family="binomial", group=kinds[0])
    if measure == "deal_size":
        return joint.fit(past.won, trials, factors=["quarter", *kinds, *extra], family="gaussian", group=kinds[0])
    counts = by_month(past, kinds)
    found = joint.fit(counts, trials, factors=["month", *kinds], group=kinds[0], family="poisson")
    drift = {
        trial.id: spread.lasting(counts, kind=trial.kind, values=trial.values, start=trial.start)
        for trial in trials
        if trial.id in found
    }
    return {key: effect(one.estimate, float(np.fmax(one.se, drift[key])), one.n) for key, one in found.items()}


def by_month(past: Past, kinds: list[str]) -> pd.DataFrame:
    """Return new deals by month and group, months without any included."""
    told = past.deals.assign(month=past.deals["created_at"].dt.to_period("M"))
    last = pd.Timestamp(past.as_of).to_period("M")
    months = pd.period_range(told["month"].min(), last, freq="M")
    groups = told[kinds].dropna().astype(str).drop_duplicates()
    grid = groups.merge(pd.DataFrame({"month": months}), how="cross")
    seen = told.dropna(subset=kinds).assign(**{k: told[k].astype(str) for k in kinds}).groupby([*kinds, "month"]).size()
    grid["hit"] = pd.MultiIndex.from_frame(grid[[*kinds, "month"]]).map(seen.to_dict()).fillna(0).astype(float)
    stamp = grid["month"].dt.to_timestamp() + pd.Timedelta(days=14)
    quarter = grid["month"].dt.quarter.astype(str) + grid["month"].dt.year.astype(str)
    return grid.assign(on=stamp, created_at=stamp, exposure=1.0, quarter=quarter)


def synthetic(row: Logged, past: Past) -> Effect | None:
    """Return one group's effect on its count of new deals, from a mix of the others that went the same way before."""
    counts = by_month(past, [row.kind]).assign(value=lambda f: np.log(f["hit"] + 0.5))
    wide = counts.pivot_table(index="month", columns=row.kind, values="value")
    start = int((wide.index < row.start.to_period("M")).sum())
    if start < LEAST_BEFORE or len(wide) - start < LEAST_AFTER or row.values[0] not in wide:
        return None
    return panels.synthetic_control(wide, treated=row.values[0], start=start)


def many(row: Logged, past: Past, others: list[Logged]) -> tuple[Effect | None, float]:
    """Return the effect on some of many groups on the log scale, and the p value of their paths before (event study).

    Deals are taken by the quarter that they were created in, counted from the start of the change; the other changes of
    the same kind of group are taken out in the same regression.
    """
    frame = panel(row, past, others)
    both = frame.groupby("group")["time"].agg(["min", "max"])
    frame = frame[frame["group"].isin(both.index[(both["min"] < 0) & (both["max"] >= 0)])]
    sides = frame.groupby("on")["group"].nunique()
    if (
        len(sides) < 2
        or sides.min() < MANY_SIDE
        or (frame["time"] >= 0).sum() < LEAST_AFTER
        or (frame["time"] < 0).sum() < LEAST_AFTER
    ):
        return None, float("nan")
    rest = [name for name in frame if str(name).startswith("other ")]
    told = panels.difference_in_differences(
        frame, outcome="y", group="group", time="time", treated="on", start=0, others=rest, weight="n"
    )
    made = told.effect
    if row.measure in OF_STAGES and np.isfinite(made.se):
        share = float(np.average(frame["y"], weights=frame["n"]))
        made = effect(made.estimate / (share * (1 - share)), made.se / (share * (1 - share)), made.n)
    return made, told.before_p


def panel(row: Logged, past: Past, others: list[Logged]) -> pd.DataFrame:
    """Return groups by quarters since the change: ``group, time, y, n, on`` and a column for each other change."""
    rows = past.of(row.measure)
    rows = rows[rows["created_at"].notna() & rows[row.kind].notna()]
    if row.stage:
        rows = rows[rows["stage"].astype(str) == row.stage]
    time = np.floor((rows["created_at"] - row.start).dt.days / _BLOCK).astype(int)
    end = rows["created_at"].max() if pd.isna(row.end) else row.end
    told = pd.DataFrame({"group": rows[row.kind].astype(str), "time": time, "at": rows["created_at"]})
    told["hit"] = rows["hit"].to_numpy() if "hit" in rows else 1.0
    told = told[told["at"] <= end]
    if row.measure == "new_deals":
        full = int((told["at"].max() - row.start).days + 1) // _BLOCK
        grid = pd.MultiIndex.from_product([sorted(told["group"].unique()), range(told["time"].min() + 1, full)])
        n = told.groupby(["group", "time"]).size().reindex(grid, fill_value=0)
        made = pd.DataFrame({"y": np.log(n + 0.5), "n": 1.0})
    else:
        made = told.groupby(["group", "time"])["hit"].agg(y="mean", n="size")
        made = made[made["n"] >= _FEW_DEALS]
    made = made.rename_axis(["group", "time"]).reset_index()
    made["on"] = made["group"].isin(row.values).astype(int)
    middle = row.start + pd.to_timedelta((made["time"] + 0.5) * _BLOCK, unit="D")
    for other in others:
        acted = (
            made["group"].isin(other.values) & (middle >= other.start) & (pd.isna(other.end) | (middle <= other.end))
        )
        if other.kind == row.kind and 0 < acted.sum() < len(made):
            made[f"other {other.key}"] = acted.astype(float)
    return made


def interrupted(row: Logged, past: Past, others: list[Logged]) -> Effect | None:
    """Return a company-wide change's effect: the monthly series with trend, season and AR(1) errors, level and slope.

    The other changes of the whole company have a step of their own in the same regression.
    """
    value = monthly(row.measure, past)
    months = value.index
    after = months >= row.start.to_period("M")
    if len(value) < LEAST_MONTHS or after.sum() < LEAST_AFTER or (~after).sum() < LEAST_BEFORE:
        return None
    t = np.arange(len(value), dtype=float)
    since = np.where(after, t - t[after][0], 0.0)
    columns = [np.ones(len(t)), t - t.mean(), after.astype(float), since]
    if len(value) >= 24:
        angle = 2 * np.pi * months.month.to_numpy() / 12
        columns += [np.sin(angle), np.cos(angle)]
    columns += _steps(months, others, np.column_stack(columns))
    fit = cautious(value.to_numpy(), np.column_stack(columns))
    mean = np.zeros(len(columns))
    mean[2], mean[3] = 1.0, since[after].mean()
    se = float(np.sqrt(mean @ np.asarray(fit.cov_params()) @ mean)) * spread.wider(len(value) - len(columns) + 1)
    return effect(float(mean @ np.asarray(fit.params)), se, int(after.sum()))


def _steps(months: pd.PeriodIndex, others: list[Logged], own: np.ndarray) -> list[np.ndarray]:
    """Return a step for each other change that the series can tell from what is there already."""
    made: list[np.ndarray] = []
    for other in others:
        step = (months >= other.start.to_period("M")).astype(float)
        there = np.column_stack([own, *made])
        rest = step - there @ np.linalg.lstsq(there, step, rcond=None)[0]
        if LEAST_AFTER <= step.sum() <= len(step) - LEAST_AFTER and (rest**2).sum() > 0.2:
            made.append(step)
    return made


def monthly(measure: str, past: Past) -> pd.Series:
    """Return a measure's monthly series on its log scale: log odds of going on or of leaving, log count, mean log amount.

    The first half-year of two years or more is left out: until a pipeline has filled, its moves are no measure of later ones.
    """
    frame = past.of(measure)
    month = frame["on"].dt.to_period("M")
    if measure in OF_STAGES:
        told = frame.groupby(month)["hit"].agg(["sum", "size"])
        made = np.log((told["sum"] + 0.5) / (told["size"] - told["sum"] + 0.5))
    elif measure == "deal_size":
        made = frame.groupby(month)["hit"].mean()
    else:
        made = np.log(frame.groupby(month).size() + 0.5)
    last = pd.Timestamp(past.as_of).to_period("M")
    made = made[made.index <= last]
    return made.iloc[FILLING if len(made) >= 2 * LEAST_MONTHS else 1 :]


def placebo(row: Logged, design: str, past: Past, others: list[Logged]) -> float:
    """Return the p value of a change that was not made, half a year before the real one, in the time before that one."""
    before = past.before(row.start)
    early = replace(row, start=row.start - pd.DateOffset(months=PLACEBO_MONTHS), end=pd.NaT)
    if before.deals.empty or (early.start - before.deals["created_at"].min()).days < 30 * LEAST_AFTER:
        return float("nan")
    rest = [other for other in others if other.start < row.start]
    if design == "interrupted":
        found = interrupted(early, before, rest)
    elif design == "synthetic":
        found = synthetic(early, before)
    else:
        found = few(row.measure, [early.trial, *(other.trial for other in rest)], before).get(row.key)
    return found.p_value if found else float("nan")
