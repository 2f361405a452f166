"""What past changes did: the design that the data allow for each, one joint model, three verdicts."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline import stays
from salesloop.metrics.pipeline.model import open_moves
from salesloop.metrics.pipeline.steps import PER_MONTH
from salesloop.metrics.whatif import joint, panels
from salesloop.metrics.whatif.estimators import Effect, autoregressed, effect
from salesloop.metrics.whatif.joint import Trial

COLUMNS = (
    "intervention", "what", "lever", "measure", "scope_kind", "scope", "start", "design", "estimand", "estimate", "low",
    "high", "p_value", "minimum_detectable", "placebo_p", "verdict", "why", "n",
)  # fmt: skip
MEASURE = {
    "conversion": "win_chance", "cycle": "pace", "response": "pace", "volume": "new_deals", "channel": "new_deals",
    "focus": "new_deals", "capacity": "new_deals", "size": "deal_size", "price": "deal_size",
}  # fmt: skip
COMPANY = ("", "company", "all", "scope", "none", "nan")
LEAST_MONTHS, LEAST_AFTER = 12, 3
MANY_GROUPS, LEAST_CONTROLS = 20, 8
PLACEBO_MONTHS = 6
ALPHA = 0.05
OF_STAGES = ("win_chance", "pace")


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
    as_of: dt.date


def history(deals: pd.DataFrame, events: pd.DataFrame, stages: pd.DataFrame, *, as_of: dt.date) -> Past:
    """Return the history of deals as the models read it.

    Parameters
    ----------
    deals, events, stages : DataFrame
        ``Book.deals()`` and the canonical tables.
    as_of : date
        Nothing after it is read.
    """
    known = deals[deals["created_at"].notna()].drop_duplicates("opportunity_id")
    moves = stays.visits(known, open_moves(known, events, stages), as_of=as_of, staged=len(events) > 0)
    lived = stays.exposures(moves, as_of=as_of)
    month = lived["step"] // PER_MONTH
    day = np.array([4, 11, 19, 27])[lived["step"].to_numpy() % PER_MONTH]
    lived["on"] = pd.to_datetime(pd.DataFrame({"year": month // 12, "month": month % 12 + 1, "day": day}))
    lived = lived.merge(known.drop(columns=["stage"]), on="opportunity_id", how="left")
    lived["quarter"] = lived["on"].dt.to_period("Q").astype(str)
    left = lived["to"].notna()
    exits = lived[left & (lived["to"] != "void")].assign(hit=lambda f: (f["to"] != "lost").astype(float))
    new = known[known["type"] != "renewal"].assign(
        on=known["created_at"], quarter=known["created_at"].dt.to_period("Q").astype(str)
    )
    won = known[(known["status"] == "won") & (known["amount"] > 0) & known["closed_on"].notna()]
    won = won.assign(
        on=won["closed_on"], hit=np.log(won["amount"]), quarter=won["closed_on"].dt.to_period("Q").astype(str)
    )
    return Past(exits, lived.assign(hit=left.astype(float)), new, won, as_of)


def effects(interventions: pd.DataFrame, past: Past) -> pd.DataFrame:
    """Return what each logged change did, as far as the data can tell.

    Parameters
    ----------
    interventions : DataFrame
        The plan file: ``id, what, lever, applies_to_kind, applies_to, start, end`` and, where it has it, ``stage``.
    past : Past
        From `history`.

    Returns
    -------
    DataFrame
        `COLUMNS`: ``measure`` (what the lever should move), ``design`` and ``estimand``, ``estimate, low, high`` (relative
        change, 95 %), ``p_value, minimum_detectable, placebo_p``, ``verdict`` (compatible, cannot_tell, cannot_test),
        ``why`` (what stands against a test), ``n`` (observations on the treated side).
    """
    rows = [_plain(row) for row in interventions.to_dict("records")]
    told = [row | {"why": _obstacle(row, past)} for row in rows]
    trials = {row["id"]: _trial(row) for row in told if not row["why"] and not row["everyone"]}
    made: list[dict] = []
    fits = {
        name: _fit(name, list(trials.values()), past)
        for name in sorted({MEASURE[r["lever"]] for r in told if r["id"] in trials})
    }
    for row in told:
        measure = MEASURE.get(row["lever"], "win_chance")
        if row["why"]:
            made.append(_row(row, measure, None, float("nan"), past))
        elif row["everyone"]:
            found, before = _interrupted(row, measure, past), float("nan")
            made.append(_row(row, measure, found, before, past))
        else:
            synthetic = design_of(row, past) == "synthetic"
            found = _synthetic(row, past) if synthetic else fits[measure].get(row["id"])
            made.append(_row(row, measure, found, _placebo(row, measure, trials, past), past))
    table = pd.DataFrame(made, columns=list(COLUMNS))
    return table.assign(why=table["why"].astype(object).where(table["why"].astype(bool), None))


def _plain(row: dict) -> dict[str, Any]:
    kind = str(row.get("applies_to_kind") or "").strip()
    value = str(row.get("applies_to") or "").strip()
    kind = {"source": "lead_source", "channel": "sales_channel"}.get(kind, kind)
    lever = str(row.get("lever") or "").strip()
    stage = None if pd.isna(row.get("stage")) else str(row["stage"]).strip() or None
    if stage and kind.lower() in COMPANY and value.lower() in COMPANY:
        kind, value, stage = "stage", stage, None
    return {"id": str(row["id"]), "what": str(row.get("what") or row["id"]), "lever": lever if lever in MEASURE else "conversion",
            "kind": kind, "value": value, "stage": stage, "start": pd.to_datetime(row.get("start")), "end": pd.to_datetime(row.get("end")),
            "everyone": kind.lower() in COMPANY and value.lower() in COMPANY}  # fmt: skip


def _obstacle(row: dict, past: Past) -> str:
    """Return why a change cannot be tested at all; empty where it can be tried."""
    if pd.isna(row["start"]):
        return "no_start"
    if row["start"] > pd.Timestamp(past.as_of):
        return "not_begun"
    if past.deals.empty:
        return "no_data"
    if row["everyone"]:
        return ""
    column, rows = row["kind"], past.exits if row["kind"] == "stage" else past.deals
    if column not in rows or ((column == "stage" or row["stage"]) and MEASURE[row["lever"]] not in OF_STAGES):
        return "nobody"
    if row["stage"] and not _trial(row).inside(past.exits).any():
        return "nobody"
    values = rows[column].dropna().astype(str)
    if row["value"] not in set(values):
        return "nobody"
    if values.nunique() < 2:
        return "no_comparison"
    months = (pd.Timestamp(past.as_of) - row["start"]).days / 30.4
    before = (row["start"] - past.deals["created_at"].min()).days / 30.4
    return "too_early" if months < 1 else "no_before" if before < LEAST_AFTER else ""


def _trial(row: dict) -> Trial:
    return Trial(row["id"], row["kind"], row["value"], row["start"], row["end"], row["stage"])


def _fit(measure: str, trials: list[Trial], past: Past) -> dict[str, Effect]:
    if not trials:
        return {}
    of_stage = measure in OF_STAGES
    trials = [trial for trial in trials if of_stage or (trial.kind != "stage" and trial.stage is None)]
    if not trials:
        return {}
    kinds = list(dict.fromkeys(trial.kind for trial in trials))
    extra = [name for name in ("type", "product") if name not in kinds and past.deals[name].nunique() > 1]
    how = {"group": kinds[0], "clustered": past.deals[kinds[0]].nunique() >= MANY_GROUPS}
    if of_stage:
        rows = past.exits if measure == "win_chance" else past.steps
        return joint.fit(
            rows, trials, factors=list(dict.fromkeys(["stage", "quarter", *kinds, *extra])), family="binomial", **how
        )
    if measure == "deal_size":
        return joint.fit(past.won, trials, factors=["quarter", *kinds, *extra], family="gaussian", **how)
    counts = _counts(past, kinds)
    found = joint.fit(counts, trials, factors=["month", *kinds], group=kinds[0], family="poisson")
    drift = {trial.id: joint.lasting(counts, trial) for trial in trials if trial.id in found}
    return {key: effect(one.estimate, float(np.fmax(one.se, drift[key])), one.n) for key, one in found.items()}


def _synthetic(row: dict, past: Past) -> Effect | None:
    """Return one group's effect on its count of new deals, from a mix of the others that went the same way before."""
    counts = _counts(past, [row["kind"]]).assign(value=lambda f: np.log(f["hit"] + 0.5))
    wide = counts.pivot_table(index="month", columns=row["kind"], values="value")
    start = int((wide.index < row["start"].to_period("M")).sum())
    if start < LEAST_AFTER or len(wide) - start < LEAST_AFTER:
        return None
    return panels.synthetic_control(wide, treated=row["value"], start=start)


