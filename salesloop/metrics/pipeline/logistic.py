"""A ridge logistic regression on counts: small, deterministic, no library in the way."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)), safe for large values."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(x)))


@dataclass
class Coded:
    """A design of 0/1 columns kept as codes, a block of columns a factor, with numeric columns after them.

    It multiplies as the matrix would, in a fraction of its time: most of that matrix is zeros.

    Parameters
    ----------
    codes : list of ndarray of int
        A factor's level of each row, -1 for none.
    sizes : list of int
        How many levels each factor has.
    numbers : list of ndarray
        Numeric columns.

    Examples
    --------
    >>> made = Coded([np.array([0, 1, -1])], [2], [np.array([1.0, 2.0, 3.0])])
    >>> made.times(np.array([10.0, 20.0, 1.0])).tolist(), made.across(np.ones(3)).tolist()
    ([11.0, 22.0, 3.0], [1.0, 1.0, 6.0])
    >>> made.gram(np.ones(3)).tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 2.0], [1.0, 2.0, 14.0]]
    """

    codes: list[np.ndarray]
    sizes: list[int]
    numbers: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self):
        self.codes = [np.where(code < 0, size, code) for code, size in zip(self.codes, self.sizes, strict=True)]
        self.begin = np.concatenate([[0], np.cumsum(self.sizes)]).astype(int)
        self.shape = (len(self.codes[0]), int(self.begin[-1]) + len(self.numbers))
        self.pairs = {
            (i, j): self.codes[i] * (self.sizes[j] + 1) + self.codes[j]
            for i in range(len(self.codes)) for j in range(i + 1, len(self.codes))
        }  # fmt: skip

    def times(self, beta: np.ndarray) -> np.ndarray:
        """Return the design times coefficients."""
        made = np.zeros(self.shape[0])
        for code, begin, size in zip(self.codes, self.begin, self.sizes, strict=False):
            made += np.append(beta[begin : begin + size], 0.0)[code]
        for place, number in enumerate(self.numbers):
            made += beta[self.begin[-1] + place] * number
        return made

    def across(self, values: np.ndarray) -> np.ndarray:
        """Return the transposed design times values."""
        sums = [np.bincount(code, values, size + 1)[:size] for code, size in zip(self.codes, self.sizes, strict=True)]
        return np.concatenate([*sums, np.array([values @ number for number in self.numbers])])

    def gram(self, weight: np.ndarray) -> np.ndarray:
        """Return the weighted cross products of all columns."""
        made, at = np.zeros((self.shape[1],) * 2), self.begin
        np.fill_diagonal(made, self.across(weight))
        for (i, j), pair in self.pairs.items():
            shape = self.sizes[i] + 1, self.sizes[j] + 1
            block = np.bincount(pair, weight, shape[0] * shape[1]).reshape(shape)[:-1, :-1]
            made[at[i] : at[i + 1], at[j] : at[j + 1]], made[at[j] : at[j + 1], at[i] : at[i + 1]] = block, block.T
        for place, number in enumerate(self.numbers):
            made[at[-1] + place] = made[:, at[-1] + place] = self.across(weight * number)
        return made


@dataclass
class _Dense:
    matrix: np.ndarray

    def times(self, beta: np.ndarray) -> np.ndarray:
        return self.matrix @ beta

    def across(self, values: np.ndarray) -> np.ndarray:
        return self.matrix.T @ values

    def gram(self, weight: np.ndarray) -> np.ndarray:
        return (self.matrix * weight[:, None]).T @ self.matrix


def ridge_logit(
    design: np.ndarray | Coded, hits: np.ndarray, total: np.ndarray, penalty: np.ndarray, *, close: float = 1e-7
) -> np.ndarray:
    """Return the coefficients of a penalised binomial logistic regression by Newton's method.

    Parameters
    ----------
    design : ndarray or Coded
        Rows by columns.
    hits, total : ndarray
        Events and trials of each row.
    penalty : ndarray
        One ridge weight a column, 0 for none.
    close : float
        It ends once no coefficient moves by as much; each further step would square what is left.

    Examples
    --------
    >>> beta = ridge_logit(np.ones((1, 1)), np.array([30.0]), np.array([100.0]), np.zeros(1))
    >>> round(float(sigmoid(beta[0])), 6)
    0.3
    """
    matrix = design if isinstance(design, Coded) else _Dense(design)
    beta = np.zeros(design.shape[1])
    guard = np.maximum(penalty, 1e-6)
    for _ in range(30):
        p = sigmoid(matrix.times(beta))
        weight = np.maximum(total * p * (1 - p), 1e-10)
        gradient = matrix.across(hits - total * p) - guard * beta
        curve = matrix.gram(weight) + np.diag(guard)
        move = np.clip(np.linalg.solve(curve, gradient), -3, 3)
        beta += move
        if np.abs(move).max() < close:
            break
    return beta


def one_hot(codes: pd.DataFrame, sizes: dict[str, int]) -> np.ndarray:
    """Return 0/1 columns for integer codes, one block a column; a code of -1 is all zeros."""
    blocks = []
    for name, size in sizes.items():
        code = codes[name].to_numpy()
        block = np.zeros((len(codes), size))
        seen = code >= 0
        block[np.flatnonzero(seen), code[seen]] = 1.0
        blocks.append(block)
    return np.hstack(blocks) if blocks else np.zeros((len(codes), 0))
