"""Typed parameters: ``unit.yml`` (what a unit is) and ``<period>.yml`` (what the loop has learned so far)."""

from __future__ import annotations

import difflib
import hashlib
import json
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from salesloop import paths, typed, whole
from salesloop.errors import ParameterError, raise_all
from salesloop.periods import parse_period

TECHNICAL = (
    "method_weights", "series_weights", "call_correction", "interval_scale", "stall_limits", "lever_priors",
    "watched_stages", "watched_themes",
)  # fmt: skip


_Numbers = dict[str, float]
_KINDS: dict[str, Any] = {
    "method_weights": dict[str, _Numbers], "series_weights": dict[str, _Numbers],
    "call_correction": dict[str, float | _Numbers], "interval_scale": float,
    "stall_limits": _Numbers, "lever_priors": dict[str, _Numbers], "watched_stages": list[str], "watched_themes": list[str],
}  # fmt: skip
_ALLOWED = {
    float: "a number", list[str]: "a list of names", _Numbers: "names with a number each",
    dict[str, _Numbers]: "names with names and numbers each", dict[str, float | _Numbers]: "names with numbers",
}  # fmt: skip


class _Typed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Objective(_Typed):
    """What the unit wants to reach; targets name one."""

    id: str
    text: str = ""


class Measure(_Typed):
    """A measure that the unit declares: a sum or count of a column of a canonical table by month."""

    table: str
    date: str
    column: str | None = None
    how: Literal["sum", "count", "mean"] = "sum"
    where: dict[str, str] = {}
    uom: str = "count"
    better: Literal["higher", "lower"] = "higher"


class Segment(_Typed):
    """A named segment: the column of a canonical table that holds it."""

    table: Literal["opportunities", "accounts", "leads"] = "opportunities"
    column: str


class Kpi(_Typed):
    """Weights of the composite."""

    weights: dict[str, float] = {"bookings": 0.6, "new_customers": 0.2, "win_rate": 0.2}
    include_assessments: bool = False


class UnitConfig(_Typed):
    """One business unit.

    Examples
    --------
    >>> UnitConfig(unit="north").currency
    'CNY'
    """

    unit: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")
    name: str = ""
    currency: str = Field("CNY", pattern=r"^[A-Z]{3}$")
    plan_rates: dict[int, dict[str, float]] = {}
    amount_basis: Literal["bookings", "contract", "paid"] = "bookings"
    fiscal_year_start: int = Field(1, ge=1, le=12)
    time_zone: str = "Asia/Shanghai"
    country: str = "CN"
    close_lag_days: int = Field(5, ge=0, le=20)
    languages: tuple[Literal["en", "zh"], ...] = ("en", "zh")
    segments: dict[str, Segment] = {}
    objectives: tuple[Objective, ...] = ()
    measures: dict[str, Measure] = {}
    locked_horizon: Literal["none", "month", "fiscal_quarter", "fiscal_year"] = "fiscal_quarter"
    growth: float = Field(0.0, ge=-0.9, le=5)
    approve_automatically: tuple[str, ...] = TECHNICAL
    show_rep_names: bool = True
    simulation: bool = False
    kpi: Kpi = Kpi()

    @field_validator("plan_rates")
    @classmethod
    def _rates_positive(cls, rates: dict[int, dict[str, float]]) -> dict[int, dict[str, float]]:
        if any(rate <= 0 for year in rates.values() for rate in year.values()):
            raise ValueError("a rate that is not above 0; allowed: home money for one unit of a currency, above 0")
        return rates

    @field_validator("approve_automatically")
    @classmethod
    def _technical_only(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(names) - set(TECHNICAL))
        if unknown:
            raise ValueError(
                f"{', '.join(unknown)[:80]}, which cannot be approved automatically; allowed: {', '.join(TECHNICAL)}"
            )
        return names


class Learned(_Typed):
    """One technical value with where it comes from and who let it in."""

    value: Any
    rule: str = ""
    old: Any = None
    n: int | None = None
    evidence: str = ""
    approved_by: str = ""
    approved_at: str = ""
    by_hand: bool = False
    seal: str = ""

    @property
    def edited(self) -> bool:
        """Whether a person set or changed the value: it bears no seal of an approval, or another value's."""
        return self.by_hand or self.seal != seal(self.value)


def seal(value: Any) -> str:
    """Return a short mark of a value, by which a later edit by hand is seen.

    Examples
    --------
    >>> seal({"a": 1}) == seal({"a": 1.0}), seal(1) == seal(2)
    (True, False)
    """

    def same(part: Any) -> Any:
        if isinstance(part, dict):
            return {str(key): same(found) for key, found in part.items()}
        if isinstance(part, (list, tuple)):
            return [same(found) for found in part]
        return float(part) if isinstance(part, int) and not isinstance(part, bool) else part

    return hashlib.sha256(json.dumps(same(value), sort_keys=True).encode()).hexdigest()[:12]


