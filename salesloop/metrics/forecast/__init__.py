"""How much will we book, how sure are we, and who forecasts well: the functions of `20_forecast`, tables in, tables out."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from salesloop import periods
from salesloop.metrics import pipeline
from salesloop.metrics.forecast import backtest, bridge, calls, chances, deals, monthly, outlook, rules, say
from salesloop.metrics.forecast.backtest import accuracy, monthly_bookings, with_combined
from salesloop.metrics.forecast.chances import past_probabilities
from salesloop.metrics.forecast.lookback import LookBack, as_known
from salesloop.metrics.forecast.rules import call_correction, interval_scale, method_weights

__all__ = [
    "LookBack",
    "accuracy", "as_known", "backtest", "bridge", "by_method", "call_correction", "calls", "chances", "deals", "draw", "draw_before",
    "interval_scale", "learn", "method_weights", "monthly", "monthly_bookings", "outlook", "past_probabilities", "rules", "say",
    "tested", "weights_in_force", "with_combined",
]  # fmt: skip
HORIZON, DRAWS, SEED = 12, 5000, 20
_BRIDGED = 4  # months: a quarter that holds next month ends within three more, seen from the month before
_LEAST_ERRORS, _BLIND = 4, 2.0


def draw(
    known: pd.DataFrame, events: pd.DataFrame, stages: pd.DataFrame, *, as_of: dt.date, state_known: str, country: str,
    n: int = DRAWS, leads: pd.DataFrame | None = None, horizon: int = HORIZON, look: LookBack | None = None,
) -> pipeline.Draws:  # fmt: skip
    """Return the pipeline's draws from a frozen state: fit the model, carry every deal forward, draw.

    Parameters
    ----------
    known, events, stages : DataFrame
        ``Book.deals()`` and the canonical tables.
    as_of : date
        The day of the frozen state.
    state_known : {"observed", "events", "dates"}
        With ``dates`` no stage of the past is known: deals go by their age alone.
    country : str
        Whose working days count.
    leads : DataFrame, optional
        The leads; those to come and those now open are a term of their own where they carry it.
    horizon : int, default 12
        Months ahead.
    look : LookBack, optional
        Of the same tables, where there is one already.
    """
    look = look or LookBack(known, events, stages, state_known=state_known, country=country, leads=leads)
    state = look.deals, look.events
    return pipeline.draw(look.prepare(look.fit(*state, as_of), *state, as_of, horizon), n=n, seed=SEED)


def draw_before(
    known: pd.DataFrame,
    events: pd.DataFrame,
    stages: pd.DataFrame,
    *,
    period: pd.Period,
    state_known: str,
    country: str,
    leads: pd.DataFrame | None = None,
    look: LookBack | None = None,
) -> pipeline.Draws:
    """Return the draws as they stood a month earlier, as far ahead as the bridge of the quarter needs."""
    look = look or LookBack(known, events, stages, state_known=state_known, country=country, leads=leads)
    return pipeline.draw(look.ready(period - 1, _BRIDGED), n=DRAWS, seed=SEED)


def tested(
    known: pd.DataFrame,
    events: pd.DataFrame,
    stages: pd.DataFrame,
    *,
    period: pd.Period,
    state_known: str,
    country: str,
    told: monthly.Monthly | None = None,
    leads: pd.DataFrame | None = None,
    look: LookBack | None = None,
) -> pd.DataFrame:
    """Return the back-test; where the past state is known by dates alone the pipeline takes no part in it.

    With `told`, the monthly series' side of it is what that forecast of the panel would have said at earlier ends.
    """
    if state_known != "dates":
        look = look or LookBack(known, events, stages, state_known=state_known, country=country, leads=leads)
    past = None if told is None else told.errors
    return backtest.run(known, look if state_known != "dates" else None, period=period, country=country, past=past)


def prior_weights(errors: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the back-test's weights by lead; at the pipeline's side where there is none."""
    return rules.join_weights(errors, (), backtest.LEADS).value  # type: ignore[return-value]


