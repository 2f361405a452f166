"""The sentences of the performance page: which message, with which values; and how its tables are shown."""

from __future__ import annotations

import pandas as pd

from salesloop.metrics.kpi import fair

Sentence = tuple[str, dict]
SCORECARD = {"measure": "word", "value": "uom", "n": "count", "low": "uom", "high": "uom", "target": "uom", "change": "uom",
             "change_low": "uom", "change_high": "uom", "verdict": "word", "window": "count", "year_change": "uom",
             "year_low": "uom", "year_high": "uom", "year_verdict": "word", "detectable": "uom"}  # fmt: skip
SCORECARD_SHOWN = ("measure", "value", "low", "high", "n", "window", "target", "change", "verdict", "year_change", "year_verdict",
                   "detectable")  # fmt: skip
SHARES = SCORECARD | dict.fromkeys(("value", "low", "high", "target"), "percent") | dict.fromkeys(
    ("change", "change_low", "change_high", "year_change", "year_low", "year_high", "detectable"), "points")  # fmt: skip
WIN_RATES = {"kind": "word", "value": "percent", "low": "percent", "high": "percent", "n": "count", "won": "count"}
COVERAGE = {"period": "period", "target": "money", "won": "money", "open": "money", "n_open": "count", "coverage": "ratio",
            "coverage_needed": "ratio", "n_past": "count", "conversion": "percent"}  # fmt: skip
VELOCITY = {"factor": "word", "before": "uom", "now": "uom", "log_effect": "ratio", "effect": "percent"}
BRIDGE = {"line": "word", "amount": "money", "n": "count"}
PRODUCTS = {"quantity_before": "number", "quantity": "number", "price_before": "money", "price": "money", "before": "money",
            "amount": "money", "change": "money"}  # fmt: skip
ATTAINMENT = {"line": "word", "amount": "money", "planned": "number", "came": "number"}
RETENTION = {"period": "period", "n": "count", "grr": "percent", "grr_low": "percent", "grr_high": "percent", "nrr": "percent",
             "nrr_low": "percent", "nrr_high": "percent", "n_lost": "count"} | dict.fromkeys(
    ("start", "churn", "contraction", "expansion", "end"), "money")  # fmt: skip
COHORTS = {"cohort": "period", "n": "count", "age": "count", "share": "percent", "buying": "percent"}
REPS = {"n": "count", "raw": "percent", "expected": "percent", "index": "ratio", "low": "ratio", "high": "ratio", "distinct": "word",
        "q_value": "ratio", "verdict": "word", "mark": "word", "started_on": "date"}  # fmt: skip
REPS_SHOWN = ("rep", "n", "raw", "expected", "index", "low", "high", "verdict", "mark")
BY_QUARTER = {
    "period": "period",
    "target": "money",
    "actual": "money",
    "attainment": "percent",
    "n": "count",
    "complete": "word",
}
BY_MANAGER = {"period": "period", "target": "money", "actual": "money", "attainment": "percent", "n": "count", "without": "count",
              "other": "money", "whole_target": "money", "whole_actual": "money", "whole_attainment": "percent"}  # fmt: skip
MISSING = {"period": "period", "n": "count", "actual": "money"}
DOUBLED = {"period": "period", "level": "word", "measure": "word", "n": "count", "least": "number", "most": "number"}
SPREAD = {"period": "period", "n": "count", "p25": "percent", "median": "percent", "p75": "percent", "reached": "percent",
          "reached_low": "percent", "reached_high": "percent"}  # fmt: skip
COMPOSITE = {"score": "ratio", "low": "ratio", "high": "ratio", "rank": "count", "rank_first": "count", "rank_last": "count",
             "keeps": "chance", "n": "count"}  # fmt: skip
COMPOSITE_SHOWN = ("rep", "score", "low", "high", "rank", "rank_first", "rank_last", "keeps")
ASSESSED = {"dimension": "word", "n": "count", "n_manager": "count", "n_peer": "count", "n_customer": "count", "score": "ratio", "low": "ratio",
            "high": "ratio", "self": "ratio", "self_gap": "ratio", "spread": "ratio", "mark": "word"}  # fmt: skip
