"""Chances of deals as stated in the past against what came: the model's, the stage table's and those typed into the CRM."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from salesloop import periods
from salesloop.metrics.forecast.deals import brier, log_loss
from salesloop.metrics.forecast.lookback import LookBack
from salesloop.metrics.pipeline.coded import filled, within

_WINDOWS, _STAGE_PRIOR = 4, 5.0
_LEAST_P, _Z80 = 0.01, 1.2816
METHODS = {"deal_model": "p", "stage_table": "p_stage", "typed_in": "typed"}


def past_probabilities(
    known: pd.DataFrame, events: pd.DataFrame, stages: pd.DataFrame, *, period: pd.Period, state_known: str,
    country: str = "CN", months_back: int = 3, look: LookBack | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return chances to be won within `months_back` months as stated then, with what came.

    Parameters
    ----------
    known, events, stages : DataFrame
        ``Book.deals()`` and the canonical tables.
    period : Period
        The last month with facts.
    state_known : {"observed", "events", "dates"}
        With ``dates`` no stage of the past is known.
    country : str
        Whose working days count.
    look : LookBack, optional
        Of the same tables, where there is one already.

    Returns
    -------
    DataFrame
        ``opportunity_id, p`` (the model's chance), ``won`` (0 or 1), ``p_stage`` (the share won of deals that stood in
        the same stage before, shrunk to all deals'), ``typed`` (the CRM's probability where its close date lay within
        the months, else 0). NaN where nothing was known then.
    """
    look = look or LookBack(known, events, stages, state_known=state_known, country=country)
    then, past = look.then(period - months_back)
    told = look.chances(period - months_back, months_back).rename(columns={"p_win": "p"})
    stage = _stages(then[then["opportunity_id"].isin(told["opportunity_id"])])
    told["won"] = _won_by(look, told["opportunity_id"], period)
    table, overall = _stage_table(look, period, months_back)
    told["p_stage"] = told["opportunity_id"].map(stage).map(table).fillna(overall) if look.staged else overall
    told["typed"] = told["opportunity_id"].map(_typed(past, periods.end(period)))
    return told.astype({"typed": float, "p_stage": float})


def _won_by(look: LookBack, ids: pd.Series, last: pd.Period) -> np.ndarray:
    known = look.deals
    wins = known[(known["status"] == "won") & (known["closed_on"] < (last + 1).start_time)]
    return within(ids, wins["opportunity_id"]).astype(float)


def _stages(then: pd.DataFrame) -> dict:
    code, names = filled(then["stage"], "-")
    return dict(zip(then["opportunity_id"], names[code], strict=True))


def _stage_table(look: LookBack, period: pd.Period, months_back: int) -> tuple[dict[str, float], float]:
    """Return the share won within the months by stage, from earlier month ends whose months were over; and of all deals."""
    parts = []
    for back in range(1, _WINDOWS + 1):
        made = period - months_back * (back + 1)
        then, _ = look.then(made)
        live = then[then["status"] == "open"]
        code, names = filled(live["stage"], "-")
        won = _won_by(look, live["opportunity_id"], made + months_back)
        parts.append(pd.DataFrame({"stage": names[code], "won": won}))
    seen = pd.concat(parts, ignore_index=True)
    if seen.empty:
        return {}, float("nan")
    overall, sums = float(seen["won"].mean()), seen.groupby("stage")["won"].agg(["sum", "size"])
    return ((sums["sum"] + _STAGE_PRIOR * overall) / (sums["size"] + _STAGE_PRIOR)).to_dict(), overall


def _typed(past: pd.DataFrame, until: dt.date) -> dict:
    """Return the probabilities last typed by then, 0 for deals whose typed close date lay later."""
    if not {"probability", "expected_close"} <= set(past.columns):
        return {}
    last = (
        past[past["probability"].notna()]
        .sort_values("at", kind="stable")
        .drop_duplicates("opportunity_id", keep="last")
    )
    due = ~(last["expected_close"] > pd.Timestamp(until))
    return dict(zip(last["opportunity_id"], last["probability"].astype(float) * due, strict=True))


def compared(told: pd.DataFrame) -> pd.DataFrame:
    """Return how near chances came, beside each other.

    Parameters
    ----------
    told : DataFrame
        From `past_probabilities`.

    Returns
    -------
    DataFrame
        ``method`` (deal_model, stage_table, typed_in), ``n`` deals, ``brier, log_loss`` (chances held within 1 % and
        99 %), ``gain`` (by what share the model's Brier score on the same deals is lower; none for the model itself),
        ``low, high`` (80 %). A method without a chance for any deal is left out.

    Examples
    --------
    >>> told = pd.DataFrame({"p": [0.9, 0.1], "won": [1.0, 0.0], "p_stage": [0.5, 0.5], "typed": [np.nan, np.nan]})
    >>> compared(told)[["method", "n", "brier", "gain"]].round(2).values.tolist()
    [['deal_model', 2, 0.01, nan], ['stage_table', 2, 0.25, 0.96]]
    """
    rows = []
    for method, column in METHODS.items():
        same = told[told[column].notna()]
        p, won = same[column].to_numpy(float).clip(_LEAST_P, 1 - _LEAST_P), same["won"].to_numpy(float)
        gap = (p - won) ** 2 - (same["p"].to_numpy(float).clip(_LEAST_P, 1 - _LEAST_P) - won) ** 2
        half = _Z80 * gap.std(ddof=1) / np.sqrt(len(gap)) if len(gap) > 1 else np.nan
        if len(same):
            scale = max(brier(p, won), 1e-9) if column != "p" else np.nan
            rows.append({
                "method": method, "n": len(same), "brier": brier(p, won), "log_loss": log_loss(p, won), "gain": gap.mean() / scale,
                "low": (gap.mean() - half) / scale, "high": (gap.mean() + half) / scale,
            })  # fmt: skip
    return pd.DataFrame(rows, columns=["method", "n", "brier", "log_loss", "gain", "low", "high"])
