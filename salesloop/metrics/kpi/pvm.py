"""Price, volume and mix: why sales differ between two stretches of time, to the cent."""

from __future__ import annotations

import pandas as pd

from salesloop.metrics.kpi.money import whole_cents

LINES = ("start", "volume", "mix", "price", "new_products", "dropped_products", "currency", "end")
MONTHS = 3
_COLUMNS = ["product", "on", "quantity", "amount", "amount_original", "currency"]


def sales(deals: pd.DataFrame, lines: pd.DataFrame, orders: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return what was sold, by product: order lines where there are any with quantities, else won deals.

    Parameters
    ----------
    deals, lines, orders : DataFrame
        ``Book.deals()``, order lines and orders; the last two may be empty.

    Returns
    -------
    DataFrame, str
        ``product, on, quantity, amount, amount_original, currency``, and the basis: ``lines``; or ``deals``, where
        the quantity of a deal is 1, so that volume is deals and price is deal size.
    """
    lines = lines.assign(amount=lines["amount"].fillna(lines["quantity"] * lines["net_price"]))
    if len(lines) and (lines["quantity"].notna() & lines["amount"].notna()).any():
        day = (
            orders.drop_duplicates("order_id").set_index("order_id")["ordered_on"]
            if len(orders)
            else pd.Series(dtype="datetime64[us]")
        )
        placed = pd.Series(day.reindex(lines["order_id"]).to_numpy(), index=lines.index)
        made = lines.assign(on=lines["ordered_on"].fillna(placed))
        return made.assign(product=made["product"].fillna("–"))[_COLUMNS].dropna(subset=["on", "amount"]), "lines"
    won = deals[(deals["status"] == "won") & deals["amount"].notna()]
    made = won.assign(on=won["closed_on"], quantity=1.0, product=won["product"].fillna("–"))
    return made.reindex(columns=_COLUMNS).dropna(subset=["on", "amount"]), "deals"


def windows(
    sold: pd.DataFrame, period: pd.Period, months: int = MONTHS
) -> tuple[list[pd.Period], list[pd.Period], str]:
    """Return the last months and what they are held against: the same months a year ago, else those just before."""
    now = [period - i for i in range(months - 1, -1, -1)]
    first = sold["on"].min().to_period("M") if len(sold) else period
    if first <= now[0] - 12:
        return [month - 12 for month in now], now, "year"
    return [month - months for month in now], now, "before"


def bridge(sold: pd.DataFrame, before: list[pd.Period], now: list[pd.Period]) -> pd.DataFrame:
    """Return the bridge from one stretch's sales to another's: volume, mix, price, new and dropped products, currency.

    Parameters
    ----------
    sold : DataFrame
        From `sales`.
    before, now : list of Period
        The months of both stretches.

    Returns
    -------
    DataFrame
        ``line``, ``amount`` (adds up to the cent), ``n`` products. Among products sold in both stretches: volume is the
        change of quantity at the old average price, mix the shift between products at old prices, price the change of
        prices at new quantities, so the joint term is in price. Currency is what the same money of account is worth more
        or less in home money; all other lines are at the old rates. Empty without sales in both.

    Examples
    --------
    A price from 10 to 12 and a quantity from 1,000 to 1,300:

    >>> sold = pd.DataFrame({"product": "A", "on": pd.to_datetime(["2025-10-05", "2026-10-05"]), "quantity": [1000.0, 1300.0],
    ...     "amount": [10_000.0, 15_600.0], "amount_original": [10_000.0, 15_600.0], "currency": "CNY"})
    >>> month = pd.Period("2026-10", "M")
    >>> bridge(sold, [month - 12], [month]).set_index("line")["amount"][["volume", "price"]].tolist()
    [3000.0, 2600.0]
    """
    month = sold["on"].dt.to_period("M") if len(sold) else pd.PeriodIndex([], freq="M")
    old, new = sold[month.isin(before)], sold[month.isin(now)]
    if old.empty or new.empty:
        return pd.DataFrame(columns=["line", "amount", "n"])
    at_old_rates = _at_old_rates(old, new)
    was = old.groupby("product")[["quantity", "amount"]].sum()
    came = new.assign(amount=at_old_rates).groupby("product")[["quantity", "amount"]].sum()
    both = [
        name
        for name in was.index.intersection(came.index)
        if was.loc[name, "quantity"] > 0 and came.loc[name, "quantity"] > 0
    ]
    parts = _parts(was.loc[both], came.loc[both])
    parts["new_products"] = float(came["amount"].drop(both).sum())
    parts["dropped_products"] = -float(was["amount"].drop(both).sum())
    parts["currency"] = float((new["amount"] - at_old_rates).sum())
    start, end = round(float(old["amount"].sum()), 2), round(float(new["amount"].sum()), 2)
    told = {"start": start, **whole_cents(parts, end - start), "end": end}
    counts = {
        "start": len(was),
        "end": len(came),
        "new_products": len(came) - len(both),
        "dropped_products": len(was) - len(both),
    }
    rows = [(line, told[line], counts.get(line, len(both))) for line in LINES]
    return pd.DataFrame(rows, columns=["line", "amount", "n"])


def _parts(was: pd.DataFrame, came: pd.DataFrame) -> dict[str, float]:
    if was.empty:
        return {"volume": 0.0, "mix": 0.0, "price": 0.0}
    q0, q1, r0, r1 = was["quantity"], came["quantity"], was["amount"], came["amount"]
    old_price = r0 / q0
    average = r0.sum() / q0.sum()
    at_old_prices = float((q1 * old_price).sum())
    return {"volume": float((q1.sum() - q0.sum()) * average), "mix": at_old_prices - float(q1.sum() * average),
            "price": float(r1.sum()) - at_old_prices}  # fmt: skip


def _at_old_rates(old: pd.DataFrame, new: pd.DataFrame) -> pd.Series:
    """Return the new amounts at the old stretch's home rates; a currency not sold in before keeps its own rate."""
    priced = old[old["amount_original"] > 0]
    sums = priced.groupby("currency")[["amount", "amount_original"]].sum()
    rate = (
        new["currency"].map(sums["amount"] / sums["amount_original"])
        if len(sums)
        else pd.Series(float("nan"), index=new.index)
    )
    return (new["amount_original"] * rate).fillna(new["amount"]).astype("float64")


def by_product(sold: pd.DataFrame, before: list[pd.Period], now: list[pd.Period]) -> pd.DataFrame:
    """Return quantity, price and sales of each product in both stretches, largest change first.

    Returns
    -------
    DataFrame
        ``product, quantity_before, quantity, price_before, price, before, amount, change``.
    """
    month = sold["on"].dt.to_period("M") if len(sold) else pd.PeriodIndex([], freq="M")
    parts = []
    for months, names in ((before, ["quantity_before", "before"]), (now, ["quantity", "amount"])):
        found = sold[month.isin(months)].groupby("product")[["quantity", "amount"]].sum()
        parts.append(found.set_axis(names, axis=1))
    both = pd.concat(parts, axis=1).fillna(0.0).rename_axis("product").reset_index()
    both["price_before"] = both["before"] / both["quantity_before"].where(both["quantity_before"] > 0)
    both["price"] = both["amount"] / both["quantity"].where(both["quantity"] > 0)
    both["change"] = both["amount"] - both["before"]
    both = both.sort_values("change", key=lambda c: -c.abs(), kind="stable").reset_index(drop=True)
    return both[["product", "quantity_before", "quantity", "price_before", "price", "before", "amount", "change"]]
