"""How close bookings from the pipeline come to what nobody can beat: the true process of simulated companies, continued.

``python -m bench.pipeline [--companies 20]``: companies with seeds that nothing was tuned on, seen from 12, 24 and 33 months
of history. Every method's draws are scored by the CRPS expected over the true process's futures, for the next three months
and their total, as a ratio to the true process itself; the chances of open deals by their log loss against the true ones.
Companies that move otherwise than the model assumes are printed apart. What the true process knows of hidden quality nobody
can see, so that the log loss against it has no reach there that a model could come to; calibration has.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

OUT = Path(__file__).parent / "out" / "pipeline.json"
FIRST_SEED, COMPANIES, OTHERS = 9001, 20, 8
HISTORIES, LONG = (12, 24, 33), 24
MONTHS, FUTURES, FAR = 3, 1000, 12
METHODS = ("ours", "crm", "series")
PLACES = ("month 1", "month 2", "month 3", "total")
TABLES = ("accounts", "opportunities", "stage_events", "stages", "memberships", "reps", "leads")


@dataclass
class Case:
    """One company seen from one day.

    Attributes
    ----------
    crps : dict of str to ndarray
        Of each method and of the true process, by month and for the total.
    inside : dict of str to ndarray
        Share of true futures inside each method's 80 % interval.
    chances : DataFrame
        ``truth_3, ours_3, truth_12, ours_12, typed``: chances of open deals to be won within 3 and 12 months.
    cpu : float
        Seconds to fit and simulate once.
    """

    history: int
    crps: dict[str, np.ndarray] = field(default_factory=dict)
    inside: dict[str, np.ndarray] = field(default_factory=dict)
    chances: pd.DataFrame = field(default_factory=pd.DataFrame)
    cpu: float = 0.0


def spread(values: np.ndarray, fair: bool = False) -> float:
    """Return the mean distance of two draws of the same distribution; `fair` leaves a draw's distance to itself out."""
    x, n = np.sort(values), len(values)
    total = 2.0 * float(((2 * np.arange(n) - n + 1) * x).sum()) / n**2
    return total * n / (n - 1) if fair else total


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean distance of a draw of one distribution to a draw of another.

    Examples
    --------
    >>> distance(np.array([0.0, 2.0]), np.array([1.0, 4.0]))
    2.0
    """
    both = np.sort(np.concatenate([a, b]))
    share = np.searchsorted(np.sort(a), both, side="right") / len(a)
    other = np.searchsorted(np.sort(b), both, side="right") / len(b)
    gap = np.diff(both)
    return float(((share * (1 - other) + other * (1 - share))[:-1] * gap).sum())


def scored(told: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the CRPS of draws expected over the true futures, by month and for the total (both draws x months)."""
    pairs = zip(with_total(told).T, with_total(truth).T, strict=True)
    return np.array([distance(f, y) - 0.5 * spread(f) for f, y in pairs])


def with_total(draws: np.ndarray) -> np.ndarray:
    """Return draws x months with their sum as one more column."""
    return np.column_stack([draws, draws.sum(axis=1)])


