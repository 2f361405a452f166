"""CSV files as CRMs write them: CRLF, quotes where needed, money with two decimals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd


def write(file: Path, frame: pd.DataFrame, *, encoding: str, newline: str = "\r\n") -> Path:
    """Write a frame of texts in one step and return the file."""
    draft = file.with_name(f".{file.name}.draft")
    text = frame.to_csv(index=False, lineterminator=newline)
    draft.write_bytes(text.encode(encoding))
    draft.replace(file)
    return file


def money(values: pd.Series) -> pd.Series:
    """Return amounts as texts with two decimals; missing stays empty."""
    return pd.Series([None if pd.isna(v) else f"{v:.2f}" for v in values], index=values.index, dtype=object)


def whole(values: pd.Series) -> pd.Series:
    """Return numbers as texts without decimals; missing stays empty."""
    return pd.Series([None if pd.isna(v) else f"{v:.0f}" for v in values], index=values.index, dtype=object)


def day(values: pd.Series, form: str = "%Y-%m-%d") -> pd.Series:
    """Return days as texts; missing stays empty."""
    return _dated(values, form)


def time(values: pd.Series, form: str = "%Y-%m-%d %H:%M:%S") -> pd.Series:
    """Return local times as texts without zone; missing stays empty."""
    return _dated(values, form)


def _dated(values: pd.Series, form: str) -> pd.Series:
    made = pd.to_datetime(values)
    return made.dt.strftime(form).astype(object).where(made.notna(), None)


def flag(values: pd.Series, yes: str, no: str) -> pd.Series:
    """Return flags in words."""
    return pd.Series(np.where(values.fillna(False).astype(bool), yes, no), index=values.index, dtype=object)