class PeriodParams(_Typed):
    """The technical values that hold for a period.

    Examples
    --------
    >>> PeriodParams(period="2026-10").value("interval_scale", 1.0)
    1.0
    """

    period: str = ""
    values: dict[Literal[TECHNICAL], Learned] = {}  # type: ignore[valid-type]

    @field_validator("values")
    @classmethod
    def _of_its_kind(cls, values: dict[str, Learned]) -> dict[str, Learned]:
        """Refuse a value of another kind than its rule gives, such as a word where a number belongs."""
        for name, found in values.items():
            try:
                TypeAdapter(_KINDS[name]).validate_python(found.value)
            except ValidationError:
                raise ValueError(f"another kind of value for {name}; allowed: {_ALLOWED[_KINDS[name]]}") from None
        return values

    @field_validator("period")
    @classmethod
    def _a_month(cls, text: str) -> str:
        return str(parse_period(text)) if text else text

    def value(self, name: str, default: Any = None) -> Any:
        """Return a technical value, or `default` where none was learned yet."""
        if name not in TECHNICAL:
            raise ParameterError(
                f"parameter {name!r}", found="no such technical value", allowed=", ".join(TECHNICAL),
                next_step="correct the name",
            )  # fmt: skip
        found = self.values.get(name)  # type: ignore[call-overload]
        return default if found is None else found.value


class _UniqueKeys(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """A safe loader that refuses a key given twice."""


def _mapping(loader: Any, node: yaml.MappingNode) -> dict:
    pairs = [(loader.construct_object(k, deep=True), loader.construct_object(v, deep=True)) for k, v in node.value]
    keys = [key for key, _ in pairs]
    doubled = sorted({str(key) for key in keys if keys.count(key) > 1})
    if doubled:
        raise ParameterError(
            f"key {', '.join(doubled)}", found="it is given twice", allowed="once",
            next_step=f"line {node.start_mark.line + 1}: keep one of them",
        )  # fmt: skip
    return dict(pairs)


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(file: Path) -> dict:
    """Return a YAML file's mapping, read safely; doubled keys and broken YAML are named with the file."""
    try:
        found = yaml.load(file.read_text(encoding="utf-8-sig"), Loader=_UniqueKeys)  # noqa: S506 - a safe loader
    except ParameterError as error:
        raise ParameterError(
            f"{file.name}: {error.thing}", found=error.found, allowed=error.allowed, next_step=error.next_step
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "the file"
        raise ParameterError(
            file.name, found=f"no valid YAML at {where}", allowed="lines of the form `name: value`",
            next_step=f"mend that line of {file.name}",
        ) from None  # fmt: skip
    if found is None:
        return {}
    if not isinstance(found, dict):
        kind = "a list" if isinstance(found, list) else "a single value"
        raise ParameterError(
            file.name, found=kind, allowed="names with a value each, a line `name: value` each",
            next_step=f"correct {file.name}",
        )  # fmt: skip
    return found


def write_yaml(file: Path, content: dict) -> None:
    """Write a mapping as YAML in one step: readers see the old file or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    whole.write(file, yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=110))


def _typed(kind: type[_Typed], content: dict, file: Path) -> Any:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        place = f"params/{file.parent.name}/{file.name}"
        raise_all([typed.problem(kind, problem, file.name, place=place) for problem in error.errors()])


def units() -> list[str]:
    """Return the names of the units that have a unit.yml."""
    return sorted(file.parent.name for file in (paths.root() / "params").glob("*/unit.yml"))


def check_name(unit: str) -> None:
    """Refuse a name that cannot be a unit's."""
    text = str(unit)
    if (
        not isinstance(unit, str)
        or not text.replace("-", "").replace("_", "").isalnum()
        or not text.isascii()
        or len(text) > 40
        or text[0] in "-_"
    ):
        raise ParameterError(
            "UNIT", found=repr(text[:40]), allowed="up to 40 letters, digits, - and _, such as acme or north-2",
            next_step="name the unit again, e.g. UNIT=acme",
        )  # fmt: skip


def load_unit(unit: str) -> UnitConfig:
    """Return a unit's configuration; an unknown unit is named with those that exist."""
    check_name(unit)
    file = paths.params(unit) / "unit.yml"
    if not file.is_file():
        near = difflib.get_close_matches(str(unit), units(), n=1)
        hint = f"did you mean {near[0]}? else " if near else ""
        raise ParameterError(
            f"unit {str(unit)[:40]!r}", found="no unit of this name", allowed=", ".join(units()) or "no unit exists yet",
            next_step=f"{hint}make import UNIT={unit} DATA=folder makes it",
        )  # fmt: skip
    content = read_yaml(file)
    config = _typed(UnitConfig, {"unit": unit, **content}, file)
    if config.unit != unit:
        raise ParameterError(
            f"{file.name}: unit", found=repr(config.unit), allowed=f"{unit!r}, its folder's name",
            next_step=f"correct params/{unit}/unit.yml",
        )  # fmt: skip
    return config


def period_file(unit: str, period: pd.Period | str) -> Path:
    """Return the parameters file of a period, whether it exists or not."""
    return paths.params(unit) / f"{period}.yml"


def load_period(unit: str, period: pd.Period | str) -> PeriodParams:
    """Return the parameters that hold for a period: its own file's, else those of the last earlier file."""
    wanted = str(parse_period(period))
    files = sorted(file for file in paths.params(unit).glob("????-??.yml") if file.stem <= wanted)
    if not files:
        return PeriodParams()
    content = read_yaml(files[-1])
    params = _typed(PeriodParams, content, files[-1])
    if params.period and params.period != files[-1].stem:
        raise ParameterError(
            f"{files[-1].name}: period", found=params.period, allowed=f"{files[-1].stem}, as the file's name says",
            next_step=f"correct params/{unit}/{files[-1].name}",
        )  # fmt: skip
    return params


def write_period(unit: str, period: pd.Period | str, params: PeriodParams) -> Path:
    """Write a period's parameters and return the file."""
    file = period_file(unit, period)
    content = params.model_dump(mode="json", exclude_defaults=True)
    write_yaml(file, {"period": str(period), "values": content.get("values", {})})
    return file
