"""The loop closes here: results become a proposal, approval turns it into the next plan, promises go to the ledger."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from salesloop import approvals, ledger, params, paths, periods, rules
from salesloop.book import Book
from salesloop.errors import ParameterError
from salesloop.params import Learned, PeriodParams, UnitConfig, load_period, load_unit, read_yaml, write_yaml
from salesloop.results import Results, Stage

AUTOMATIC, SIMULATION = "automatic", "simulation"
_PROMISED_LEADS = 3


def propose(stage: Stage) -> list[rules.Change]:
    """Return every change that the results of a period propose for the next one.

    Parameters
    ----------
    stage : Stage
        The brief: its upstream stages give the results, its book the parameters in force and the plan.
    """
    old, config = stage.book.params, stage.book.config
    changes: list[rules.Change] = []
    if (found := stage.upstream("review")) is not None:
        changes += rules.lever_priors(found.table("lever_grades"), old.value("lever_priors", {}))
    if (found := stage.upstream("forecast")) is not None:
        changes += _learned(found.table("learned"), old)
    if (found := stage.upstream("bottlenecks")) is not None:
        changes += rules.stall_limits(found.table("stall_limits"), old.value("stall_limits", {}))
        changes += rules.watched(
            "watched_stages", found.table("watch"), ["stage", "segment"], old.value("watched_stages", [])
        )
    if (found := stage.upstream("feedback")) is not None:
        changes += rules.watched("watched_themes", found.table("watch"), ["theme"], old.value("watched_themes", []))
    changes += _targets(stage, config)
    if (found := stage.upstream("whatif")) is not None:
        changes += rules.interventions(found.table("proposals"))
    return changes + rules.open_actions(_actions_proposed(stage))


def _actions_proposed(stage: Stage) -> pd.DataFrame:
    """Return the actions that execution and feedback would open, as one table."""
    names = {"execution": "open_actions_proposed", "feedback": "actions_proposed"}
    found = [upstream.table(name) for other, name in names.items() if (upstream := stage.upstream(other)) is not None]
    filled = [table.astype(object) for table in found if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


def _learned(learned: pd.DataFrame, old: PeriodParams) -> list[rules.Change]:
    """Take the forecast's own technical values: weights, correction of calls, interval scale."""
    made = []
    for row in learned.itertuples():
        new, before = json.loads(row.value), old.value(row.parameter)
        if new != before:
            made.append(rules.Change(row.parameter, "technical", row.parameter, before, new, row.rule, row.cap, int(row.n),
                                     "forecast.accuracy", f"loop.reason.{row.parameter}", {"n": int(row.n)}))  # fmt: skip
    return made


def _targets(stage: Stage, config: UnitConfig) -> list[rules.Change]:
    from salesloop.metrics import measures

    book, facts = stage.book, stage.book.facts("bookings")
    if facts.empty:
        return []
    months = pd.period_range(facts["on"].min().to_period("M"), book.period, freq="M")
    tables = [
        measures.by_month(facts, "bookings", level, months).assign(level=level)
        for level in ("company", "region", "team")
    ]
    locked = rules.locked_months(book.period, config.locked_horizon, config.fiscal_year_start)
    return rules.next_targets(
        pd.concat(tables, ignore_index=True), _base_plan(book), period=book.period, growth=config.growth, locked=locked,
        fiscal_start=config.fiscal_year_start, within=_within(book),
    )  # fmt: skip


def _base_plan(book: Book) -> pd.DataFrame:
    """Return the plan's base targets of bookings as amounts, the last said last; rows that ask for nothing are left out."""
    plan = book.table("targets")
    plan = plan[(plan["measure"] == "bookings") & (plan["tier"].fillna("base") == "base") & (plan["basis"] != "growth")]
    plan = plan[plan["amount"] >= 0].sort_values("valid_from", na_position="first", kind="stable")
    plan["period"] = plan["period"].astype(str).str.strip().str.upper()
    return plan


def _within(book: Book) -> dict[str, dict[str, str]]:
    """Return today's region of each team and team of each rep; a team in several regions has none."""
    members = book.table("memberships")
    day = pd.Timestamp(book.as_of)
    here = members[members["to_on"].isna() | (members["to_on"] > day)]
    here = here[here["from_on"].isna() | (here["from_on"] <= day)]
    one = here.dropna(subset=["team", "region"]).groupby("team")["region"].agg(["nunique", "first"])
    reps = here.dropna(subset=["team"]).sort_values("from_on", na_position="first", kind="stable")
    names = reps["rep_id"].map(book.rep_names).fillna(reps["rep_id"])
    return {
        "team": one.loc[one["nunique"] == 1, "first"].to_dict(),
        "rep": dict(zip(names, reps["team"], strict=True)),
    }


def proposal_file(unit: str, period: pd.Period | str) -> Path:
    """Return where a period's proposal is kept: beside the parameters, so that `make clean` leaves it."""
    return paths.params(unit) / "proposals" / f"{period}.yml"


