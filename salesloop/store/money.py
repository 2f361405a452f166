"""Home money: plan rates of the fiscal year, else the month's rate; what has no rate is set apart, never guessed."""

from __future__ import annotations

import datetime as dt

import duckdb
import pandas as pd

from salesloop import periods
from salesloop.params import UnitConfig
from salesloop.schema import TABLES
from salesloop.store.base import literal
from salesloop.store.state import View, table_state

DATED = {
    "opportunities": "closed_on", "orders": "ordered_on", "order_lines": "ordered_on", "payments": "paid_on",
    "products": None,
}  # fmt: skip
"""The tables with a currency of their own, and the day whose rate counts (none or open: the period's end)."""


def rates(connection: duckdb.DuckDBPyConnection, view: View, config: UnitConfig) -> None:
    """Make the temporary table ``rates`` (currency, month, until, rate); a fiscal year's plan rate stands before a month's.

    A month without a rate takes the last earlier one.
    """
    connection.execute("CREATE OR REPLACE TEMP TABLE stated (currency VARCHAR, month DATE, rate DECIMAL(18,8))")
    planned = [
        (currency.upper(), periods.start(month), str(rate)) for year, named in sorted(config.plan_rates.items())
        for currency, rate in sorted(named.items()) for month in _fiscal_months(year, config.fiscal_year_start)
    ]  # fmt: skip
    if planned:
        connection.executemany("INSERT INTO stated VALUES (?, ?, CAST(? AS DECIMAL(18,8)))", planned)
    connection.execute(f"""
        INSERT INTO stated SELECT upper(currency), day, min(rate) FROM (
            SELECT currency, try_cast(left(month, 7) || '-01' AS DATE) AS day,
                   CAST(rate_to_home AS DECIMAL(18,8)) AS rate FROM ({table_state("fx_rates", view)}))
        WHERE day IS NOT NULL AND rate > 0 AND (upper(currency), day) NOT IN (SELECT (currency, month) FROM stated)
        GROUP BY ALL""")
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE rates AS
        SELECT currency, month, lead(month, 1, DATE '9999-01-01') OVER (PARTITION BY currency ORDER BY month) AS until, rate
        FROM stated""")


def _fiscal_months(year: int, start: int) -> list[pd.Period]:
    first = pd.Period(f"{year - (start != 1):04d}-{start:02d}", freq="M")
    return [first + i for i in range(12)]


def with_home(rows: str, name: str, *, config: UnitConfig, end: dt.date) -> str:
    """Return SQL for rows with ``currency`` filled in, ``rate`` and ``amount_home``; NULL where there is no rate.

    Prices are turned into home money where they stand.

    Parameters
    ----------
    rows : str
        SQL for a table's state.
    name : str
        The table.
    config : UnitConfig
        Its currency is that of rows which bear none.
    end : date
        The day whose rate counts for what is open.
    """
    dated = DATED[name]
    day = f'coalesce("{dated}", {literal(end)})' if dated else literal(end)
    home = f"'{config.currency}'"
    found = f"""
        SELECT d.* EXCLUDE (on_day), CASE WHEN d.currency = {home} THEN 1 ELSE r.rate END AS rate
        FROM (SELECT * REPLACE (coalesce(upper(currency), {home}) AS currency), {day} AS on_day FROM ({rows})) d
        LEFT JOIN rates r ON d.currency = r.currency AND d.on_day >= r.month AND d.on_day < r.until"""
    money = TABLES[name].of_type("money")
    prices = ", ".join(f'{_home(column)} AS "{column}"' for column in money if column != "amount")
    amount = f", {_home('amount')} AS amount_home" if "amount" in money else ""
    return f"SELECT *{f' REPLACE ({prices})' if prices else ''}{amount} FROM ({found})"


def _home(column: str) -> str:
    return f'CAST(round(CAST("{column}" AS DECIMAL(28,2)) * rate, 2) AS DECIMAL(18,2))'