ASSESSED_SHOWN = ("subject", "dimension", "n_manager", "n_peer", "n_customer", "score", "low", "high", "self", "self_gap",
                  "spread", "mark")  # fmt: skip
AGREEMENT = {
    "dimension": "word",
    "n": "count",
    "subjects": "count",
    "icc": "ratio",
    "gap": "percent",
    "verdict": "word",
}
PROBLEMS = {"problem": "word", "score": "number"}
PROXIES = {"n_deals": "count", "worked_by_several": "percent", "n_accounts": "count", "contacts_per_account": "number",
           "n_open": "count", "days_since_touch": "days", "n_kept": "count", "retention": "percent", "retention_low": "percent",
           "retention_high": "percent"}  # fmt: skip
COACHING = {"n": "count", "raw": "percent", "expected": "percent", "index": "ratio", "low": "ratio", "high": "ratio",
            "q_value": "ratio"}  # fmt: skip
COACHING_SHOWN = ("rep", "stage", "n", "raw", "expected", "index", "low", "high")


def headline(card: pd.DataFrame, table: pd.DataFrame) -> Sentence:
    """Say what is known to have changed, and whether any rep can be told apart from what their deals would bring."""
    changed = card[card["verdict"].isin(["better", "worse"])]
    judged = card["verdict"].isin(["better", "worse", "no_change"])
    apart, n = int(table["distinct"].sum()), int((table["n"] > 0).sum())
    values = {"better": int((changed["verdict"] == "better").sum()), "worse": int((changed["verdict"] == "worse").sum()),
              "of": int(judged.sum()), "apart": apart, "reps": n}  # fmt: skip
    return "kpi.headline" if n else "kpi.headline_no_reps", values


def scorecard(card: pd.DataFrame) -> list[Sentence]:
    """Name the measures that moved, and those that the data do not carry."""
    told: list[Sentence] = []
    for verdict in ("better", "worse"):
        told += [_moved(row, verdict) for row in card[card["verdict"] == verdict].itertuples(index=False)]
    absent = card.loc[card["value"].isna(), "measure"]
    if len(absent):
        told.append(("kpi.absent", {"n": len(absent), "of": len(card)}))
    row = card[card["measure"] == "win_rate"]
    if len(row) and row["verdict"].iloc[0] == "no_change" and row["value"].iloc[0] < 1:
        told.append(
            (
                "kpi.win_rate_detectable",
                {"detectable": row["detectable"].iloc[0], "n": row["n"].iloc[0], "value": row["value"].iloc[0]},
            )
        )
    return told


def _moved(row, verdict: str) -> Sentence:
    values = {"measure": row.measure, "value": row.value, "change": row.change, "low": row.change_low, "high": row.change_high,
              "n": row.n}  # fmt: skip
    return f"kpi.moved_{verdict}_{_kind(row.uom)}", values


def _kind(uom: str) -> str:
    return uom if uom in ("share", "score", "days", "count") else "money"


def win_rates(table: pd.DataFrame) -> list[Sentence]:
    """Say ours, and how far the six definitions lie apart on the same deals."""
    rows = table.set_index("kind")
    ours = rows.loc["win_rate"]
    if not ours["n"]:
        return [("kpi.win_rate_none", {})]
    if ours["n"] == ours["won"]:
        return [("kpi.win_rate_no_losses", {"n": ours["n"]})]
    told: list[Sentence] = [("kpi.win_rate", {"value": ours["value"], "low": ours["low"], "high": ours["high"], "n": ours["n"],
                             "least": rows["value"].min(), "most": rows["value"].max()})]  # fmt: skip
    if rows.loc["win_rate_value"].isna()["value"]:
        told.append(("kpi.value_rate_none", {}))
    return told