def weights_in_force(errors: pd.DataFrame, learned: dict | None) -> dict[str, dict[str, float]]:
    """Return the weights this run uses: those that the loop has learned, else the back-test's."""
    return learned or prior_weights(errors)


def by_method(drawn: pipeline.Draws, ahead: pd.DataFrame, *, period: pd.Period, state_known: str) -> pd.DataFrame:
    """Return what pipeline and series each tell of the next months, to be held against what comes.

    Parameters
    ----------
    drawn : Draws
        From `draw`, before anything is joined.
    ahead : DataFrame
        The company's series: `Monthly.company`.

    Returns
    -------
    DataFrame
        ``made_in, lead_months, period, method, forecast``; empty where only dates of the past are known, as then the
        pipeline may know amounts by hindsight, and where one of the two tells nothing.
    """
    told = {"pipeline": drawn.total()[: backtest.LEADS].mean(axis=1), "series": ahead["mean"].to_numpy(dtype=float)}
    known = state_known != "dates" and drawn.kind != "none"
    rows = [
        (period, lead, period + lead, name, float(mean[lead - 1]))
        for lead in range(1, min(len(ahead), backtest.LEADS, len(drawn.months)) + 1) for name, mean in told.items() if known
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["made_in", "lead_months", "period", "method", "forecast"])


def learn(
    errors: pd.DataFrame, graded_in: set[str], told: pd.DataFrame, *, period: pd.Period, scale_in_force: float | None,
    methods: pd.DataFrame | None = None, actual: pd.Series | None = None,
) -> dict[str, rules.Learned]:  # fmt: skip
    """Return what this period teaches: weights by lead, correction of calls, interval scale.

    Parameters
    ----------
    errors : DataFrame
        The back-test with the combined method.
    graded_in : set of str
        The months whose forecasts were promises, so that their errors count as graded.
    told : DataFrame
        Graded calls.
    methods : DataFrame, optional
        What earlier runs told by pipeline and by series, from `by_method`.
    actual : Series, optional
        Bookings by month, for these.
    """
    combined = errors[errors["made_in"].astype(str).isin(graded_in) & (errors["method"] == "combined")]
    rows = rules.each_month_once(errors, methods, pd.Series(dtype=float) if actual is None else actual)
    return {
        "method_weights": rules.join_weights(rows, graded_in, backtest.LEADS),
        "call_correction": rules.call_correction(told, last=period),
        "interval_scale": rules.interval_scale(combined, scale_in_force, 1.0),
    }


def backtest_scale(errors: pd.DataFrame, drawn: pipeline.Draws | None = None, state_known: str = "events") -> float:
    """Return the factor on the interval's width that the back-test asks for.

    1 under 12 errors, within 0.7 to 1.8, and shrunk towards 1 as 72 errors would hold it there: errors of neighbouring
    months and leads share their luck, so a few of them tell little about the width. Where the past is known by dates
    alone, the pipeline has no back-test: its interval is then at least as wide as the monthly series has missed by, and
    twice as wide where even that cannot be told (under 4 errors).
    """
    if state_known == "dates" and drawn is not None:
        return _dates_scale(errors[errors["method"] == "series"], drawn)
    scaled = rules.scaled_errors(errors[errors["method"] == "combined"])
    if len(scaled) < rules.SCALE_LEAST:
        return 1.0
    found, n = np.clip(np.quantile(scaled, min(0.8 * (1 + 1 / len(scaled)), 1.0)), 0.7, 1.8), len(scaled)
    return float(found ** (n / (n + rules.SCALE_LAST)))


def _dates_scale(missed: pd.DataFrame, drawn: pipeline.Draws) -> float:
    low, middle, high = np.quantile(drawn.total()[0], (0.1, 0.5, 0.9))
    usable = missed[missed["forecast"] > 0]
    if len(usable) < _LEAST_ERRORS or not middle > 0 or not high > low:
        return _BLIND
    size = ((usable["actual"] - usable["forecast"]).abs() / usable["forecast"]).to_numpy()
    wanted = np.quantile(size, min(0.8 * (1 + 1 / len(size)), 1.0))
    return float(np.clip(wanted / ((high - low) / (2 * middle)), 1.0, 6.0))