def _counts(past: Past, kinds: list[str]) -> pd.DataFrame:
    """Return new deals by month and group, months without any included."""
    told = past.deals.assign(month=past.deals["created_at"].dt.to_period("M"))
    last = pd.Timestamp(past.as_of).to_period("M")
    months = pd.period_range(told["month"].min(), last, freq="M")
    groups = told[kinds].dropna().astype(str).drop_duplicates()
    grid = groups.merge(pd.DataFrame({"month": months}), how="cross")
    seen = told.dropna(subset=kinds).assign(**{k: told[k].astype(str) for k in kinds}).groupby([*kinds, "month"]).size()
    grid["hit"] = pd.MultiIndex.from_frame(grid[[*kinds, "month"]]).map(seen.to_dict()).fillna(0).astype(float)
    stamp = grid["month"].dt.to_timestamp() + pd.Timedelta(days=14)
    return grid.assign(
        on=stamp,
        created_at=stamp,
        exposure=1.0,
        quarter=grid["month"].dt.quarter.astype(str) + grid["month"].dt.year.astype(str),
    )


def _placebo(row: dict, measure: str, trials: dict[str, Trial], past: Past) -> float:
    """Return the p value of a change that was not made, half a year earlier, in the time before the real one."""
    cut = row["start"]
    early = replace(trials[row["id"]], start=cut - pd.DateOffset(months=PLACEBO_MONTHS), end=pd.NaT)
    exits, steps, deals, won = (frame[frame["on"] < cut] for frame in (past.exits, past.steps, past.deals, past.won))
    before = Past(exits, steps, deals, won, cut.date())
    if before.deals.empty or (early.start - before.deals["created_at"].min()).days < 30 * LEAST_AFTER:
        return float("nan")
    others = [trial for key, trial in trials.items() if key != row["id"] and trial.start < cut]
    found = _fit(measure, [early, *others], before).get(row["id"])
    return found.p_value if found else float("nan")


