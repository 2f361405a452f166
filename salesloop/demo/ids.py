"""Ids as the two CRMs write them, made from an entity's key: Zoho's of 19 digits, Fxiaoke's of 24 hexadecimal ones."""

from __future__ import annotations

import re

import numpy as np

from salesloop.demo.rng import mix

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


def numbers(key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what the two ids of deals say as whole numbers, by which actions name them."""
    ours = (mix(key, "zoho", "deal") % np.uint64(900_000_000_000)) + np.uint64(_ORG + 40_000_000_000)
    return ours, mix(ours, "fx one")


def named(texts: list[str]) -> list[int]:
    """Return the numbers of ids in either CRM's writing; what is no id is passed over.

    Examples
    --------
    >>> named(["zcrm_3652397000412345678", "no id"])
    [3652397000412345678]
    """
    found = []
    for text in (text.strip().removeprefix("zcrm_") for text in texts):
        if len(text) == 19 and text.isdigit():
            found.append(int(text))
        elif re.fullmatch(r"64[0-9a-f]{22}", text):
            found.append(int(text[2:18], 16))
    return found
