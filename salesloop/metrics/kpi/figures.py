"""The finished tables that the charts draw, and small steps between two parts of the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from salesloop.metrics.kpi import composite as made

MOST_REPS, MOST_DIMENSIONS = 40, 3


def changes(card: pd.DataFrame) -> pd.DataFrame:
    """Return changes against last year as shares of what was, with intervals: ``measure, change, low, high, verdict``."""
    before = card["value"] - card["year_change"]
    rows = card[(card["year_verdict"].isin(["better", "worse", "no_change"])) & (before > 0) & (card["uom"] != "score")]
    before = before[rows.index]
    return pd.DataFrame({"measure": rows["measure"], "change": rows["year_change"] / before, "low": rows["year_low"] / before,
                         "high": rows["year_high"] / before, "verdict": rows["year_verdict"]}).reset_index(drop=True)  # fmt: skip


def reps(table: pd.DataFrame) -> pd.DataFrame:
    """Return the reps with an index, in the order of names: ``rep, index, low, high, distinct``; at most 40."""
    rows = table.dropna(subset=["index"]).head(MOST_REPS)
    return rows[["rep", "index", "low", "high", "distinct"]].reset_index(drop=True)


def spread(table: pd.DataFrame, last: int = 8) -> pd.DataFrame:
    """Return the spread of attainment for the last quarters that have quartiles, with how many reached their target."""
    rows = table.dropna(subset=["median"]).tail(last)
    return rows[["period", "n", "p25", "median", "p75", "reached", "reached_low", "reached_high"]].reset_index(
        drop=True
    )


def retained(table: pd.DataFrame) -> pd.DataFrame:
    """Return GRR and NRR by quarter end: ``period, grr, nrr``."""
    return table[["period", "grr", "nrr"]].reset_index(drop=True)


def with_units(table: pd.DataFrame, currency: str) -> pd.DataFrame:
    """Give each row of the velocity table its unit of measurement."""
    uoms = {
        "open_deals": "count",
        "mean_amount": currency,
        "win_rate": "share",
        "cycle_days": "days",
        "velocity": currency,
    }
    return table.assign(uom=table["factor"].map(uoms))


def moved(bridge: pd.DataFrame) -> pd.DataFrame:
    """Return a bridge without its lines of nothing: first, last and what moved by a cent or more."""
    ends = [bridge.index[0], bridge.index[-1]] if len(bridge) else []
    return bridge[bridge.index.isin(ends) | (bridge["amount"].abs() >= 0.005)].reset_index(drop=True)


def ends(bridge: pd.DataFrame) -> dict[str, float | None]:
    """Return where a bridge starts and ends."""
    if bridge.empty:
        return {"start": None, "end": None}
    return {"start": float(bridge["amount"].iloc[0]), "end": float(bridge["amount"].iloc[-1])}


def scored(table: pd.DataFrame) -> pd.DataFrame:
    """Return the reps whom a composite can say something about: still here, and with enough decided deals for a verdict."""
    early = table["verdict"].isin(["no_deals", "too_early"])
    return table[~early & ~table["gone"].fillna(False).astype(bool)].reset_index(drop=True)


def beside(composite: pd.DataFrame, assessed: pd.DataFrame) -> pd.DataFrame:
    """Return the composite with what others say of each rep beside it, a column a dimension (0-1); no part of the score.

    Parameters
    ----------
    composite : DataFrame
        From `composite.composite`.
    assessed : DataFrame
        From `assess.summary`; of more than three dimensions those with the most raters.
    """
    if composite.empty or assessed.empty:
        return composite
    told = assessed[assessed["score"].notna()]
    most = told.groupby("dimension")["n"].sum().sort_values(ascending=False, kind="stable").head(MOST_DIMENSIONS).index
    wide = told[told["dimension"].isin(most)].pivot_table(
        index="subject", columns="dimension", values="score", aggfunc="first"
    )
    wide = wide[[name for name in sorted(wide.columns) if name not in composite]]
    return composite.merge(wide.rename_axis(columns=None), left_on="rep", right_index=True, how="left")


def page_card(card: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the scorecard as the page shows it: what is counted, and the shares, whose changes are points of a share.

    The coverage that is needed stands as the target of coverage; deal size and the win rate by value stand in tables of
    their own.
    """
    needed = card.set_index("measure")["value"].get("coverage_needed", np.nan)
    shown = card[~card["measure"].isin(["coverage_needed", "win_rate_value", "won_deal_size"])].copy()
    shown.loc[shown["measure"] == "coverage", "target"] = needed
    share = shown["uom"] == "share"
    return shown[~share].reset_index(drop=True), shown[share].reset_index(drop=True)


def latest_first(table: pd.DataFrame, quota: pd.DataFrame) -> pd.DataFrame:
    """Return a table by quarter with the latest quarter that is over first, and the running one last.

    Parameters
    ----------
    table : DataFrame
        With the column ``period``.
    quota : DataFrame
        From `attain.by_rep`: tells which quarters are over.
    """
    over = set(quota.loc[quota["complete"].astype(bool), "period"]) if len(quota) else set()
    told = table.assign(_over=table["period"].isin(over))
    return (
        told.sort_values(["_over", "period"], ascending=False, kind="stable")
        .drop(columns="_over")
        .reset_index(drop=True)
    )


def parts(
    weights: Mapping[str, float], facts: Callable[[str], pd.DataFrame], targets: pd.DataFrame, table: pd.DataFrame,
    assessed: pd.DataFrame, *, period: pd.Period, include_assessments: bool = False, started: pd.Series | None = None,
) -> dict[str, pd.DataFrame]:  # fmt: skip
    """Return what the composite is made of: an attainment or index for each measure that unit.yml weighs.

    Parameters
    ----------
    weights : mapping of str to float
        From unit.yml.
    facts : callable
        ``Book.facts``.
    targets : DataFrame
        The plan file's rows.
    table : DataFrame
        From `scored`; its index stands for win rate.
    assessed : DataFrame
        From `assess.summary`; counts only if the unit says so.
    started : Series, optional
        First days by name: who came later is held against fewer months.
    """
    names = table.loc[table["verdict"] != "no_deals", "rep"].tolist()
    found: dict[str, pd.DataFrame] = {}
    for measure in weights:
        if measure == "win_rate":
            found[measure] = made.from_indexes(table[table["rep"].isin(names)])
        elif measure == "assessments":
            if include_assessments and len(assessed):
                found[measure] = _assessed(assessed, names)
        else:
            told = facts(measure)
            if len(told) and told["weight"].isna().all():
                found[measure] = made.attainments(
                    told, targets, measure, period=period, everyone=names, started=started
                )
    return found


def _assessed(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return others' assessments as an attainment: the mean over dimensions against the mean of all."""
    rows = table[table["score"].notna()]
    by = rows.groupby("subject").agg(value=("score", "mean"), n=("n", "sum"), spread=("spread", "mean"))
    by = by.reindex(names)
    mean = by["value"].mean()
    se = by["spread"].fillna(0.2).clip(lower=0.1) / np.sqrt(by["n"].clip(lower=1))
    return pd.DataFrame(
        {"rep": names, "value": (by["value"] / mean).to_numpy(), "se": (se / mean).to_numpy(), "n": by["n"].to_numpy()}
    )


def declared(measures: Mapping[str, object]) -> dict[str, object]:
    """Return what the scorecard needs of the measures that a unit declares: their units and of which less is better."""
    lower = tuple(name for name, spec in measures.items() if getattr(spec, "better", "higher") == "lower")
    return {"lower_is_better": lower, "uoms": {name: getattr(spec, "uom", "count") for name, spec in measures.items()}}
