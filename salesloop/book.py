"""The book: the frozen tables of a period, read-only, columns on demand; the only thing a notebook analyses."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from salesloop import frozen, paths, periods
from salesloop.errors import ParameterError
from salesloop.params import PeriodParams, UnitConfig, load_period, load_unit
from salesloop.schema import LEVELS, TABLES, table

_SEGMENTS = ("region", "team", "segment", "industry", "product", "lead_source", "sales_channel", "type", "size_band")
_MOST_VALUES = 40


class Book:
    """The frozen tables of one unit and period.

    Frames hold home money as floats in major units, days and local times as naive ``datetime64``; every call
    returns a fresh copy, so that nothing done in a notebook changes what another cell reads.

    Attributes
    ----------
    unit, period, as_of, known_until, cut_off
        Whose tables these are, the month, the day that places events (the month's end, or a check-in's day),
        the last day whose knowledge counts, and the last past-tense day of the data.
    config, params
        The unit's configuration and the technical values that hold for the period.
    state_known : {"observed", "events", "dates"}
        How the state of open deals is known; with ``dates`` their amounts are hindsight.
    meta : dict
        What the freeze noted: tie-out, rejects, rows set aside.
    """

    def __init__(
        self, *, config: UnitConfig, period: pd.Period, params: PeriodParams | None = None,
        as_of: dt.date | None = None, meta: Mapping[str, Any] | None = None, folder: Path | None = None,
        tables: Mapping[str, pd.DataFrame] | None = None,
    ):  # fmt: skip
        self.config, self.period, self.params = config, period, params or PeriodParams()
        self.unit, self.currency, self.meta = config.unit, config.currency, dict(meta or {})
        self.as_of = as_of or periods.end(period)
        late = periods.known_until(period, config.close_lag_days, config.country)
        self.known_until = _day(self.meta.get("known_until")) or (as_of or late)
        self.cut_off = _day(self.meta.get("cut_off")) or self.known_until
        self.state_known = self.meta.get("state_known", "events")
        self._folder, self._tables = folder, dict(tables or {})

    @classmethod
    def from_tables(
        cls, tables: Mapping[str, pd.DataFrame], *, period: pd.Period | str, config: UnitConfig | None = None,
        as_of: dt.date | None = None, known_until: dt.date | None = None, params: PeriodParams | None = None,
        state_known: str = "events",
    ) -> Book:  # fmt: skip
        """Return a book over frames in memory that are frozen already, as tests and benchmarks need it."""
        meta = {"state_known": state_known, "known_until": str(known_until) if known_until else None}
        return cls(
            config=config or UnitConfig(unit="memory"), period=periods.parse_period(period), params=params,
            as_of=as_of, meta=meta, tables=tables,
        )  # fmt: skip

    def has(self, *names: str) -> bool:
        """Return whether each of the tables holds at least one row."""
        return all(self._rows(name) > 0 for name in names)

    def _rows(self, name: str) -> int:
        if self._folder is None:
            return len(self._tables.get(table(name).name, ()))
        return int(self.meta.get("tables", {}).get(table(name).name, {}).get("rows", 0))

    def table(self, name: str, columns: Iterable[str] | None = None) -> pd.DataFrame:
        """Return a table as frozen; one that is absent is empty with all its columns.

        Parameters
        ----------
        name : str
            A canonical table, ``adjustments`` or ``opportunity_versions``.
        columns : iterable of str, optional
            Only these columns.
        """
        if name not in self._read:
            self._read[name] = frozen.typed(name, self._raw(name))
        frame = self._read[name]
        if absent := sorted({str(column) for column in columns or ()} - set(frame.columns)):
            raise ParameterError(
                f"table {name}", found=f"no column {', '.join(absent)[:80]}", allowed=", ".join(frame.columns),
                next_step="take some of these columns",
            )  # fmt: skip
        return frame[list(columns)].copy() if columns is not None else frame.copy()

    @cached_property
    def _read(self) -> dict[str, pd.DataFrame]:
        return {}

    def _raw(self, name: str) -> pd.DataFrame:
        if name not in ("adjustments", "opportunity_versions"):
            table(name)
        if self._folder is None or name in self._tables:
            return self._tables.get(name, pd.DataFrame())
        file = self._folder / f"{name}.parquet"
        return self._local(name, frozen.read(file) if file.is_file() else pd.DataFrame())

    def _local(self, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        """Turn stored UTC times into the unit's local times and put home money in `amount`."""
        zone = self.config.time_zone
        for column in TABLES[name].of_type("time") if name in TABLES else ():
            if column in frame:
                local = pd.to_datetime(frame[column]).dt.tz_localize("UTC").dt.tz_convert(zone)
                frame[column] = local.dt.tz_localize(None)
        return frame

    def deals(self) -> pd.DataFrame:
        """Return the opportunities with who is credited and the segments they belong to.

        Returns
        -------
        DataFrame
            The columns of `opportunities`, with ``rep`` (shown name), ``team``, ``region`` and ``manager`` (at
            close for closed deals, at `as_of` for open ones), the account's industry, country, size_band and
            key_account, and the named segments of unit.yml.
        """
        return self._deals.copy()

    @cached_property
    def _deals(self) -> pd.DataFrame:
        deals = self.table("opportunities")
        day = deals["closed_on"].where(deals["status"].isin(["won", "lost", "void"])).fillna(pd.Timestamp(self.as_of))
        credited = self.credit(deals["owner_id"], day)
        deals["rep"] = credited["rep"].fillna(deals["owner"]).fillna(deals["owner_id"])
        deals["team"], deals["manager"] = credited["team"], credited["manager"]
        deals["region"] = credited["region"].fillna(deals["region"])
        deals = frozen.with_accounts(deals, self.table("accounts"))
        return self._named_segments(deals)

    def _named_segments(self, deals: pd.DataFrame) -> pd.DataFrame:
        for name, segment in self.config.segments.items():
            if segment.table == "opportunities":
                deals[name] = deals[segment.column]
            elif segment.table == "accounts":
                accounts = self.table("accounts").drop_duplicates("account_id").set_index("account_id")
                deals[name] = deals["account_id"].map(accounts[segment.column])
        return deals

    def credit(self, owner_id: pd.Series, day: pd.Series) -> pd.DataFrame:
        """Return rep (shown name), team, region and manager of owners on given days, by dated memberships.

        Parameters
        ----------
        owner_id, day : Series
            Whose, and on which day; both with the same index, which the result keeps.
        """
        members = self.table("memberships").dropna(subset=["rep_id"])
        asked = pd.DataFrame({"rep_id": owner_id.astype(object), "on": pd.to_datetime(day).astype("datetime64[us]")})
        asked["_row"] = range(len(asked))
        members["from_on"] = members["from_on"].fillna(pd.Timestamp("1900-01-01"))
        found = pd.merge_asof(
            asked.sort_values("on", kind="stable"), members.sort_values("from_on", kind="stable"),
            left_on="on", right_on="from_on", by="rep_id",
        ).sort_values("_row")  # fmt: skip
        over = found["to_on"].notna() & (found["on"] > found["to_on"])
        found.loc[over, ["team", "region", "manager"]] = None
        found["rep"] = found["rep_id"].map(self.rep_names).astype(object)
        return found[["rep", "team", "region", "manager"]].set_axis(owner_id.index)

    def credited(self, name: str, on: str, owner: str = "owner_id") -> pd.DataFrame:
        """Return a table with rep, team and region of its owner on the day in column `on`."""
        frame = self.table(name)
        credit = self.credit(frame[owner], frame[on].fillna(pd.Timestamp(self.as_of)))
        return frame.drop(columns=["team", "region"], errors="ignore").join(credit[["rep", "team", "region"]])

    def facts(self, measure: str) -> pd.DataFrame:
        """Return the dated facts of a measure up to `as_of`; see `salesloop.metrics.measures.facts`."""
        return self._dated(measure).copy()

    def _dated(self, measure: str) -> pd.DataFrame:
        from salesloop.metrics import measures

        if measure not in self._facts:
            self._facts[measure] = self._measured(measures, measure)
        return self._facts[measure]

    def actual(self, measure: str, scope: str, months: Iterable[pd.Period]) -> tuple[float, int]:
        """Return a measure's value and count for a scope such as ``"company"`` or ``"team:North"`` over some months.

        NaN and 0 where the data do not carry the measure.

        Raises
        ------
        ParameterError
            The scope is none, or a month is none.
        """
        from salesloop.metrics import measures

        if measure not in (*measures.ADDITIVE, *measures.RATES, *self.config.measures):
            return float("nan"), 0
        level, _, name = str(scope).partition(":")
        if level not in LEVELS:
            raise ParameterError(
                "scope", found=repr(scope)[:60], allowed="company, or region:, team: or rep: with a name",
                next_step='write it as "team:North"',
            )  # fmt: skip
        months = [
            periods.parse_period(month) for month in ([months] if isinstance(months, (str, pd.Period)) else months)
        ]
        facts, key = self._dated(measure), (measure, level)
        if key not in self._sums:
            self._sums[key] = measures.monthly(facts, level) if len(facts) else {}
        return measures.actual(facts, measure, level, name or None, months, self._sums[key])

    def _measured(self, measures, measure: str) -> pd.DataFrame:
        if measure in self.config.measures:
            return self._declared(measures, measure)
        others: dict[str, pd.DataFrame] = {}
        if measure == "activities" and self.has("activities"):
            others["activities"] = self.credited("activities", "done_at")
        if measure in ("csat", "nps") and self.has("feedback"):
            others["feedback"] = self._feedback()
        if measure == "collected" and self.has("payments"):
            owner = (
                self.table("opportunities").drop_duplicates("opportunity_id").set_index("opportunity_id")["owner_id"]
            )
            paid = self.table("payments")
            credit = self.credit(paid["opportunity_id"].map(owner), paid["paid_on"])
            others["payments"] = paid.join(credit[["rep", "team", "region"]])
        facts = measures.facts(measure, deals=self._deals, **others)
        return facts[facts["on"] <= pd.Timestamp(self.as_of)].reset_index(drop=True)

    def _declared(self, measures, measure: str) -> pd.DataFrame:
        spec = self.config.measures[measure]
        if spec.table == "opportunities":
            frame = self.deals()
        else:
            owned = "owner_id" in table(spec.table).columns and spec.date in table(spec.table).columns
            frame = self.credited(spec.table, spec.date) if owned else self.table(spec.table)
        facts = measures.declared(frame, date=spec.date, column=spec.column, how=spec.how, where=spec.where)
        facts["on"] = pd.to_datetime(facts["on"])
        return facts[facts["on"] <= pd.Timestamp(self.as_of)].reset_index(drop=True)

    def _feedback(self) -> pd.DataFrame:
        said = self.table("feedback")
        ids = {name: key for key, name in self.rep_names.items()}
        credit = self.credit(said["rep"].map(ids), said["date"].fillna(pd.Timestamp(self.as_of)))
        return said.drop(columns="rep").join(credit[["rep", "team", "region"]])

    @cached_property
    def _facts(self) -> dict[str, pd.DataFrame]:
        return {}

    @cached_property
    def _sums(self) -> dict[tuple[str, str], dict]:
        return {}

    @cached_property
    def rep_names(self) -> dict[str, str]:
        """The name shown for each rep id; two of one name are told apart by their ids."""
        reps = self.table("reps").drop_duplicates("rep_id").set_index("rep_id")["name"]
        reps = reps.fillna(pd.Series(reps.index, index=reps.index))
        twice = reps.duplicated(keep=False)
        return {key: f"{name} ({key})" if twice[key] else name for key, name in reps.items()}

    @property
    def segments(self) -> list[str]:
        """The columns of `deals` that split them into 2 to 40 segments."""
        wanted = [*dict.fromkeys([*_SEGMENTS, *self.config.segments])]
        counts = {name: self._deals[name].nunique() for name in wanted if name in self._deals}
        return [name for name, n in counts.items() if 2 <= n <= _MOST_VALUES]

    def __repr__(self) -> str:
        return f"Book({self.unit!r}, {str(self.period)!r}, as_of={self.as_of}, state_known={self.state_known!r})"