def latest_proposal(unit: str) -> str:
    """Return the last month that has a proposal."""
    found = sorted(file.stem for file in proposal_file(unit, "x").parent.glob("????-??.yml"))
    if not found:
        raise ParameterError(
            f"proposals of unit {unit!r}", found="none", allowed="a month whose report was made",
            next_step=f"make report UNIT={unit}",
        )  # fmt: skip
    return found[-1]


def approval_day(unit: str, period: pd.Period | str, today: dt.date) -> dt.date:
    """Return the day an approval is dated.

    It is today, but where the month it is for has not been run yet, at the latest the last day that counts for that
    month: months of the past can be gone through one by one.
    """
    following, config = periods.parse_period(period) + 1, load_unit(unit)
    if (paths.reports(unit, str(following)) / "manifest.json").is_file():
        return today
    return min(today, periods.known_until(following, config.close_lag_days, config.country))


def close(unit: str, period: pd.Period | str, folder: Path, *, when: str) -> int:
    """Close a period's published run: keep its proposal, append promises and grades, approve what approves itself.

    Parameters
    ----------
    unit, period : str
        The run that was published.
    folder : Path
        Its ``results`` folder.
    when : str
        The day the approval is dated: the period's known_until, never a clock.

    Returns
    -------
    int
        How many promises and grades were new in the ledger.
    """
    brief = Results.find(folder, "brief")
    changes = brief.table("proposal").to_dict("records") if brief else []
    changes = [{**row, **{key: json.loads(row[key]) for key in ("old", "new", "values")}} for row in changes]
    _keep_proposal(unit, str(period), changes)
    changes = read_yaml(proposal_file(unit, period))["changes"]
    lines = [
        *_grade_lines(folder, str(period)),
        *_forecast_lines(unit, folder, str(period)),
        *_target_lines(unit, str(period)),
    ]
    added = ledger.append(unit, lines)
    config = load_unit(unit)
    technical = [
        row["id"] for row in changes if row["kind"] == "technical" and row["parameter"] in config.approve_automatically
    ]
    if technical:
        added += approve(unit, period, by=AUTOMATIC, only=technical, when=when)
    if config.simulation:
        added += approve(unit, period, by=SIMULATION, when=when)
    return added


def _keep_proposal(unit: str, period: str, changes: list[dict]) -> None:
    file = proposal_file(unit, period)
    if not file.is_file():
        write_yaml(
            file, {"unit": unit, "period": period, "for": str(periods.parse_period(period) + 1), "changes": changes}
        )


def approve(unit: str, period: pd.Period | str, *, by: str, only: Iterable[str] | None = None, when: str) -> int:
    """Write approved changes of a period's proposal into the next period's parameters and the plan files.

    Parameters
    ----------
    unit, period : str
        Whose proposal.
    by : str
        Who approves.
    only : iterable of str, optional
        Ids of the changes; all by default.
    when : str
        The day of the approval.

    Returns
    -------
    int
        Promises that the approval added to the ledger.
    """
    file = proposal_file(unit, period)
    if not file.is_file():
        raise ParameterError(
            f"proposal of {period}", found="none", allowed="a month whose report was made",
            next_step=f"make report UNIT={unit} PERIOD={period}",
        )  # fmt: skip
    changes = read_yaml(file)["changes"]
    wanted = None if only is None else list(only)
    unknown = sorted(set(wanted or ()) - {row["id"] for row in changes})
    if unknown:
        raise ParameterError(
            "ONLY", found=f"no such change: {', '.join(unknown)[:80]}",
            allowed=", ".join(r["id"] for r in changes) or "none: nothing is proposed",
            next_step=f"take the ids from the brief of {period}",
        )  # fmt: skip
    chosen = [row for row in changes if wanted is None or row["id"] in wanted]
    _approve_technical(unit, str(period), [row for row in chosen if row["kind"] == "technical"], by, when)
    rows = [row for row in chosen if row["kind"] != "technical"]
    for name in ("target", "action", "intervention"):
        approvals.add_rows(unit, f"{name}s", [row for row in rows if row["kind"] == name], when)
    approvals.record(unit, str(period), chosen, by=by, when=when)
    return ledger.append(unit, [line for row in rows if (line := _promise(unit, str(period), row))])


def _approve_technical(unit: str, period: str, rows: list[dict], by: str, when: str) -> None:
    """Write technical values for the next period; one that a person set by hand stays.

    What a person wrote into the next period's own file wins over any approval; what they wrote into an earlier one holds
    until a person, not the loop by itself, approves another.
    """
    following = periods.parse_period(period) + 1
    now = load_period(unit, following)
    values = {name: _by_hand(found) for name, found in now.values.items()}
    own = params.period_file(unit, following).is_file()
    alone = by in (AUTOMATIC, SIMULATION)
    for row in rows:
        held = values.get(row["parameter"])
        if held is not None and held.by_hand and (own or alone):
            continue
        if held is not None and own and held.approved_by and held.value == row["new"]:
            continue
        values[row["parameter"]] = Learned(
            value=row["new"], rule=row["rule"], old=row["old"], n=row["n"], evidence=f"{period} {row['evidence']}",
            approved_by=by, approved_at=when, seal=params.seal(row["new"]),
        )  # fmt: skip
    if rows or own:
        params.write_period(unit, following, PeriodParams(period=str(following), values=values))


