"""Price: what order lines say about how much is bought at which price, product by product, never pooled."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline import Change
from salesloop.metrics.pipeline.steps import first_month
from salesloop.metrics.whatif.estimators import elasticity
from salesloop.metrics.whatif.levers import Lever, block_of, spread

LEAST_LINES, LEAST_SPREAD = 60, 0.03
COLUMNS = ("item", "estimate", "low", "high", "n", "verdict")


def elasticities(lines: pd.DataFrame) -> pd.DataFrame:
    """Return the price elasticity of each product with enough lines.

    Order lines are of deals that were won, and discounts are often given for large orders, so that an estimate may as
    well be read the other way; product and quarter are taken out, what was negotiated is not.

    Parameters
    ----------
    lines : DataFrame
        ``product, quantity, net_price, ordered_on``.

    Returns
    -------
    DataFrame
        ``item, estimate`` (percent more bought for one percent more price), ``low, high`` (95 %), ``n`` (lines), ``verdict``
        (inelastic: between -1 and 0; elastic: below -1; reversed: above 0, no effect of price; cannot_tell). Products
        under 60 lines, or whose price hardly moves, are left out.
    """
    told = lines[
        (lines["quantity"] > 0) & (lines["net_price"] > 0) & lines["product"].notna() & lines["ordered_on"].notna()
    ]
    spread_of = told.assign(log=np.log(told["net_price"])).groupby("product")["log"].agg(["size", "std"])
    kept = spread_of[(spread_of["size"] >= LEAST_LINES) & (spread_of["std"] >= LEAST_SPREAD)].index
    told = told[told["product"].isin(kept)]
    if told.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    told = told.assign(quarter=told["ordered_on"].dt.to_period("Q").astype(str))
    found = elasticity(told, quantity="quantity", price="net_price", item="product", effects=["quarter"])
    return found.assign(verdict=[verdict(row.low, row.high) for row in found.itertuples()])[list(COLUMNS)]


def set_aside(lines: pd.DataFrame) -> int:
    """Return how many order lines say nothing of prices: no product or date, or a quantity or price that is not above zero.

    Examples
    --------
    >>> set_aside(pd.DataFrame({"product": ["A", "A", None], "quantity": [1, 2, 1], "net_price": [0.0, 9.0, 9.0],
    ...     "ordered_on": pd.Timestamp("2026-01-01")}))
    2
    """
    usable = (lines["quantity"] > 0) & (lines["net_price"] > 0) & lines["product"].notna() & lines["ordered_on"].notna()
    return int((~usable).sum())


def verdict(low: float, high: float) -> str:
    """Return what an interval of an elasticity says.

    Examples
    --------
    >>> verdict(-0.8, -0.2), verdict(-3.0, -1.5), verdict(0.2, 0.9), verdict(-1.4, 0.1)
    ('inelastic', 'elastic', 'reversed', 'cannot_tell')
    """
    if low > 0:
        return "reversed"
    if high < -1:
        return "elastic"
    return "inelastic" if low > -1 and high < 0 else "cannot_tell"


def of_price(lines: pd.DataFrame, table: pd.DataFrame, *, as_of: dt.date) -> list[Lever]:
    """Return the lever of a higher price for each product whose quantity falls by less than the price rises.

    How far comes from how far the share of the list price that was paid has moved between half-years.

    Parameters
    ----------
    table : DataFrame
        From `elasticities`.
    """
    made = []
    for row in table[table["verdict"] == "inelastic"].itertuples():
        own = lines[(lines["product"] == row.item) & (lines["list_price"] > 0) & (lines["net_price"] > 0)]
        month = (own["ordered_on"].dt.year * 12 + own["ordered_on"].dt.month - 1).to_numpy()
        paid = own.assign(
            paid=np.log(own["net_price"] / own["list_price"]), block=block_of(month, first_month(as_of) - 1)
        )
        told = (
            paid[paid["block"] >= 0].groupby("block")["paid"].agg(["mean", "var", "size"]).sort_index(ascending=False)
        )
        told = told[told["size"] >= 5]
        if len(told) < 2:
            continue
        mean, sd, now = spread(told["mean"].to_numpy(), (told["var"] / told["size"]).clip(lower=1e-5).to_numpy())
        change = (Change(size=2.0, column="product", value=str(row.item)),)
        made.append(Lever("price", "product", str(row.item), change, float(np.exp(now)), "share", mean, sd, now, len(told),
                          int(told["size"].sum()), {"elasticity": float(row.estimate)}))  # fmt: skip
    return made
