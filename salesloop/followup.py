"""What a stage reads beside its book: the hygiene rules people edit, and its own results of earlier looks."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from salesloop import paths
from salesloop.messages import LANGUAGES, catalogue
from salesloop.metrics.execution.conditions import Rule, read_rules
from salesloop.params import read_yaml
from salesloop.results import Results

_DEFAULT = Path(__file__).parent / "metrics" / "execution" / "hygiene.yml"


def hygiene_rules(unit: str) -> list[Rule]:
    """Return a unit's hygiene rules: its own ``params/<unit>/hygiene.yml`` where there is one, else the default.

    Raises
    ------
    ParameterError
        Every key and condition of the file that cannot be read, at once.
    """
    own = paths.params(unit) / "hygiene.yml"
    return read_rules(read_yaml(own if own.is_file() else _DEFAULT), file=own.name)


def with_topics(checked: pd.DataFrame, rules: list[Rule]) -> pd.DataFrame:
    """Return checked actions with ``topic``: the rule that a proposal was made by, in whichever language, else its words.

    Parameters
    ----------
    checked : DataFrame
        From `salesloop.metrics.execution.check_actions`.
    rules : list of Rule
        From `hygiene_rules`.
    """
    codes = [*(rule.name for rule in rules), "carried"]
    known = {catalogue(lang).get(f"word.{code}", code): code for lang in LANGUAGES for code in codes}
    told = [re.split(": |：", what, maxsplit=1)[0] if isinstance(what, str) else what for what in checked["what"]]
    topics = [known.get(part, what) for part, what in zip(told, checked["what"], strict=True)]
    return checked.assign(topic=pd.Series(topics, index=checked.index, dtype=object))


def month_before(unit: str, period: pd.Period, stage: str) -> Results | None:
    """Return a stage's published results of the month before, or None."""
    return Results.find(paths.reports(unit, str(period - 1)) / "results", stage)


def told_in(unit: str, months: Iterable[str], stage: str, table: str) -> pd.DataFrame:
    """Return a table of a stage as the runs of some months published it, one below the other; empty where none is kept.

    Parameters
    ----------
    unit : str
        The business unit.
    months : iterable of str
        The months, in any order.
    stage, table : str
        The names.
    """
    results = (Results.find(paths.reports(unit, month) / "results", stage) for month in sorted(months))
    found = [one.table(table) for one in results if one is not None]
    filled = [one for one in found if len(one)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


def look_before(unit: str, period: pd.Period, as_of: dt.date, stage: str) -> Results | None:
    """Return a stage's results of the last check-in of a month before a day, or None.

    Parameters
    ----------
    unit : str
        The business unit.
    period, as_of
        The month, and the day before which the check-in has to lie.
    stage : str
        The stage's name.
    """
    folders = (paths.reports(unit, str(period)) / "checkins").glob("????-??-??")
    earlier = sorted((f for f in folders if f.name < str(as_of)), reverse=True)
    return next((found for f in earlier if (found := Results.find(f / "results", stage))), None)


def tables_of(results: Results | None, *names: str) -> dict[str, pd.DataFrame]:
    """Return some tables of earlier results; empty where there are none."""
    return {name: results.table(name) for name in names} if results is not None else {}


def value_of(results: Results | None, name: str) -> float:
    """Return a named value of earlier results, NaN where there are none."""
    return results.value(name) if results is not None else float("nan")


def day_of(results: Results | None) -> str:
    """Return the day of earlier results, empty where there are none."""
    return str(results.content["as_of"]) if results is not None else ""