def _interrupted(row: dict, measure: str, past: Past) -> Effect | None:
    """Return a company-wide change's effect: the monthly series with trend, season and AR(1) errors, level and slope."""
    value = monthly(measure, past)
    after = value.index >= row["start"].to_period("M")
    if len(value) < LEAST_MONTHS or after.sum() < LEAST_AFTER or (~after).sum() < LEAST_AFTER * 2:
        return None
    t = np.arange(len(value), dtype=float)
    since = np.where(after, t - t[after][0], 0.0)
    columns = [np.ones(len(t)), t - t.mean(), after.astype(float), since]
    if len(value) >= 24:
        angle = 2 * np.pi * value.index.month.to_numpy() / 12
        columns += [np.sin(angle), np.cos(angle)]
    fit, _ = autoregressed(value.to_numpy(), np.column_stack(columns))
    mean = np.zeros(len(columns))
    mean[2], mean[3] = 1.0, since[after].mean()
    se = float(np.sqrt(mean @ np.asarray(fit.cov_params()) @ mean))
    return effect(float(mean @ np.asarray(fit.params)), se, int(after.sum()))


def monthly(measure: str, past: Past) -> pd.Series:
    """Return a measure's monthly series on its log scale: log odds of going on or of leaving, log count, mean log amount."""
    frame = {"win_chance": past.exits, "pace": past.steps, "deal_size": past.won}.get(measure, past.deals)
    month = frame["on"].dt.to_period("M")
    if measure in ("win_chance", "pace"):
        told = frame.groupby(month)["hit"].agg(["sum", "size"])
        made = np.log((told["sum"] + 0.5) / (told["size"] - told["sum"] + 0.5))
    elif measure == "deal_size":
        made = frame.groupby(month)["hit"].mean()
    else:
        made = np.log(frame.groupby(month).size() + 0.5)
    last = pd.Timestamp(past.as_of).to_period("M")
    return made[made.index <= last].iloc[1:] if len(made) else made