def coverage(covered: pd.DataFrame) -> Sentence:
    """Say how much open pipeline stands against what is still to be won, and what would be needed."""
    row = covered.iloc[0]
    if row["coverage"] != row["coverage"]:
        return "kpi.coverage_none", {"period": row["period"], "open": row["open"], "n": row["n_open"]}
    key = "kpi.coverage" if row["coverage_needed"] == row["coverage_needed"] else "kpi.coverage_alone"
    return key, {"period": row["period"], "coverage": row["coverage"], "needed": row["coverage_needed"], "n": row["n_past"],
                 "open": row["open"], "left": row["target"] - row["won"]}  # fmt: skip


def velocity(table: pd.DataFrame) -> Sentence:
    """Say what moved sales velocity most, or why it is undefined."""
    rows = table.set_index("factor")
    if rows["log_effect"].isna().any():
        return "kpi.velocity_none", {}
    factors = rows["log_effect"].drop("velocity")
    largest = factors.abs().idxmax()
    return "kpi.velocity", {"now": rows.loc["velocity", "now"], "before": rows.loc["velocity", "before"],
                            "factor": f"factor_{largest}", "effect": rows.loc[largest, "effect"]}  # fmt: skip


def bridge(table: pd.DataFrame, basis: str, against: str) -> Sentence:
    """Say what moved sales most: volume, mix, price, products."""
    if table.empty:
        return "kpi.bridge_none", {}
    lines = table.set_index("line")["amount"]
    moves = lines.drop(["start", "end"])
    largest = moves.abs().idxmax()
    return f"kpi.bridge_{basis}_{against}", {
        "start": lines["start"],
        "end": lines["end"],
        "line": f"pvm_{largest}",
        "amount": moves[largest],
    }


def attainment(table: pd.DataFrame) -> Sentence:
    """Say why the month came out above or below its target."""
    if table.empty:
        return "kpi.attainment_none", {}
    lines = table.set_index("line")["amount"]
    moves = lines.drop(["target", "actual"])
    largest = moves.abs().idxmax()
    return "kpi.attainment", {
        "target": lines["target"],
        "actual": lines["actual"],
        "line": f"part_{largest}",
        "amount": moves[largest],
    }


def retention(told: dict[str, float]) -> Sentence:
    """Say what became of last year's customers."""
    if told["grr"] != told["grr"]:
        return "kpi.retention_none", {}
    return "kpi.retention", {
        key: told[key] for key in ("n", "grr", "grr_low", "grr_high", "nrr", "nrr_low", "nrr_high", "n_lost")
    }


def reps(table: pd.DataFrame, fitted: fair.Fit | None) -> list[Sentence]:
    """Say whether reps can be told apart at all, what the comparison rests on, and who has too little or nothing."""
    told: list[Sentence] = []
    counts = table["verdict"].value_counts()
    if fitted is None:
        key = (
            "kpi.reps_no_losses"
            if table["n"].sum() >= fair.LEAST_ALL and table["raw"].dropna().eq(1).all()
            else "kpi.reps_no_model"
        )
        told.append((key, {"n": table["n"].sum(), "least": fair.LEAST_ALL}))
    else:
        apart = int(table["distinct"].sum())
        judged = int(len(table) - counts.get("no_deals", 0) - counts.get("too_early", 0))
        told.append(("kpi.reps_apart" if apart else "kpi.reps_alike", {"apart": apart, "of": judged, "n": fitted.n}))
        told.append(
            (
                "kpi.reps_basis" if fitted.features else "kpi.reps_basis_none",
                {"n": fitted.n, "features": len(fitted.features)},
            )
        )
    if counts.get("too_early", 0) and fitted is not None:
        told.append(("kpi.reps_early", {"n": int(counts["too_early"]), "least": fair.LEAST_DEALS}))
    if counts.get("no_deals", 0):
        told.append(
            (
                "kpi.reps_without",
                {"n": int(counts["no_deals"]), "names": _names(table[table["verdict"] == "no_deals"]["rep"])},
            )
        )
    return told


