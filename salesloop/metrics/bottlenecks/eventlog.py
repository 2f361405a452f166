"""Any log of events: after which step cases wait longest; cases not yet ended count for what they have waited so far."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesloop.metrics.bottlenecks import incidence

_LEAST = 20
_LIMIT = 365.0
COLUMNS = ["step", "n", "waiting_share", "mean_days", "p50_days", "low", "high", "p75_days", "censored", "usual_next"]


def slow_steps(log: pd.DataFrame, *, ends: list[str] | None = None) -> pd.DataFrame:
    """Return after which step cases wait, longest in all first.

    Parameters
    ----------
    log : DataFrame
        ``case, step, at``: one row an event; where known also ``ended_at``, when the case ended.
    ends : list of str, optional
        Steps that end a case; by default those that are the last of their case at least half of the time.

    Returns
    -------
    DataFrame
        ``step, n`` (times it was waited after), ``waiting_share`` of all waiting, ``mean_days`` (up to a year),
        ``p50_days`` with 95 % interval ``low, high``, ``p75_days`` (Kaplan-Meier; NaN under 20 ended waits),
        ``censored`` (waits still going on), ``usual_next``.

    Examples
    --------
    >>> log = pd.DataFrame({"case": [1, 1, 1, 2, 2], "step": ["ask", "wait", "done", "ask", "wait"],
    ...     "at": pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-12", "2026-01-05", "2026-01-06"])})
    >>> slow_steps(log, ends=["done"])[["step", "n", "waiting_share", "censored"]].values.tolist()
    [['wait', 2, 0.8888888888888888, 1], ['ask', 2, 0.1111111111111111, 0]]
    """
    waits_ = waits(log, ends=ends)
    rows = [_row(step, part) for step, part in waits_.groupby("step", sort=True)]
    made = pd.DataFrame(rows, columns=["total", *COLUMNS])
    made["waiting_share"] = made["total"] / made["total"].sum() if len(made) and made["total"].sum() > 0 else np.nan
    return made.sort_values("total", ascending=False, kind="stable")[COLUMNS].reset_index(drop=True)


def waits(log: pd.DataFrame, *, ends: list[str] | None = None) -> pd.DataFrame:
    """Return each wait after a step: ``case, step, next, days, ended``.

    The last step of a case waits until the case ended, where the log tells it. Where it does not, there is no wait after
    a step that ends cases, and after any other the wait still goes on.
    """
    log = log.dropna(subset=["case", "at"]).sort_values(["case", "at"], kind="stable").reset_index(drop=True)
    same = log["case"].eq(log["case"].shift(-1))
    step, final = log["step"].astype(str), ~same
    if "ended_at" in log:
        until = log["at"].shift(-1).where(same, log["ended_at"])
        over = final & step.isin(ends or [])
    else:
        until = log["at"].shift(-1).where(same)
        share = final.groupby(step).mean()
        over = final & step.isin(share[share >= 0.5].index if ends is None else ends)
    days = (until.fillna(log["at"].max()) - log["at"]).dt.total_seconds().clip(lower=0) / 86400
    following = step.shift(-1).where(same)
    made = pd.DataFrame({"case": log["case"], "step": step, "next": following, "days": days, "ended": until.notna()})
    return made[~over].reset_index(drop=True)


def _row(step: str, part: pd.DataFrame) -> dict:
    days, ended = part["days"].to_numpy(float), part["ended"].to_numpy(bool)
    curve = incidence.kaplan_meier(np.maximum(days, 1e-6), ended)
    told = incidence.quantile(curve, 0.5) if ended.sum() >= _LEAST else (np.nan,) * 3
    upper = incidence.quantile(curve, 0.75)[0] if ended.sum() >= _LEAST else np.nan
    usual = part["next"].dropna().mode()
    return {"total": days.sum(), "step": step, "n": len(part), "waiting_share": np.nan,
            "mean_days": incidence.restricted_mean(curve, _LIMIT), "p50_days": told[0], "low": told[1], "high": told[2],
            "p75_days": upper, "censored": int((~ended).sum()), "usual_next": usual.iloc[0] if len(usual) else None}  # fmt: skip
