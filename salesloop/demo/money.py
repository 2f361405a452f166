"""What wins turn into: orders, their lines at list and net price, and payments in instalments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from salesloop.demo import market
from salesloop.demo.ids import zoho
from salesloop.demo.market import WON
from salesloop.demo.rng import mix, normal, uniform

if TYPE_CHECKING:
    from salesloop.demo.tables import View

DUE_DAYS = (12.0, 45.0, 150.0)


@dataclass
class _Sold:
    """Wins that were ordered by now, in order of signing."""

    of: dict[str, np.ndarray]
    amount: np.ndarray
    ordered: np.ndarray
    owner: np.ndarray


def _sold(now: View) -> _Sold:
    state = now.state[now.state["to"] == WON].sort_values(["out", "deal"])
    deal = state["deal"].to_numpy()
    of = {name: values[deal] for name, values in now.crm.deals.items()}
    ordered = np.floor(state["out"].to_numpy() + 4.0 * uniform(of["key"], "order"))
    rows = ordered < now.until
    of = {name: values[rows] for name, values in of.items()}
    return _Sold(of, state["amount"].to_numpy()[rows], ordered[rows], state["owner"].to_numpy()[rows])


def _orders(now: View) -> pd.DataFrame:
    sold = _sold(now)
    key, account = sold.of["key"], now.accounts.of_deals(sold.of)
    return pd.DataFrame({
        "order_id": zoho(key, "order"), "account_id": account["account_id"], "account": account["account"], "opportunity_id": zoho(key, "deal"),
        "owner_id": now.rep_ids(sold.owner), "owner": now.rep_names(sold.owner), "ordered_on": now.date(sold.ordered),
        "amount": sold.amount, "currency": "CNY", "status": np.where(sold.ordered < now.until - 60, "Delivered", "Approved"),
    })  # fmt: skip


def _lines(now: View) -> pd.DataFrame:
    """Return one to three lines an order that add up to it to the cent; prices rise a little each year."""
    sold = _sold(now)
    of, amount, ordered, key = sold.of, sold.amount, sold.ordered, sold.of["key"]
    count = np.where(of["type"] == 2, 1, 1 + (uniform(key, "lines") * 3).astype(int))
    row = np.repeat(np.arange(len(key)), count)
    number = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    line = mix(key[row], "line", number)
    product = np.where(number == 0, of["product"][row], (of["product"][row] + number) % len(market.PRODUCTS))
    share = np.where(number == 0, 2.0, 0.6) * np.exp(0.3 * normal(line, "share"))
    cents = np.round(amount * 100).astype(np.int64)
    part = np.floor(cents[row] * share / np.bincount(row, weights=share, minlength=len(key))[row]).astype(np.int64)
    rest = cents - np.bincount(row, weights=part, minlength=len(key)).astype(np.int64)
    part = part + np.where(number == 0, rest[row], 0)
    listed = np.round(np.array(market.LIST_PRICES)[product] * 1.04 ** np.floor(ordered[row] / 365.25), 2)
    off = np.clip(np.array([0.16, 0.10, 0.05])[of["segment"][row]] + 0.05 * normal(line, "off"), 0.0, 0.4)
    quantity = np.maximum(np.round(part / 100 / (listed * (1 - off))), 1.0)
    return pd.DataFrame({
        "line_id": zoho(line, "line"), "order_id": zoho(key[row], "order"), "product": np.array(market.PRODUCTS, dtype=object)[product],
        "category": np.array(market.CATEGORIES, dtype=object)[product], "quantity": quantity, "list_price": listed,
        "net_price": np.round(part / 100 / quantity, 2), "amount": part / 100, "currency": "CNY", "ordered_on": now.date(ordered[row]),
    })  # fmt: skip


def _payments(now: View) -> pd.DataFrame:
    """Return the instalments paid by now: 30, 60 and 10 %; about one in seven comes late."""
    sold = _sold(now)
    of, amount, ordered, key, n = sold.of, sold.amount, sold.ordered, sold.of["key"], len(DUE_DAYS)
    row, number = np.repeat(np.arange(len(key)), n), np.tile(np.arange(n), len(key))
    pay = mix(key[row], "payment", number)
    late = np.where(uniform(pay, "late") < 0.15, 10.0 + 60.0 * uniform(pay, "how late"), 5.0 * uniform(pay, "days"))
    day = np.floor(ordered[row] + np.array(DUE_DAYS)[number] + late)
    cents = np.round(amount * 100).astype(np.int64)
    first, second = (cents * 3) // 10, (cents * 6) // 10
    part = np.stack([first, second, cents - first - second], axis=1).ravel()
    rows = (day < now.until) & (part > 0)
    row, pay, day, part = row[rows], pay[rows], day[rows], part[rows]
    order = np.lexsort((pay, day))
    row, pay, day, part = row[order], pay[order], day[order], part[order]
    return pd.DataFrame({
        "payment_id": zoho(pay, "payment"), "order_id": zoho(key[row], "order"), "account_id": zoho(of["account"][row], "account"),
        "opportunity_id": zoho(key[row], "deal"), "paid_on": now.date(day), "amount": part / 100, "currency": "CNY",
    })  # fmt: skip


MAKERS: dict[str, Callable[[View], pd.DataFrame]] = {"orders": _orders, "order_lines": _lines, "payments": _payments}
"""What makes each table."""
