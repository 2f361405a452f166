"""Ids as the two CRMs write them, made from an entity's key: Zoho's of 19 digits, Fxiaoke's of 24 hexadecimal ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from salesloop.demo.rng import mix

if TYPE_CHECKING:
    from salesloop.demo.company import Company

_ORG = 3_652_397_000_000_000_000


def zoho(key: np.ndarray, kind: str) -> np.ndarray:
    """Return ids such as ``3652397000412345678`` as text.

    Examples
    --------
    >>> len(zoho(mix(1), "deal")[0])
    19
    """
    number = (mix(key, "zoho", kind) % np.uint64(900_000_000_000)).astype(np.int64)
    return np.array([str(_ORG + 40_000_000_000 + int(n)) for n in number], dtype=object)


def fxiaoke(zoho_ids: np.ndarray) -> np.ndarray:
    """Return an entity's Fxiaoke id for its other id; missing stays missing.

    Examples
    --------
    >>> len(fxiaoke(np.array(["3652397000412345678"], dtype=object))[0])
    24
    """
    made = np.empty(len(zoho_ids), dtype=object)
    held = np.array([isinstance(value, str) and value.isdigit() for value in zoho_ids], dtype=bool)
    number = np.array([int(value) for value in zoho_ids[held]], dtype=np.uint64)
    one, two = mix(number, "fx one"), mix(number, "fx two")
    made[held] = [f"64{int(a):016x}{int(b) & 0xFFFFFF:06x}" for a, b in zip(one, two, strict=True)]
    made[~held] = None
    return made


def where(held: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return values where they hold, None elsewhere.

    Examples
    --------
    >>> where(np.array([True, False]), np.array(["a", "b"], dtype=object)).tolist()
    ['a', None]
    """
    made = np.asarray(values, dtype=object).copy()
    made[~np.asarray(held, dtype=bool)] = None
    return made


def deal_keys(company: Company, named: list[str]) -> list[int]:
    """Return the keys of deals named by either CRM's id; what names no deal is passed over."""
    wanted = {str(name).strip().removeprefix("zcrm_") for name in named}
    wanted.discard("")
    if not wanted:
        return []
    key = company._flow.deals["key"]
    ours = zoho(key, "deal")
    other = fxiaoke(ours)
    return [int(k) for k, a, b in zip(key, ours, other, strict=True) if a in wanted or b in wanted]
