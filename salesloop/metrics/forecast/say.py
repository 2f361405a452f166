"""The sentences of the forecast: which message, with which values."""

from __future__ import annotations

import math

import pandas as pd

from salesloop.metrics.forecast import monthly, rules
from salesloop.metrics.forecast.deals import brier
from salesloop.metrics.pipeline import Draws

Sentence = tuple[str, dict]
FORMATS = {"period": "period", "made_in": "period", "level": "word", "lead_months": "count"} | dict.fromkeys(
    ("mean", "p2_5", "p10", "p25", "p50", "p75", "p90", "p97_5"), "money"
)
SHOWN = ("level", "name", "period", "mean", "p10", "p50", "p90")
ACCURACY = {"method": "word", "level": "word", "lead_months": "count", "n": "count", "wape": "percent", "mase": "ratio", "bias": "percent",
            "coverage_80": "percent"}  # fmt: skip
DEALS = {"age_days": "days", "amount": "money", "crm_amount": "money", "p_win": "percent", "p_win_in_period": "percent", "expected": "money",
         "typed": "percent", "swing": "money"}  # fmt: skip
DEALS_SHOWN = (
    "opportunity_id",
    "rep",
    "stage",
    "age_days",
    "crm_amount",
    "p_win_in_period",
    "p_win",
    "typed",
    "expected",
)
MOVERS_SHOWN = ("opportunity_id", "rep", "stage", "crm_amount", "p_win_in_period", "expected", "why", "also")
SCORES = {
    "method": "word",
    "n": "count",
    "brier": "ratio",
    "log_loss": "ratio",
    "gain": "percent",
    "low": "percent",
    "high": "percent",
}
SERIES = {"level": "word", "n": "count", "method": "word", "fallback": "word"} | dict.fromkeys(
    ("mean", "p10", "p90", "p2_5", "p97_5"), "money"
)
BRIDGE = {"line": "word", "amount": "money"}
CALLS = {
    "n": "count",
    "wape": "percent",
    "bias": "percent",
    "factor": "ratio",
    "fva": "points",
    "low": "points",
    "high": "points",
}
BIG_SHARE = 0.25


def headline(forecast: pd.DataFrame) -> Sentence:
    """Say what is expected of the next month."""
    row = first(forecast)
    if row is None:
        return "forecast.nothing", {}
    return "forecast.headline", {"period": row["period"], "p50": row["p50"], "p10": row["p10"], "p90": row["p90"]}


def first(forecast: pd.DataFrame):
    """Return the company's row of the next month, or None."""
    found = forecast[(forecast["level"] == "company") & (forecast["lead_months"] == 1)]
    return found.iloc[0] if len(found) else None


def quarter(told: dict[str, float], label: str) -> Sentence:
    """Say where the quarter is heading."""
    return "forecast.quarter", {"quarter": label, **{key: told[key] for key in ("won", "p50", "p10", "p90")}}


def composition(parts: pd.DataFrame) -> Sentence:
    """Say what the months ahead are made of."""
    sums = parts[parts["part"] != "won"].groupby("part")["amount"].sum()
    total = float(sums.sum())
    if total <= 0:
        return "forecast.composition_none", {}
    told = {name: float(sums.get(name, 0.0)) for name in ("pipeline", "new", "renewal")}
    return "forecast.composition", {"total": total, "share": told["pipeline"] / total, **told}


def new_deals(drawn: Draws) -> list[Sentence]:
    """Say what the deals not yet created are expected from: leads, or the pace at which deals have been created."""
    if drawn.kind == "none":
        return []
    if math.isnan(drawn.from_leads):
        return [("forecast.leads_none", {})]
    return [("forecast.leads_used", {"n": drawn.open_leads, "deals": round(drawn.from_leads)})]


def basis(kind: str, n: int, months: int) -> list[Sentence]:
    """Say what the number of deals and months can carry."""
    return [(f"forecast.model_{kind}", {"n": n}), (f"forecast.{monthly.tier(months)}", {"n": months})]


def widened(scale: float, state_known: str) -> list[Sentence]:
    """Say by how much the ranges are widened where only dates of the past are known."""
    return [("forecast.widened", {"scale": scale})] if state_known == "dates" else []


def series(told: monthly.Monthly) -> list[Sentence]:
    """Say how the monthly series were forecast, and what was found and left out on the way."""
    count, said = int(told.table[["level", "name"]].drop_duplicates().shape[0]), list[Sentence]()
    if len(told.company):
        said.append(("forecast.series_used", {"n": count, "method": f"method_{told.company['method'].iloc[0]}"}))
    for row in told.notes[told.notes["kind"].str.startswith("stack_")].itertuples():
        few = row.kind == "stack_few"
        said.append((f"forecast.series_{row.kind}", {"n": int(row.value)} if few else {"gain": row.value}))
    if len(told.company):
        leads = told.wide_leads
        wide = "80" if not leads else "95" if leads == len(told.company) else "95_near"
        said.append((f"forecast.series_{wide}", {"n": told.n_errors} | ({"leads": leads} if wide == "95_near" else {})))
    return [*said, *_found(told.notes)]


