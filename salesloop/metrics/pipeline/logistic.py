"""A ridge logistic regression on counts: small, deterministic, no library in the way."""

from __future__ import annotations

import numpy as np
import pandas as pd


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)), safe for large values."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(x)))


def ridge_logit(design: np.ndarray, hits: np.ndarray, total: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    """Return the coefficients of a penalised binomial logistic regression by Newton's method.

    Parameters
    ----------
    design : ndarray
        Rows by columns.
    hits, total : ndarray
        Events and trials of each row.
    penalty : ndarray
        One ridge weight a column, 0 for none.

    Examples
    --------
    >>> beta = ridge_logit(np.ones((1, 1)), np.array([30.0]), np.array([100.0]), np.zeros(1))
    >>> round(float(sigmoid(beta[0])), 6)
    0.3
    """
    beta = np.zeros(design.shape[1])
    guard = np.maximum(penalty, 1e-6)
    for _ in range(30):
        p = sigmoid(design @ beta)
        weight = np.maximum(total * p * (1 - p), 1e-10)
        gradient = design.T @ (hits - total * p) - guard * beta
        curve = (design * weight[:, None]).T @ design + np.diag(guard)
        move = np.clip(np.linalg.solve(curve, gradient), -3, 3)
        beta += move
        if np.abs(move).max() < 1e-7:
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