def _names(names: pd.Series, most: int = 12) -> str:
    told = sorted(names.astype(str))
    return ", ".join(told[:most]) + (" …" if len(told) > most else "")


def quarters(spread: pd.DataFrame, gaps: pd.DataFrame, table: pd.DataFrame, twice: pd.DataFrame) -> list[Sentence]:
    """Say how attainment is spread over reps, which quarters lack targets, and which targets are given twice."""
    told: list[Sentence] = []
    if len(twice):
        labels = ", ".join(sorted(twice["period"].astype(str).unique())[:6])
        told.append(("kpi.targets_twice", {"n": len(twice), "periods": labels}))
    if table.empty:
        return [*told, ("kpi.quarters_none", {})]
    if len(spread):
        row = spread.iloc[-1]
        key = "kpi.spread" if row["median"] == row["median"] else "kpi.spread_few"
        told.append(
            (
                key,
                {
                    key: row[key]
                    for key in ("period", "n", "p25", "median", "p75", "reached", "reached_low", "reached_high")
                },
            )
        )
    whole = gaps[gaps["rep"].isna()]
    told += [
        ("kpi.quarter_missing", {"period": r.period, "amount": r.actual, "n": r.n})
        for r in whole.itertuples(index=False)
    ]
    if len(gaps) > len(whole):
        told.append(("kpi.target_missing", {"n": len(gaps) - len(whole), "reps": gaps["rep"].dropna().nunique()}))
    return told


def composite(table: pd.DataFrame, weights: dict[str, float], everyone: pd.DataFrame) -> list[Sentence]:
    """Say how many reps can be ranked at all, how much the order hangs on the weights, and who is not scored."""
    if table.empty:
        return [("kpi.composite_none", {})]
    ranked = int(table["rank"].notna().sum())
    key = "kpi.composite_ranked" if ranked else "kpi.composite_unranked"
    told: list[Sentence] = [(key, {"ranked": ranked, "of": len(table)})]
    if ranked:
        told.append(("kpi.composite_stable", {"keeps": table["keeps"].median()}))
    told += [("kpi.composite_absent", {"measure": name}) for name in weights if name not in table and weights[name] > 0]
    missing = everyone.loc[~everyone["rep"].isin(table["rep"]) & (everyone["n"] > 0), "rep"]
    if len(missing):
        told.append(
            ("kpi.composite_not_scored", {"n": len(missing), "least": fair.LEAST_DEALS, "names": _names(missing)})
        )
    return told


def assessments(table: pd.DataFrame, agreed: pd.DataFrame, problems: pd.DataFrame) -> list[Sentence]:
    """Say how many were assessed by others, who only by themselves, how far raters agree, and what is wrong with the rows."""
    if table.empty and problems.empty:
        return [("kpi.assessed_none", {})]
    told: list[Sentence] = [
        ("kpi.assessed", {"n": table["subject"].nunique(), "dimensions": table["dimension"].nunique()})
    ]
    alone = table[table["mark"] == "self_only"]
    if len(alone):
        told.append(
            ("kpi.self_only", {"n": alone["subject"].nunique(), "names": _names(alone["subject"].drop_duplicates())})
        )
    known = agreed.dropna(subset=["icc"])
    apart = int((known["verdict"] == "apart").sum())
    told.append(("kpi.agreement" if len(known) else "kpi.agreement_few", {"n": len(known), "apart": apart}))
    for problem, group in problems.groupby("problem", sort=True):
        told.append((f"kpi.problem_{problem}", {"n": len(group)}))
    return told


def coaching(points: pd.DataFrame, looked: pd.DataFrame) -> Sentence:
    """Say for how many reps one stage stands out, or why none can."""
    if looked.empty:
        return "kpi.coaching_unknown", {}
    values = {"n": len(points), "looks": len(looked), "reps": looked["rep"].nunique()}
    return ("kpi.coaching" if len(points) else "kpi.coaching_none"), values