def _found(notes: pd.DataFrame) -> list[Sentence]:
    """Name months that are not over, and series that stand at another level than before."""
    of_company = notes[notes["level"] == monthly.COMPANY]
    open_months, jumps = (of_company[of_company["kind"] == kind] for kind in ("incomplete_month", "level_break"))
    said: list[Sentence] = [("forecast.series_incomplete", {"period": row.period}) for row in open_months.itertuples()]
    said += [("forecast.level_break", {"period": row.period, "change": row.value - 1}) for row in jumps.itertuples()]
    parts = notes[(notes["kind"] == "level_break") & (notes["level"] != monthly.COMPANY)]
    parts = parts[parts["name"] != monthly.OTHERS]
    if len(parts):
        names = ", ".join(dict.fromkeys(parts["name"].astype(str)))
        said.append(("forecast.series_breaks", {"n": len(parts), "names": names}))
    return said


def weighting(weights: pd.DataFrame, errors: pd.DataFrame, *, learned: bool, state_known: str, kind: str) -> Sentence:
    """Say how pipeline and series were weighted and why."""
    share = float(weights["pipeline"].iloc[0]) if len(weights) else float("nan")
    n = int((errors["method"] == "pipeline").sum()) if len(errors) else 0
    if kind == "none":
        return "forecast.weights_series", {}
    reason = "learned" if learned else "dates" if state_known == "dates" else "backtest" if n else "start"
    return f"forecast.weights_{reason}", {
        "share": share,
        "n": int((errors["lead_months"] == 1)[errors["method"] == "pipeline"].sum()) if n else 0,
    }


def leaks(found: pd.DataFrame) -> Sentence:
    """Name the columns that the forecast may not read."""
    if found.empty:
        return "forecast.leaks_none", {}
    return "forecast.leaks", {"n": len(found), "columns": ", ".join(found["column"])}


def bridge(table: pd.DataFrame) -> Sentence:
    """Say how the forecast moved since last period."""
    if table.empty:
        return "forecast.bridge_none", {}
    lines = table.set_index("line")["amount"]
    moves = lines.drop(["start", "end"])
    largest = moves.abs().idxmax()
    return "forecast.bridge", {
        "start": lines["start"],
        "end": lines["end"],
        "line": f"line_{largest}",
        "amount": moves[largest],
    }


def accuracy(table: pd.DataFrame) -> Sentence:
    """Say how accurate the next month's forecast has been, against seasonal naive."""
    lead = table[table["lead_months"] == 1].set_index("method")
    best = "combined" if "combined" in lead.index else "series" if "series" in lead.index else None
    if best is None or "seasonal_naive" not in lead.index:
        return "forecast.accuracy_none", {}
    few = "_few" if lead["n"][best] < rules.SCALE_LEAST else ""
    return f"forecast.accuracy{few}", {
        "wape": lead["wape"][best],
        "naive": lead["wape"]["seasonal_naive"],
        "n": int(lead["n"][best]),
    }


def reliability(told: pd.DataFrame, scores: pd.DataFrame | None = None) -> list[Sentence]:
    """Say how well the chances of deals held, and against the stage table and the probabilities typed into the CRM."""
    if len(told) < 10:
        return [("forecast.reliability_few", {"n": len(told)})]
    p, won = told["p"].to_numpy(), told["won"].to_numpy()
    facts = {"n": len(told), "brier": brier(p, won), "stated": p.mean(), "observed": won.mean()}
    said: list[Sentence] = [("forecast.reliability", facts)]
    for row in () if scores is None else scores[scores["method"] != "deal_model"].itertuples():
        verdict = "nearer" if row.low > 0 else "farther" if row.high < 0 else "alike"
        ends = (-row.gain, -row.high, -row.low) if verdict == "farther" else (row.gain, row.low, row.high)
        facts = dict(zip(("gain", "low", "high"), ends, strict=True)) | {"n": row.n, "up": -row.low}
        said.append((f"forecast.against_{row.method}_{verdict}", facts))
    if scores is not None and "typed_in" not in set(scores["method"]):
        said.append(("forecast.against_typed_in_none", {}))
    return said


def calls(table: pd.DataFrame, correction: rules.Learned, dropped: int) -> list[Sentence]:
    """Say what people's calls are worth so far."""
    told: list[Sentence] = [("forecast.calls_dropped", {"n": dropped})] if dropped else []
    if table.empty:
        return [*told, ("forecast.calls_none", {})]
    if not correction.value:
        return [*told, ("forecast.calls_few", {"n": correction.n})]
    factor = correction.value["company"]  # type: ignore[index]
    return [*told, ("forecast.calls", {"people": len(table), "n": correction.n, "factor": factor})]


def cautions(deals: pd.DataFrame) -> list[Sentence]:
    """Say what about the open deals deserves a warning: none at all, one that is much of the book, missing facts."""
    live = deals[deals["status"] == "open"]
    if live.empty:
        return [("forecast.no_open", {})]
    told: list[Sentence] = []
    total, largest = live["amount"].sum(), live["amount"].max()
    if total > 0 and largest > BIG_SHARE * total and len(live) > 1:
        told.append(("forecast.big_deal", {"share": largest / total, "amount": largest}))
    for column, message in (("created_at", "undated"), ("amount", "unpriced")):
        missing = int(live[column].isna().sum()) if column == "created_at" else int((~(live[column] > 0)).sum())
        if missing:
            told.append((f"forecast.{message}", {"n": missing, "of": len(live)}))
    return told