def held(told: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the share of true futures inside the 80 % interval, by month and for the total."""
    low, high = np.quantile(with_total(told), (0.1, 0.9), axis=0)
    came = with_total(truth)
    return ((came >= low) & (came <= high)).mean(axis=0)


def crm(deals: pd.DataFrame, first: pd.Period, n: int = 5000) -> np.ndarray:
    """Return the CRM's weighted pipeline as draws: each open deal by its typed probability in its expected month.

    Deals whose expected close is past count in the first month.
    """
    live = deals[(deals["status"] == "open") & deals["expected_close"].notna()]
    month = np.maximum((live["expected_close"].dt.to_period("M") - first).map(lambda gap: gap.n).to_numpy(), 0)
    rng, made = np.random.default_rng(5), np.zeros((n, MONTHS))
    won = rng.random((n, len(live))) < live["probability"].fillna(0).to_numpy(float)[None]
    money = won * live["amount"].fillna(0).to_numpy(float)[None]
    for place in range(MONTHS):
        made[:, place] = money[:, month == place].sum(axis=1)
    return made


def series_alone(drawn, history: pd.Series, country: str, ahead: pd.DataFrame) -> np.ndarray:
    """Return what the stage says where it knows nothing but past bookings."""
    from dataclasses import replace

    from salesloop.metrics import forecast

    nothing = replace(drawn, amount=np.zeros_like(drawn.amount))
    shares = np.full(len(drawn.owners), 1 / len(drawn.owners))
    told = forecast.outlook.join(nothing, history, {}, shares=shares, country=country, ahead=ahead)
    return told.draws.total()[:MONTHS].T


def case(company, month: pd.Period, history: int, config) -> Case:
    """Return one company's case at the end of a month."""
    from salesloop import periods
    from salesloop.book import Book
    from salesloop.metrics import forecast

    day = periods.end(month)
    book = Book.from_tables(
        company.tables(day, known_until=periods.known_until(month, country=config.country), only=TABLES),
        period=month,
        as_of=day,
        config=config,
    )
    deals, events, stages = book.deals(), book.table("stage_events"), book.table("stages")
    deals = forecast.deals.without(deals, forecast.deals.leak_guard(deals)["column"].tolist())
    facts = {"state_known": book.state_known, "country": config.country, "leads": book.table("leads")}
    used = time.process_time()
    drawn = forecast.draw(deals, events, stages, as_of=day, **facts)
    used = time.process_time() - used
    monthly = forecast.monthly.forecast(deals, as_of=day, horizon=forecast.HORIZON, country=config.country)
    errors = forecast.tested(deals, events, stages, period=month, told=monthly, **facts)
    weights = forecast.weights_in_force(errors, None)
    scale = forecast.backtest_scale(forecast.with_combined(errors, weights))
    known = forecast.monthly_bookings(deals, month)
    shares = forecast.outlook.owner_shares(deals, drawn.owners, month)
    told = forecast.outlook.join(
        drawn, known, weights, shares=shares, scale=scale, country=config.country, ahead=monthly.company
    )
    truth = company.futures(day, MONTHS, FUTURES)
    found = {
        "ours": told.draws.total()[:MONTHS].T,
        "crm": crm(deals, month + 1),
        "series": series_alone(drawn, known, config.country, monthly.company),
    }
    found["pipeline unjoined"] = drawn.total()[:MONTHS].T
    made = Case(history, {name: scored(draws, truth) for name, draws in found.items()}, cpu=used)
    made.crps["truth"] = np.array([0.5 * spread(column, fair=True) for column in with_total(truth).T])
    made.inside = {name: held(draws, truth) for name, draws in found.items()}
    made.chances = beside(drawn.deals, deals, company.win_chances(day, FAR, FUTURES))
    return made


def beside(ours: pd.DataFrame, deals: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Return the chances of open deals, true ones beside ours and the typed ones."""
    near, far = ([f"p_{i + 1}" for i in range(n)] for n in (MONTHS, FAR))
    both = truth.merge(ours, on="opportunity_id", suffixes=("_true", "")).merge(
        deals[["opportunity_id", "probability"]]
    )
    return pd.DataFrame({
        "truth_3": both[[f"{name}_true" for name in near]].sum(axis=1), "ours_3": both[near].sum(axis=1),
        "truth_12": both[[f"{name}_true" for name in far]].sum(axis=1), "ours_12": both[far].sum(axis=1),
        "typed": both["probability"].astype(float),
    })  # fmt: skip


def log_loss(told: pd.Series, truth: pd.Series) -> float:
    """Return the log loss of chances expected over what truly may come."""
    p = np.clip(told.to_numpy(float), 1e-3, 1 - 1e-3)
    q = truth.to_numpy(float)
    return float(-(q * np.log(p) + (1 - q) * np.log(1 - p)).mean())


def calibration_error(told: pd.Series, truth: pd.Series) -> float:
    """Return the mean distance of stated and true chances over ten bins of equal numbers of deals."""
    bins = np.array_split(np.argsort(told.to_numpy(), kind="stable"), 10)
    gaps = [abs(told.to_numpy()[one].mean() - truth.to_numpy()[one].mean()) * len(one) for one in bins]
    return float(sum(gaps) / len(told))


def run(seeds: Iterable[int], movement: tuple[str, ...] = (), histories: tuple[int, ...] = HISTORIES) -> list[Case]:
    """Return the cases of companies, each seen from several days."""
    from salesloop.demo import Company, Options
    from salesloop.params import UnitConfig

    config, cases = UnitConfig(unit="bench", currency="CNY", country="CN"), []
    for seed in seeds:
        company = Company(Options(seed=seed, months=max(HISTORIES), movement=movement, feedback=False))
        last = pd.Period(company.today, "M")
        cases += [case(company, last - max(HISTORIES) + n, n, config) for n in histories]
    return cases


def ratios(cases: list[Case], name: str, against: str = "truth") -> np.ndarray:
    """Return one method's mean CRPS over another's, by month and for the total."""
    return sum(one.crps[name] for one in cases) / sum(one.crps[against] for one in cases)


def told(title: str, cases: list[Case]) -> None:
    """Print one group of cases."""
    print(f"\n{title}: {len(cases)} cases; CRPS against the true process, and what the 80 % interval covers")
    print(f"  {'method':18} " + " ".join(f"{place:>8}" for place in PLACES) + "   covers 80 %")
    for name in ("ours", "pipeline unjoined", "crm", "series"):
        cover = np.mean([one.inside[name] for one in cases], axis=0)
        print(
            f"  {name:18} "
            + " ".join(f"{x:8.3f}" for x in ratios(cases, name))
            + "   "
            + " ".join(f"{x:.2f}" for x in cover)
        )
    deals = pd.concat([one.chances for one in cases])
    for span in (MONTHS, FAR):
        truth, best = deals[f"truth_{span}"], log_loss(deals[f"truth_{span}"], deals[f"truth_{span}"])
        print(f"  {len(deals)} open deals, won in {span} months: log loss {log_loss(deals[f'ours_{span}'], truth) / best:.3f} x the true "
              f"chances' (typed {log_loss(deals['typed'], truth) / best:.3f}), calibration error "
              f"{calibration_error(deals[f'ours_{span}'], truth):.4f} (typed {calibration_error(deals['typed'], truth):.4f})", flush=True)  # fmt: skip


def judged(cases: list[Case]) -> list[dict]:
    """Return the rows of the standard companies."""
    long, short = [one for one in cases if one.history >= LONG], [one for one in cases if one.history < LONG]
    rows = []
    for place, name in enumerate(PLACES):
        reach = 1.12 if name == "total" else 1.10
        rows.append(
            _row(f"{name}, {LONG}+ months of history: CRPS x the true process", ratios(long, "ours")[place], reach)
        )
    for place, name in enumerate(PLACES):
        rows.append(
            _row(f"{name}, {LONG}+ months: CRPS x the CRM's weighted pipeline", ratios(long, "ours", "crm")[place], 0.8)
        )
        rows.append(
            _row(f"{name}, {LONG}+ months: CRPS x the series alone", ratios(long, "ours", "series")[place], 0.7)
        )
    for place, name in enumerate(PLACES):
        rows.append(_row(f"{name}, 12 months of history: CRPS x the true process", ratios(short, "ours")[place], 1.4))
    rows += judged_chances(long)
    rows.append(_row("fit and simulate one company: CPU seconds", float(np.median([one.cpu for one in cases])), 0.5))
    return rows


def judged_chances(cases: list[Case], where: str = "") -> list[dict]:
    """Return the rows of open deals' chances."""
    deals, rows = pd.concat([one.chances for one in cases]), []
    for span in (MONTHS, FAR):
        truth, ours = deals[f"truth_{span}"], deals[f"ours_{span}"]
        loss = log_loss(ours, truth) / log_loss(truth, truth)
        rows.append(_row(f"{where}won in {span} months: log loss x the true chances", loss, 1.02))
        rows.append(_row(f"{where}won in {span} months: calibration error", calibration_error(ours, truth), 0.02))
    return rows


def judged_apart(cases: list[Case], movement: str) -> list[dict]:
    """Return the rows of companies that move otherwise: they have a reach for chances alone."""
    found = zip(PLACES, ratios(cases, "ours"), strict=True)
    rows = [_row(f"{movement}: {place}, CRPS x the true process", value, None) for place, value in found]
    return rows + judged_chances(cases, f"{movement}: ")


def _row(name: str, value: float, reach: float | None) -> dict:
    return {"name": name, "value": round(float(value), 4), "reach": reach, "ok": reach is None or bool(value <= reach)}


def main(arguments: list[str] | None = None) -> list[dict]:
    """Measure and print; write bench/out/pipeline.json."""
    from salesloop.demo.options import MOVEMENTS

    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--companies", type=int, default=COMPANIES, help="companies that move as the model assumes")
    asked.add_argument("--others", type=int, default=OTHERS, help="companies of each kind that moves otherwise")
    asked.add_argument("--seed", type=int, default=FIRST_SEED)
    given = asked.parse_args(arguments)
    begun = time.process_time()
    cases = run(range(given.seed, given.seed + given.companies))
    told(f"standard, {LONG} months of history and more", [one for one in cases if one.history >= LONG])
    told("standard, 12 months of history", [one for one in cases if one.history < LONG])
    rows = judged(cases)
    for movement in MOVEMENTS if given.others else ():
        other = run(range(given.seed, given.seed + given.others), (movement,), HISTORIES[1:])
        told(f"{movement}, {LONG} months of history and more", other)
        rows += judged_apart(other, movement)
    print(f"\nCPU of all: {time.process_time() - begun:.0f} s\n")
    for row in rows:
        reach = "no reach" if row["reach"] is None else f"reach {row['reach']:g}"
        print(f"{row['name']:62} {row['value']:8.4f}  ({reach}) {'ok' if row['ok'] else 'MISSED'}")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return rows


if __name__ == "__main__":
    main()
