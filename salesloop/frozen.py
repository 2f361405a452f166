"""Frozen tables as frames: columns of their type, home money as floats, days as times."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from salesloop.schema import TABLES

_KINDS = {"date": "datetime64[us]", "time": "datetime64[us]", "money": "float64", "rate": "float64",
          "number": "float64", "count": "float64"}  # fmt: skip
_ACCOUNT_COLUMNS = ("industry", "country", "size_band", "key_account")


def read(file: Path) -> pd.DataFrame:
    """Read a frozen table; exact money becomes the nearest float, days become times."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole = pq.read_table(file)
    money = [field.name for field in whole.schema if pa.types.is_decimal(field.type)]
    for name in money:
        whole = whole.set_column(whole.schema.get_field_index(name), name, whole[name].cast(pa.float64()))
    words = {field.name for field in whole.schema if pa.types.is_string(field.type)}
    rest = whole.drop_columns(sorted(words)).to_pandas(date_as_object=False)
    made = [pd.Series(whole[c].to_numpy(), dtype=object) if c in words else rest[c] for c in whole.column_names]
    frame = pd.DataFrame(dict(zip(whole.column_names, made, strict=True)))
    for name in money:
        frame[name] = (frame[name] * 100).round() / 100
    return frame


def typed(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Give a frame all the columns of its table, home money in `amount`, and NumPy types."""
    frame = frame.copy()
    if "amount_home" in frame:
        frame["amount_original"] = frame["amount"].astype("float64")
        frame["amount"] = frame.pop("amount_home")
    elif name in TABLES and "amount" in TABLES[name].of_type("money") and "amount_original" not in frame:
        frame["amount_original"] = frame.get("amount")
    for column in TABLES[name].columns.values() if name in TABLES else ():
        if column.name not in frame:
            frame[column.name] = None
        kind = _KINDS.get(column.type, "object")
        frame[column.name] = _cast(frame[column.name], kind)
    if "amount_original" in frame:
        frame["amount_original"] = frame["amount_original"].astype("float64")
    return frame


def _cast(values: pd.Series, kind: str) -> pd.Series:
    if kind.startswith("datetime"):
        return pd.to_datetime(values).astype(kind)
    return values.astype(object).where(values.notna(), None) if kind == "object" else values.astype(kind)


def with_accounts(deals: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Give deals their account's industry, country, size and key mark; segment and region where they have none of their own."""
    accounts = accounts.drop_duplicates("account_id").set_index("account_id")
    for column in _ACCOUNT_COLUMNS:
        deals[column] = deals["account_id"].map(accounts[column])
    for column in ("segment", "region"):
        deals[column] = deals[column].fillna(deals["account_id"].map(accounts[column]))
    return deals