def last_month(as_of: dt.date) -> pd.Period:
    """Return the last complete month."""
    return pipeline.steps.first_month(as_of) - 1


def next_months(as_of: dt.date, n: int = 3) -> list[pd.Period]:
    """Return the next months ahead."""
    first = pipeline.steps.first_month(as_of)
    return [first + i for i in range(n)]


def members(credit, owners: list[str], as_of: dt.date) -> pd.DataFrame:
    """Return who belongs where at a day: ``owner_id, rep, team, region``.

    Parameters
    ----------
    credit : callable
        ``Book.credit``.
    owners : list of str
        The owners of the draws.
    """
    names = pd.Series(owners, dtype=object)
    return outlook.members(owners, credit(names, pd.Series(pd.Timestamp(as_of), index=names.index)))


def fan_table(history: pd.Series, table: pd.DataFrame, months: int = 18) -> pd.DataFrame:
    """Return the fan chart's table: ``period, actual`` of the past, then the company's quantiles."""
    past = history.iloc[-months:].rename("actual").rename_axis("period").reset_index()
    ahead = table[table["level"] == "company"].drop(columns=["made_in", "level", "name", "lead_months"])
    made = pd.concat([past, ahead], ignore_index=True).reindex(columns=["period", "actual", "mean", *outlook.QUANTILES])
    return made.astype({"actual": float} | dict.fromkeys(["mean", *outlook.QUANTILES], float))


def next_values(table: pd.DataFrame) -> dict[str, float]:
    """Return next month's ``p50, p10, p90`` for the company; NaN where nothing can be forecast."""
    row = say.first(table)
    return {key: float("nan") if row is None else float(row[key]) for key in ("p50", "p10", "p90")}


def as_value(told: dict) -> dict[str, float]:
    """Return median and 80 % interval as a named value wants them."""
    return {"value": told["p50"], "low": told["p10"], "high": told["p90"]}


def part_values(parts: pd.DataFrame) -> dict[str, float]:
    """Return the sums by part."""
    sums = parts.groupby("part")["amount"].sum()
    return {name: float(sums.get(name, 0.0)) for name in ("pipeline", "new", "renewal")}


def is_learned(params) -> bool:
    """Return whether the loop has learned weights for this period."""
    return params.value("method_weights") is not None


def quarter(told: outlook.Outlook, history: pd.Series, period: pd.Period, fiscal_start: int) -> dict:
    """Return the fiscal quarter that the next month lies in: ``label, won, mean, p50, p10, p90``."""
    months = periods.fiscal_quarter(period + 1, fiscal_start)
    won = float(history.reindex(months).fillna(0.0).sum())
    found = outlook.window(told, months, won)
    if told.basis == "none":
        found |= dict.fromkeys(("mean", "p50", "p10", "p90"), float("nan"))
    return {"label": periods.quarter_label(period + 1, fiscal_start), **found}


def quarter_bridge(
    before: pipeline.Draws, after: pipeline.Draws, known: pd.DataFrame, told: outlook.Outlook, history: pd.Series,
    period: pd.Period, weights: dict, fiscal_start: int,
    country: str | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return the bridge of the quarter's expected bookings from a month ago to now; empty where there is no deal model."""
    if before.kind == "none" or after.kind == "none":
        return pd.DataFrame({"line": pd.Series(dtype=object), "amount": pd.Series(dtype=float)})
    months = periods.fiscal_quarter(period + 1, fiscal_start)
    then = outlook.join(
        before, history[history.index < period], weights, shares=np.zeros(len(before.owners)), country=country
    )
    won = history.reindex(months).fillna(0.0)
    earlier = float(won[[m for m in months if m < period]].sum())
    start = outlook.window(then, months, earlier)["mean"]
    end = outlook.window(told, months, float(won.sum()))["mean"]
    return bridge.between(before, after, known, period=period, months=months, start=start, end=end)
