"""The random numbers of a run, each for one purpose: a run with something changed meets the same luck."""

from __future__ import annotations

import numpy as np

FINE = 1 << 16
"""Into how many equal shares a whole number's luck is cut."""
_MANY = 50
_ROOM, _STEP = 64_000_000, 8
_PURPOSES = (
    "common", "level", "outcome", "drift", "count", "profile", "heir",
    "move", "more_count", "more_profile", "more_drift",
)  # fmt: skip


class Luck:
    """Random numbers by purpose, a column a draw; asked for again they are the same, and kept as far as there is room.

    Parameters
    ----------
    n, seed : int
        Number of draws and their seed.

    Examples
    --------
    >>> one = Luck(4, 7)
    >>> bool((one.uniform(2, "outcome")[:1] == Luck(4, 7).uniform(1, "outcome")).all())
    True
    """

    def __init__(self, n: int, seed: int):
        self.n, self.seed = n, seed
        self._kept: dict[tuple, np.ndarray] = {}
        self._used = 0

    def normal(self, purpose: str, part: int = 0) -> np.ndarray:
        """Return a standard normal number a draw."""
        return self._rng(purpose, part, 0).standard_normal(self.n)

    def uniform(self, rows: int, purpose: str, part: int = 0, place: int = 0) -> np.ndarray:
        """Return rows x draws of numbers between 0 and 1."""
        return self._table(rows, (purpose, part, place, np.float32))

    def whole(self, rows: int, purpose: str, part: int = 0, place: int = 0) -> np.ndarray:
        """Return rows x draws of whole numbers below `FINE`."""
        return self._table(rows, (purpose, part, place, np.uint16))

    def _rng(self, purpose: str, part: int, place: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, _PURPOSES.index(purpose), part, place])

    def _table(self, rows: int, key: tuple) -> np.ndarray:
        found = self._kept.get(key)
        if found is not None and len(found) >= rows:
            return found[:rows]
        *where, kind = key
        rng, shape = self._rng(*where), (-(-rows // _STEP) * _STEP, self.n)
        made = rng.random(shape, dtype=kind) if kind is np.float32 else rng.integers(0, FINE, shape, dtype=kind)
        if self._used + made.nbytes <= _ROOM:
            self._used += made.nbytes - (0 if found is None else found.nbytes)
            self._kept[key] = made
        return made[:rows]


def below(whole: np.ndarray, bound: int) -> np.ndarray:
    """Return whole numbers below `FINE` as whole numbers below a bound, as evenly.

    Examples
    --------
    >>> below(np.array([0, 32767, 65535], dtype=np.uint16), 10).tolist()
    [0, 4, 9]
    """
    return (whole.astype(np.int64) * bound) >> 16


def counts(expected: np.ndarray, luck: np.ndarray) -> np.ndarray:
    """Return Poisson counts by inversion, so that the same luck gives more only where more is expected.

    Above a mean of 50 by the Cornish-Fisher expansion, which is then off by far less than one.

    Examples
    --------
    >>> counts(np.array([2.0, 2.0, 100.0]), np.array([0.1, 0.5, 0.5])).tolist()
    [0, 2, 100]
    """
    from scipy.special import ndtri

    mean, aim = expected.ravel().astype(float), np.clip(luck.ravel().astype(float), 1e-9, 1 - 1e-9)
    made, many = np.zeros(len(mean), dtype=np.int64), mean >= _MANY
    if many.any():
        high, z = mean[many], ndtri(aim[many])
        made[many] = np.maximum(np.ceil(high + np.sqrt(high) * z + (z**2 - 1) / 6 - 0.5), 0)
    few = slice(None) if not many.any() else np.flatnonzero(~many)
    mean, aim = mean[few], aim[few]
    chance, count = np.exp(-mean), np.zeros(len(mean), dtype=np.int32)
    reached = chance.copy()
    for k in range(1, 4 * _MANY):
        short = reached < aim
        if not short.any():
            break
        count += short
        chance *= mean
        chance /= k
        reached += chance
    made[few] = count
    return made.reshape(expected.shape)
