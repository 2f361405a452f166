"""Months, quarters and working days. A period is a calendar month; no function here reads a clock."""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache

import pandas as pd

from salesloop.errors import ParameterError

_MONTH = re.compile(r"(\d{4})-(\d{2})")
_LABEL = re.compile(r"(\d{4})(?:[Qq]([1-4]))?")


def parse_period(text: object) -> pd.Period:
    """Return the month that a text names.

    Examples
    --------
    >>> parse_period("2026-10")
    Period('2026-10', 'M')
    """
    if isinstance(text, pd.Period) and text.freqstr == "M":
        return text
    found = _MONTH.fullmatch(str(text).strip())
    if not found or not 1 <= int(found[2]) <= 12 or int(found[1]) < 1900:
        raise ParameterError(
            "period", found=repr(str(text)[:40]), allowed="a calendar month such as 2026-10",
            next_step="name a calendar month; months that run from the 26th to the 25th are not supported",
        )  # fmt: skip
    return pd.Period(f"{found[1]}-{found[2]}", freq="M")


def start(period: pd.Period) -> dt.date:
    """Return a month's first day."""
    return dt.date(period.year, period.month, 1)


def end(period: pd.Period) -> dt.date:
    """Return a month's last day.

    Examples
    --------
    >>> end(parse_period("2024-02"))
    datetime.date(2024, 2, 29)
    """
    return start(period + 1) - dt.timedelta(days=1)


@lru_cache(maxsize=64)
def _calendar(country: str, year: int):
    import holidays

    try:
        return holidays.country_holidays(country, years=[year])
    except NotImplementedError:
        raise ParameterError(
            "country in unit.yml", found=repr(country), allowed="an ISO code such as CN, US, DE",
            next_step="correct country in the unit's unit.yml",
        ) from None  # fmt: skip


def is_working_day(day: dt.date, country: str = "CN") -> bool:
    """Return whether a day is worked: weekends and public holidays are not, make-up Saturdays are.

    Examples
    --------
    >>> is_working_day(dt.date(2026, 2, 14)), is_working_day(dt.date(2026, 2, 17))
    (True, False)
    """
    calendar = _calendar(country, day.year)
    return bool(calendar.is_working_day(day))


@lru_cache(maxsize=4096)
def working_days(period: pd.Period, country: str = "CN") -> int:
    """Return the number of working days of a month.

    Examples
    --------
    >>> working_days(parse_period("2026-02")), working_days(parse_period("2026-03"))
    (16, 22)
    """
    first = start(period)
    return sum(is_working_day(first + dt.timedelta(days=i), country) for i in range(period.days_in_month))


def working_day_share(period: pd.Period, day: dt.date, country: str = "CN") -> float:
    """Return the share of a month's working days that lie up to and including `day` (0 before, 1 after)."""
    first, total = start(period), working_days(period, country)
    days = min(max((day - first).days + 1, 0), period.days_in_month)
    done = sum(is_working_day(first + dt.timedelta(days=i), country) for i in range(days))
    return done / total if total else float("nan")


def known_until(period: pd.Period, close_lag: int = 5, country: str = "CN") -> dt.date:
    """Return the last day whose knowledge counts for a month: its end plus `close_lag` working days.

    Examples
    --------
    >>> known_until(parse_period("2026-10"))
    datetime.date(2026, 11, 6)
    """
    day, left = end(period), close_lag
    while left > 0:
        day += dt.timedelta(days=1)
        left -= is_working_day(day, country)
    return day


def fiscal_year(period: pd.Period, fiscal_start: int = 1) -> int:
    """Return the fiscal year of a month, named by the calendar year in which it ends.

    Examples
    --------
    >>> fiscal_year(parse_period("2026-10"), fiscal_start=4)
    2027
    """
    return period.year if fiscal_start == 1 or period.month < fiscal_start else period.year + 1


def fiscal_quarter(period: pd.Period, fiscal_start: int = 1) -> list[pd.Period]:
    """Return the three months of the fiscal quarter that holds a month."""
    first = period - (period.month - fiscal_start) % 3
    return [first, first + 1, first + 2]


def quarter_label(period: pd.Period, fiscal_start: int = 1) -> str:
    """Return the name of a month's fiscal quarter.

    Examples
    --------
    >>> quarter_label(parse_period("2026-10")), quarter_label(parse_period("2026-10"), fiscal_start=4)
    ('2026Q4', '2027Q3')
    """
    quarter = (period.month - fiscal_start) % 12 // 3 + 1
    return f"{fiscal_year(period, fiscal_start)}Q{quarter}"


def expand(label: object, fiscal_start: int = 1) -> list[pd.Period]:
    """Return the months that a label of a plan file names: a month, a fiscal quarter or a fiscal year.

    Examples
    --------
    >>> [str(p) for p in expand("2026Q4")]
    ['2026-10', '2026-11', '2026-12']
    >>> len(expand("2026"))
    12
    """
    text = str(label).strip()
    if _MONTH.fullmatch(text):
        return [parse_period(text)]
    found = _LABEL.fullmatch(text)
    if not found:
        raise ParameterError(
            "period", found=repr(text[:40]), allowed="2026-10, 2026Q4 or 2026",
            next_step="correct the period in the plan file, or in the call",
        )  # fmt: skip
    year = int(found[1]) - (fiscal_start != 1)
    first = pd.Period(f"{year:04d}-{fiscal_start:02d}", freq="M")
    months = [first + i for i in range(12)]
    return months[3 * int(found[2]) - 3 : 3 * int(found[2])] if found[2] else months


@lru_cache(maxsize=256)
def spring_festival(year: int) -> dt.date:
    """Return the first day of the lunar new year.

    Examples
    --------
    >>> spring_festival(2026), spring_festival(2025)
    (datetime.date(2026, 2, 17), datetime.date(2025, 1, 29))
    """
    import holidays

    calendar = holidays.country_holidays("CN", years=[year], language="en_US")
    return min(calendar.get_named("Spring Festival", lookup="icontains"))