def _by_hand(found: Learned) -> Learned:
    """Mark a value that a person changed in the file after it was approved."""
    return found.model_copy(update={"by_hand": True}) if found.edited else found


def _line(kind: str, period: str, *, id: str, due: str, scope: str, measure: str, value: Any, uom: str,
          evidence: str, low: Any = None, high: Any = None, confidence: float | None = None) -> dict[str, Any]:  # fmt: skip
    return {"id": id, "kind": kind, "made_in": period, "due": due, "scope": scope, "measure": measure, "value": value,
            "low": low, "high": high, "confidence": confidence, "uom": uom, "evidence": evidence}  # fmt: skip


def scope(level: str, name: object) -> str:
    """Return how the ledger writes a scope.

    Examples
    --------
    >>> scope("company", None), scope("team", "North")
    ('company', 'team:North')
    """
    return "company" if level == "company" else f"{level}:{name}"


def _forecast_lines(unit: str, folder: Path, period: str) -> list[dict]:
    found = Results.find(folder, "forecast")
    table = found.table("bookings_forecast") if found else pd.DataFrame()
    if table.empty:
        return []
    table = table[table["level"].isin(["company", "region", "team"]) & (table["lead_months"] <= _PROMISED_LEADS)]
    uom = load_unit(unit).currency
    return [
        _line("forecast", period, id=f"forecast:{period}:{scope(row.level, row.name)}:bookings:{row.period}", due=str(row.period),
              scope=scope(row.level, row.name), measure="bookings", value=_cent(row.p50), low=_cent(row.p10),
              high=_cent(row.p90), confidence=0.8, uom=uom, evidence="forecast.bookings_forecast")
        for row in table.drop(columns="name").assign(name=table["name"]).itertuples(index=False)
    ]  # fmt: skip


def _target_lines(unit: str, period: str) -> list[dict]:
    """Promise the targets that people wrote for months after this period, as they now stand in the plan."""
    from salesloop.book import open_book

    book = open_book(unit, period)
    plan = book.table("targets")
    plan = plan[plan["tier"].fillna("base") == "base"].sort_values("valid_from", na_position="first")
    plan = plan[(plan["basis"] != "growth") & plan["amount"].notna()]
    plan = plan.drop_duplicates(["period", "level", "name", "measure"], keep="last")
    return [
        _target_line(unit, period, row) for row in plan.to_dict("records")
        if str(row["period"]) > period and len(str(row["period"])) == 7
    ]  # fmt: skip


def _target_line(unit: str, period: str, row: dict) -> dict:
    where = scope(row["level"] or "company", row["name"])
    uom = load_unit(unit).currency if row["measure"] in ("bookings", "pipeline_created", "collected") else "count"
    return _line("target", period, id=f"target:{row['period']}:{where}:{row['measure']}", due=str(row["period"]), scope=where,
                 measure=row["measure"], value=_cent(row["amount"]), uom=uom, evidence="plan/targets")  # fmt: skip


def _promise(unit: str, period: str, change: dict) -> dict | None:
    row = change["new"]
    if change["kind"] == "target":
        return _target_line(unit, period, row)
    if change["kind"] == "action":
        due = str(row["due"])[:7] if row.get("due") else str(periods.parse_period(period) + 1)
        of_share = str(row.get("measure") or "").startswith("theme:")
        return _line("action", period, id=change["id"], due=due, scope=row.get("owner") or "company",
                     measure="theme_share" if of_share else row.get("expected_move") or "moved",
                     value=1.0 if of_share else float(change["n"]), uom="count" if of_share else "deals",
                     evidence=change["evidence"])  # fmt: skip
    values = change["values"]
    where = " / ".join(one for one in (row.get("stage"), row["applies_to"]) if one)
    due = str(row["end"])[:7] if row.get("end") else str(periods.parse_period(period) + 3)
    return _line("whatif", period, id=change["id"], due=due, scope=f"{row['lever']}:{where}",
                 measure="bookings", value=_cent(values["effect"]), low=_cent(values["low"]), high=_cent(values["high"]),
                 confidence=0.8, uom=load_unit(unit).currency, evidence=change["evidence"])  # fmt: skip


def _grade_lines(folder: Path, period: str) -> list[dict]:
    found = Results.find(folder, "review")
    graded = found.table("grades") if found else pd.DataFrame()
    return [
        {"id": row["id"], "graded_in": period, "actual": _cent(row["actual"]), "outcome": row["outcome"],
         "error": _cent(row["error"]), "n": int(row["n"])}
        for row in graded.to_dict("records") if row["outcome"] != "not_due"
    ]  # fmt: skip


def _cent(value: Any) -> float | None:
    return None if pd.isna(value) else round(float(value), 2)