def _day(text: object) -> dt.date | None:
    return dt.date.fromisoformat(str(text)[:10]) if text else None


def frozen_periods(unit: str) -> list[pd.Period]:
    """Return the periods that a unit has frozen, oldest first."""
    folders = paths.data(unit).glob("snapshots/????-??")
    return sorted(pd.Period(folder.name, freq="M") for folder in folders if (folder / "meta.json").is_file())


def open_book(unit: str = "demo", period: str | pd.Period = "latest", as_of: dt.date | str | None = None) -> Book:
    """Open the frozen tables of a period.

    Parameters
    ----------
    unit : str
        The business unit.
    period : str
        A month such as ``"2026-10"``, or ``"latest"`` for the last frozen one.
    as_of : date or ISO text, optional
        The day of a check-in inside the period.

    Raises
    ------
    ParameterError
        The unit is unknown, or the period is not frozen.
    """
    config, have = load_unit(unit), frozen_periods(unit)
    day = _asked_day(as_of)
    month = have[-1] if period in ("latest", None, "") and have else None
    month = month or (periods.parse_period(period) if period not in ("latest", None, "") else None)
    folder = paths.snapshot(unit, str(month) if day is None else f"{month}@{day}")
    if month is None or not (folder / "meta.json").is_file():
        known = f"{have[0]} to {have[-1]}" if have else "none yet"
        raise ParameterError(
            f"period {str(period)[:10]!r} of unit {unit!r}", found="no frozen tables" + (f" as of {day}" if day else ""),
            allowed=f"frozen periods: {known}", next_step=f"make report UNIT={unit} PERIOD={month or 'latest'}",
        )  # fmt: skip
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    return Book(config=config, period=month, params=load_period(unit, month), as_of=day, meta=meta, folder=folder)


def _asked_day(as_of: dt.date | str | None) -> dt.date | None:
    """Return the day of a check-in, if one was asked for."""
    try:
        return dt.date.fromisoformat(str(as_of)[:10]) if as_of is not None else None
    except ValueError:
        raise ParameterError(
            "as_of", found=repr(as_of)[:20], allowed="a day of the calendar, such as 2026-10-14",
            next_step="name such a day, or leave as_of out",
        ) from None  # fmt: skip
