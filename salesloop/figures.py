"""Draw a saved figure: the named plot, its finished table, one language."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd

from salesloop.errors import StageError
from salesloop.messages import Text


def draw(plot: str, frame: pd.DataFrame, text: Text, *, narrow: bool = False) -> str:
    """Return a figure as SVG with its text as paths.

    Parameters
    ----------
    plot : str
        ``"stage.name"``: the function `name` of ``salesloop.plots.<stage>``.
    frame : DataFrame
        The finished table.
    text : Text
        The reader's language and currency.
    narrow : bool, default False
        The drawing for a phone.
    """
    from salesloop import style

    stage, _, name = plot.partition(".")
    try:
        function = getattr(importlib.import_module(f"salesloop.plots.{stage}"), name)
    except (ImportError, AttributeError):
        raise StageError(
            f"plot {plot}", found="no such function", allowed=f"one of salesloop/plots/{stage}.py",
            next_step="correct the figure's name in the notebook, or write the plot",
        ) from None  # fmt: skip
    with _unswept():
        return style.to_svg(function(frame, text=text, narrow=narrow).figure)


@contextmanager
def _unswept() -> Iterator[None]:
    """Draw without looking for garbage in between: a drawing makes thousands of small objects that all live to its end."""
    swept = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if swept:
            gc.enable()
