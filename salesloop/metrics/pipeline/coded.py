"""Text as codes: whole numbers tell deals apart far quicker than words, and many months are looked back on."""

from __future__ import annotations

import numpy as np
import pandas as pd


def labels(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return a column as places in its names, -1 where it has none, and the names; a categorical column has its codes already.

    Examples
    --------
    >>> code, names = labels(pd.Series(["b", None, "a", "b"]))
    >>> code.tolist(), names.tolist()
    ([0, -1, 1, 0], ['b', 'a'])
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        code, names = column.array.codes, column.dtype.categories
        if names.dtype == object:  # as `shared` makes them
            return code.astype(np.int64), names.to_numpy()
    else:
        code, names = pd.factorize(column)
    return code.astype(np.int64), np.asarray(pd.Index(names).astype(str), dtype=object)


def filled(column: pd.Series, missing: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a column as places in its names, with a name for those that have none.

    Examples
    --------
    >>> code, names = filled(pd.Series(["b", None]), "-")
    >>> code.tolist(), names.tolist()
    ([0, 1], ['b', '-'])
    """
    code, names = labels(column)
    found = np.flatnonzero(names == missing)
    names = names if len(found) else np.append(names, missing)
    return np.where(code < 0, found[0] if len(found) else len(names) - 1, code), names


def places(column: pd.Series, names: list[str], missing: str | None = None) -> np.ndarray:
    """Return each value's place in a list of names, -1 for one that is not there.

    Examples
    --------
    >>> places(pd.Series(["b", None, "c"]), ["a", "b", "-"], "-").tolist()
    [1, 2, -1]
    """
    code, own = labels(column) if missing is None else filled(column, missing)
    at = {name: i for i, name in enumerate(names)}
    return np.array([*(at.get(name, -1) for name in own), -1])[code]


def together(*columns: pd.Series) -> tuple[list[np.ndarray], np.ndarray]:
    """Return columns as places in one list of names, in order of first appearance, -1 where there is none.

    Examples
    --------
    >>> codes, names = together(pd.Series(["b", None]), pd.Series(["a", "b"]))
    >>> [code.tolist() for code in codes], names.tolist()
    ([[0, -1], [1, 0]], ['b', 'a'])
    """
    if not all(isinstance(column.dtype, pd.CategoricalDtype) for column in columns):
        code, found = pd.factorize(pd.concat([column.astype(object) for column in columns]))
        return _split(code, columns), np.asarray(found, dtype=object)
    own = [labels(column) for column in columns]
    if all(column.dtype == columns[0].dtype for column in columns):
        whole, words = np.concatenate([code for code, _ in own]), own[0][1]
    else:
        place, words = pd.factorize(np.concatenate([names for _, names in own]))
        at = np.split(place, np.cumsum([len(names) for _, names in own])[:-1])
        whole = np.concatenate([np.append(to, -1)[code] for to, (code, _) in zip(at, own, strict=True)])
    code, found = pd.factorize(whole)
    none = np.flatnonzero(found == -1)
    if len(none):
        code = np.where(code == none[0], -1, code - (code > none[0]))
        found = np.delete(found, none[0])
    return _split(code, columns), words[found]


def matched(*columns: pd.Series) -> tuple[list[np.ndarray], int]:
    """Return columns as places in one list of names, in any order, -1 where there is none, and how many names there are."""
    first = columns[0].dtype
    if isinstance(first, pd.CategoricalDtype) and all(column.dtype == first for column in columns):
        return [column.array.codes.astype(np.int64) for column in columns], len(first.categories)
    codes, names = together(*columns)
    return codes, len(names)


def _split(code: np.ndarray, columns: tuple[pd.Series, ...]) -> list[np.ndarray]:
    return np.split(code.astype(np.int64), np.cumsum([len(column) for column in columns])[:-1])


def within(column: pd.Series, other: pd.Series) -> np.ndarray:
    """Return which values of a column are there in another one; nothing is there where there is none.

    Examples
    --------
    >>> within(pd.Series(["a", None, "b"]), pd.Series(["b", None])).tolist()
    [False, False, True]
    """
    if isinstance(column.dtype, pd.CategoricalDtype) and column.dtype == other.dtype:
        seen = np.zeros(len(column.dtype.categories) + 1, dtype=bool)
        seen[other.array.codes] = True
        seen[-1] = False
        return seen[column.array.codes]
    return (column.isin(other.dropna()) & column.notna()).to_numpy()


def shared(columns: list[pd.Series], more: tuple[str, ...] = ()) -> list[pd.Series]:
    """Return columns of text as categorical ones of the same sorted names; other columns as they are.

    Parameters
    ----------
    more : tuple of str
        Names to be among them in any case.
    """
    if not columns or not all(pd.api.types.is_string_dtype(column.dropna()) for column in columns):
        return columns
    code, names = together(*columns)
    every = pd.unique(np.append(names, np.array(more, dtype=object)))
    order = np.argsort(every, kind="stable")
    rank = np.append(np.argsort(order, kind="stable"), -1)
    dtype = pd.CategoricalDtype(pd.Index(every[order], dtype=columns[0].dtype))
    return [
        pd.Series(pd.Categorical.from_codes(rank[one], dtype=dtype), index=column.index)
        for one, column in zip(code, columns, strict=True)
    ]


def plain(column: pd.Series) -> pd.Series:
    """Return a categorical column as the text that it stands for; any other as it is."""
    return column.astype(column.cat.categories.dtype) if isinstance(column.dtype, pd.CategoricalDtype) else column
