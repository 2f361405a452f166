"""A new unit: its commented unit.yml, the first period's file and empty plan files."""

from __future__ import annotations

from pathlib import Path

from salesloop import paths, whole
from salesloop.params import check_name, load_unit
from salesloop.schema import PLAN_TABLES, TABLES

_COUNTRY = {"CNY": ("CN", "Asia/Shanghai"), "USD": ("US", "America/New_York"), "EUR": ("DE", "Europe/Berlin"),
            "GBP": ("GB", "Europe/London"), "JPY": ("JP", "Asia/Tokyo"), "HKD": ("HK", "Asia/Hong_Kong"),
            "INR": ("IN", "Asia/Kolkata"), "AUD": ("AU", "Australia/Sydney"), "CAD": ("CA", "America/Toronto"),
            "CHF": ("CH", "Europe/Zurich"), "SGD": ("SG", "Asia/Singapore"), "TWD": ("TW", "Asia/Taipei"),
            "KRW": ("KR", "Asia/Seoul"), "SEK": ("SE", "Europe/Stockholm"), "NOK": ("NO", "Europe/Oslo"),
            "DKK": ("DK", "Europe/Copenhagen"), "PLN": ("PL", "Europe/Warsaw"), "CZK": ("CZ", "Europe/Prague"),
            "BRL": ("BR", "America/Sao_Paulo"), "MXN": ("MX", "America/Mexico_City"), "NZD": ("NZ", "Pacific/Auckland"),
            "ZAR": ("ZA", "Africa/Johannesburg"), "AED": ("AE", "Asia/Dubai"), "THB": ("TH", "Asia/Bangkok"),
            "MYR": ("MY", "Asia/Kuala_Lumpur"), "IDR": ("ID", "Asia/Jakarta"), "VND": ("VN", "Asia/Ho_Chi_Minh")}  # fmt: skip
_TEMPLATE = """\
# What this unit is. Every key has a default; delete what you do not need. Unknown keys are refused.
unit: {unit}
name: ""                       # as it stands on the pages
currency: {currency}                  # the home currency, an ISO code
# plan_rates:                  # home money for one unit of another currency, by fiscal year
#   2026: {{USD: 7.1}}
amount_basis: bookings         # bookings, contract or paid
fiscal_year_start: 1           # the month in which the fiscal year begins
time_zone: {zone}
country: {country}                    # whose public holidays and working days count, an ISO code
close_lag_days: 5              # working days after a month's end in which its books are still open
languages: [en, zh]
# segments:                    # further ways to split deals: name -> table and column
#   channel: {{table: opportunities, column: sales_channel}}
# objectives:                  # what targets are linked to
#   - {{id: growth, text: Grow with existing customers}}
locked_horizon: fiscal_quarter # targets that may not move: none, month, fiscal_quarter or fiscal_year
growth: 0.0                    # the growth that the next year's targets shall hold, 0.1 is 10 %
show_rep_names: true
# approve_automatically: []    # technical values that need nobody's approval; all of them by default
# kpi:
#   weights: {{bookings: 0.6, new_customers: 0.2, win_rate: 0.2}}
"""


def create(unit: str, *, currency: str | None = None) -> Path:
    """Write the files of a new unit and return its unit.yml; what is there already is left alone.

    Parameters
    ----------
    unit : str
        Letters, digits, ``-`` and ``_``.
    currency : str, optional
        The home currency as the data show it; CNY where they show none.

    Raises
    ------
    ParameterError
        The name cannot be a unit's.
    """
    check_name(unit)
    file = paths.params(unit) / "unit.yml"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        whole.write(file, _text(unit, currency or "CNY"))
    _plan_files(unit)
    load_unit(unit)
    return file


def _text(unit: str, currency: str) -> str:
    country, zone = _COUNTRY.get(currency, ("CN", "Asia/Shanghai"))
    return _TEMPLATE.format(unit=unit, currency=currency, country=country, zone=zone)


def exists(unit: str) -> bool:
    """Return whether a unit has a unit.yml."""
    return (paths.params(unit) / "unit.yml").is_file()


def untouched(unit: str) -> bool:
    """Return whether a unit is as it was made: nothing came in yet, and nobody has edited its unit.yml.

    So it is after an import that was stopped, or that asked questions: its data may still say what currency it has.
    """
    file = paths.params(unit) / "unit.yml"
    if not file.is_file() or paths.store(unit).is_file():
        return False
    return file.read_text(encoding="utf-8", errors="replace") == _text(unit, load_unit(unit).currency)


def first_period(unit: str, period: object) -> Path:
    """Write the first period's file, which holds no learned value yet, and return it."""
    from salesloop.params import PeriodParams, write_period

    file = paths.params(unit) / f"{period}.yml"
    earlier = list(paths.params(unit).glob("????-??.yml"))
    return file if earlier else write_period(unit, str(period), PeriodParams(period=str(period)))


def _plan_files(unit: str) -> None:
    folder = paths.plan(unit)
    folder.mkdir(parents=True, exist_ok=True)
    for name in PLAN_TABLES:
        if not any((folder / f"{name}.{ending}").is_file() for ending in ("csv", "xlsx")):
            whole.write(folder / f"{name}.csv", ",".join(TABLES[name].columns) + "\n")