def _row(row: dict, measure: str, found: Effect | None, placebo: float, past: Past) -> dict[str, Any]:
    design = design_of(row, past)
    made = {"intervention": row["id"], "what": row["what"], "lever": row["lever"], "measure": measure, "scope_kind": row["kind"],
            "scope": f"{row['stage']} / {row['value']}" if row["stage"] else row["value"], "start": row["start"], "design": design, "estimand": f"{measure}_{'all' if row['everyone'] else 'new'}",
            "placebo_p": placebo, "why": row["why"], "verdict": "cannot_test", "n": found.n if found else 0}  # fmt: skip
    made |= dict.fromkeys(("estimate", "low", "high", "p_value", "minimum_detectable"), float("nan"))
    if found is None or not np.isfinite(found.p_value):
        return made | {"why": row["why"] or "too_few"}
    to = _relative(measure, row, past)
    made |= {"estimate": to(found.estimate), "low": to(found.low), "high": to(found.high), "p_value": found.p_value,
             "minimum_detectable": to(found.minimum_detectable)}  # fmt: skip
    if placebo < ALPHA:
        return made | {"why": "placebo"}
    return made | {"verdict": "compatible" if found.p_value < ALPHA else "cannot_tell"}


def design_of(row: dict, past: Past) -> str:
    """Return the design that the data allow, by a stated rule.

    Everyone changed: an interrupted series. One of several groups and a count (new deals), with 8 other groups or more:
    synthetic control with permutation. Some of many groups (20 or more): difference in differences with errors by group.
    Some of few: difference in differences on events of new deals, widened by how much group-quarters vary.
    """
    if row["why"]:
        return "none"
    if row["everyone"]:
        return "interrupted"
    groups = past.deals[row["kind"]].nunique()
    if MEASURE.get(row["lever"]) == "new_deals" and groups > LEAST_CONTROLS:
        return "synthetic"
    return "did_many" if groups >= MANY_GROUPS else "did_few"


def _relative(measure: str, row: dict, past: Past):
    """Return how a log effect becomes a relative change: of the chance to win through all stages, or of the rate."""
    if measure != "win_chance":
        return lambda x: float(np.expm1(x))
    rows = past.exits if row["everyone"] else past.exits[_trial(row).inside(past.exits)]
    shares = rows[rows["created_at"] < row["start"]].groupby("stage")["hit"].agg(["mean", "size"])
    shares = shares[shares["size"] >= 5]["mean"].clip(0.01, 0.99)
    odds = (shares / (1 - shares)).to_numpy() if len(shares) else np.array([1.0])
    base = float(np.prod(odds / (1 + odds)))
    return lambda x: float(np.prod(odds * np.exp(x) / (1 + odds * np.exp(x)))) / base - 1
