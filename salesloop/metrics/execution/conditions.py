"""The small language of hygiene rules: conditions on columns, read from a YAML file that people edit."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from salesloop.errors import ParameterError, SalesloopError, raise_all

TABLES = ("deals", "accounts", "leads", "activities")
_KEYS = ("table", "where", "when", "days", "step", "move", "warn", "act")
_OPERATORS = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "=": operator.eq}
_COMPARE = re.compile(r"(>=|<=|>|<|=)\s*(-?\d+(?:\.\d+)?|[a-z_]+)")
_RANGE = re.compile(r"(-?\d+(?:\.\d+)?)\s*to\s*(-?\d+(?:\.\d+)?)")
_ALLOWED = "empty, filled, yes, no, '> 30', '<= other_column', '0 to 14', joined by 'or'"


@dataclass(frozen=True)
class Rule:
    """One hygiene rule as the YAML file has it."""

    name: str
    table: str
    where: Mapping[str, Any]
    when: Mapping[str, str]
    days: str | None = None
    step: str = ""
    move: str = "moved"
    warn: bool = False
    act: bool = False


def read_rules(content: Mapping[str, Any], *, file: str = "hygiene.yml") -> list[Rule]:
    """Return the rules of a YAML mapping, in its order; everything wrong is named at once.

    Parameters
    ----------
    content : mapping
        Rule name to its keys.
    file : str
        The file's name, for messages.

    Examples
    --------
    >>> read_rules({"late": {"table": "deals", "when": {"days_overdue": "> 0"}}})[0].name
    'late'
    """
    problems: list[SalesloopError] = []
    rules: list[Rule] = []
    for name, body in content.items():
        found = _problems(str(name), body, file)
        problems += found
        if not found:
            told = {key: value for key, value in body.items() if key not in ("where", "when")}
            when = {str(c): _text(v) for c, v in body["when"].items()}
            rules.append(Rule(str(name), where=dict(body.get("where") or {}), when=when, **told))
    if problems:
        raise_all(problems)
    return rules


def _text(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value).strip()


def _problems(name: str, body: Any, file: str) -> list[SalesloopError]:
    where, step = f"{file}: {name[:40]}", f"correct this rule in {file}"
    if not isinstance(body, Mapping) or not isinstance(body.get("when"), Mapping):
        return [ParameterError(where, found="no conditions", allowed="a mapping with table and when", next_step=step)]
    made: list[SalesloopError] = [ParameterError(f"{where}.{str(key)[:40]}", found="an unknown key", allowed=", ".join(_KEYS), next_step=step)
            for key in body if key not in _KEYS]  # fmt: skip
    if body.get("table") not in TABLES:
        made.append(ParameterError(f"{where}.table", found=str(body.get("table"))[:40], allowed=", ".join(TABLES),
                                   next_step=step))  # fmt: skip
    for column, condition in body["when"].items():
        if not all(_readable(part) for part in _text(condition).split(" or ")):
            made.append(ParameterError(f"{where}.when.{column}", found=_text(condition)[:40], allowed=_ALLOWED,
                                       next_step=step))  # fmt: skip
    return made


def _readable(part: str) -> bool:
    part = part.strip()
    return part in ("empty", "filled", "yes", "no") or bool(_COMPARE.fullmatch(part) or _RANGE.fullmatch(part))


def breaks(rule: Rule, frame: pd.DataFrame) -> pd.Series:
    """Return which rows of a prepared table break a rule.

    Parameters
    ----------
    rule : Rule
        From `read_rules`.
    frame : DataFrame
        Prepared deals, accounts, leads or activities.

    Examples
    --------
    >>> rule = read_rules({"x": {"table": "deals", "where": {"status": "open"}, "when": {"amount": "empty or <= 0"}}})[0]
    >>> breaks(rule, pd.DataFrame({"status": ["open", "open", "won"], "amount": [0.0, 5.0, 0.0]})).tolist()
    [True, False, False]
    """
    found = about(rule, frame)
    for column, condition in rule.when.items():
        found &= _holds(frame, column, condition)
    return found


def about(rule: Rule, frame: pd.DataFrame) -> pd.Series:
    """Return which rows a rule is about."""
    found = pd.Series(True, index=frame.index)
    for column, value in rule.where.items():
        wanted = value if isinstance(value, list) else [value]
        found &= frame[column].isin(wanted) if column in frame else False
    return found


def _holds(frame: pd.DataFrame, column: str, condition: str) -> pd.Series:
    if column not in frame:
        return pd.Series(False, index=frame.index)
    parts = [_one(frame, frame[column], part.strip()) for part in condition.split(" or ")]
    return pd.concat(parts, axis=1).any(axis=1) if len(frame) else pd.Series(False, index=frame.index)


def _one(frame: pd.DataFrame, values: pd.Series, part: str) -> pd.Series:
    if part in ("empty", "filled"):
        text = pd.api.types.is_object_dtype(values) or pd.api.types.is_string_dtype(values)
        blank = values.isna() | (values.astype(str).str.strip().eq("") if text else False)
        return blank if part == "empty" else ~blank
    if part in ("yes", "no"):
        return values.isin([True]) if part == "yes" else values.isin([False])
    if found := _RANGE.fullmatch(part):
        return values.between(float(found[1]), float(found[2])).fillna(False)
    sign, against = _COMPARE.fullmatch(part).groups()  # type: ignore[union-attr]
    number = bool(re.fullmatch(r"-?\d.*", against))
    if not number and against not in frame:
        return pd.Series(False, index=frame.index)
    other = float(against) if number else frame[against]
    return _OPERATORS[sign](values.astype("float64"), other).fillna(False)


def kept(rule: Rule, frame: pd.DataFrame) -> bool:
    """Return whether the source fills the columns that a rule asks about, so that its answer means something.

    A rule that asks whether columns are empty is judged as soon as one of them is filled anywhere; every other column
    it asks about has to be filled somewhere.
    """
    filled = {c: c in frame and frame[c].notna().any() for c in rule.when}
    blank = [c for c, condition in rule.when.items() if "empty" in condition]
    others = [c for c in rule.when if c not in blank]
    against = [m[2] for c in rule.when for m in _COMPARE.finditer(rule.when[c]) if not re.match(r"-?\d", m[2])]
    others_filled = all(filled[c] for c in others) and all(c in frame and frame[c].notna().any() for c in against)
    return len(frame) > 0 and others_filled and (not blank or any(filled[c] for c in blank))
