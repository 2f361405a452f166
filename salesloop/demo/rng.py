"""Random numbers by entity: a number depends on the seed, on whose it is and what for, never on the order of drawing.

So the same company with one thing changed draws the same luck, deal by deal and purpose by purpose, and a run in one
go equals a run month by month.
"""

from __future__ import annotations

import zlib
from functools import lru_cache

import numpy as np
from scipy.special import gammaln, ndtri

_ADD = np.uint64(0x9E3779B97F4A7C15)
_ONE, _TWO = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


@lru_cache(maxsize=1024)
def purpose(name: str) -> int:
    """Return a number for what is drawn, the same in every process."""
    return zlib.crc32(name.encode())


def _scramble(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> _S30)) * _ONE
    z = (z ^ (z >> _S27)) * _TWO
    return z ^ (z >> _S31)


def mix(*parts: object) -> np.ndarray:
    """Return keys from whole numbers, keys or names; arrays are combined element by element.

    Examples
    --------
    >>> mix(1, "deal", [0, 1]).tolist() == mix(1, "deal", [0, 1]).tolist()
    True
    """
    key = np.zeros(1, dtype=np.uint64)
    for part in parts:
        number = purpose(part) if isinstance(part, str) else part
        array = np.atleast_1d(np.asarray(number))
        key = _scramble((key + _ADD) ^ array.astype(np.uint64))
    return key


def uniform(key: np.ndarray, what: str, no: object = 0) -> np.ndarray:
    """Return one number in (0, 1) for each key, for a purpose and the how-manieth draw of it."""
    return ((mix(key, what, no) >> _S11).astype(np.float64) + 0.5) * 2.0**-53


def normal(key: np.ndarray, what: str, no: object = 0) -> np.ndarray:
    """Return a standard normal number for each key."""
    return ndtri(uniform(key, what, no))


def choice(u: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return codes drawn with given weights; `weights` is one row for all, or one row each."""
    share = np.cumsum(weights, axis=-1)
    share = share / share[..., -1:]
    return (u[:, None] > share[..., :-1]).sum(axis=1) if share.ndim > 1 else np.searchsorted(share[:-1], u)


def poisson(u: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Return Poisson counts by inversion, so that a higher rate never draws fewer.

    Examples
    --------
    >>> poisson(np.array([0.5, 0.5]), np.array([2.0, 4.0])).tolist()
    [2, 4]
    """
    u, rate = np.broadcast_arrays(np.atleast_1d(u), np.atleast_1d(rate).astype(float))
    most = int(rate.max() + 9 * np.sqrt(rate.max() + 1) + 10) if rate.size else 1
    k = np.arange(most)
    count = np.empty(u.size, dtype=np.int64)
    flat_u, flat_rate = u.ravel(), np.maximum(rate.ravel(), 1e-12)
    for lo in range(0, u.size, 4096):
        part = slice(lo, lo + 4096)
        mass = np.exp(k * np.log(flat_rate[part, None]) - flat_rate[part, None] - gammaln(k + 1))
        count[part] = (np.cumsum(mass, axis=1) < flat_u[part, None]).sum(axis=1)
    return count.reshape(u.shape)
