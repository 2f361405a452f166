"""Warm what every stage needs, once, in the process that stages are forked from. Importing this module does it.

Nothing here may leave a thread behind, or a forked stage could hang: no Parquet is read, nothing is queried, no
parallel region is entered. `threads` says how many there are.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import os
import pkgutil
import signal
import sys
from pathlib import Path

_LAZY = ("matplotlib.pyplot", "holidays.countries", "pyarrow.parquet", "pyarrow.dataset", "pyarrow.pandas_compat",
         "pandas.core.arrays.arrow.extension_types", "pandas.core.methods.to_dict", "pandas.io.formats.csvs",
         "pandas.io.formats.html", "papermill", "nbformat", "jinja2", "nh3", "markdown_it", "encodings.utf_8_sig",
         "sklearn.feature_extraction.text", "sklearn.linear_model", "sklearn.model_selection", "sklearn.decomposition",
         "scipy.optimize", "narwhals.stable.v2")  # fmt: skip
_OWN = ("salesloop.metrics", "salesloop.plots", "salesloop.report")
_SINGLE = ("salesloop.results", "salesloop.loop", "salesloop.ledger", "salesloop.figures", "salesloop.run.child",
           "salesloop.run.engine", "salesloop.record", "salesloop.voice", "salesloop.followup")  # fmt: skip
_SAMPLE = "销售 sales ¥$€ 0123456789"


_PARENT = "SALESLOOP_WARM_PARENT" in os.environ
if _PARENT:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's to handle


def _warm():
    from salesloop.run.shell import make_shell

    made = make_shell()
    with made.builtin_trap:  # pandas asks for the shell when it is imported
        _import_all()
    _draw()
    made.run_line_magic("matplotlib", "inline")  # else the first figure of a notebook is lost
    gc.collect()
    gc.freeze()
    return made


def _import_all() -> None:
    absent = sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # a second's work for one rare check
    try:
        importlib.import_module("pandas")
        for name in _LAZY:
            _try(name)
    finally:
        if absent is None:
            del sys.modules["rfc3987_syntax"]
    for name in (*_SINGLE, *_modules()):
        _try(name)


def _modules() -> list[str]:
    """Return the names of the package's own modules that notebooks and pages use."""
    found = []
    for name in _OWN:
        with contextlib.suppress(Exception):
            package = importlib.import_module(name)
            found += [one.name for one in pkgutil.walk_packages(package.__path__, name + ".", onerror=lambda _: None)]
    return [name for name in found if name != "salesloop.report.picture"]


def _try(name: str) -> None:
    """Import a module; one that cannot be is left to the stage that needs it, which then says so."""
    with contextlib.suppress(Exception):
        importlib.import_module(name)


def _draw() -> None:
    """Fill the caches that pages and stages need: fonts, catalogues, templates, a drawing, a notebook."""
    with contextlib.suppress(Exception):
        import nbformat
        from nbformat.v4 import new_code_cell, new_notebook

        nbformat.writes(new_notebook(cells=[new_code_cell("1")]))
    with contextlib.suppress(Exception):
        import matplotlib

        from salesloop import messages, style
        from salesloop.report import page

        for lang in messages.LANGUAGES:
            messages.catalogue(lang)
        for template in page._environment().list_templates(extensions=["j2"]):
            page._environment().get_template(template)
        with matplotlib.rc_context():  # a cell's own charts look as in any kernel until one of ours is drawn
            ax = style.figure()
            ax.plot([0, 1], [1, 2])
            ax.set_title(_SAMPLE)
            style.to_svg(ax.get_figure(root=True))  # type: ignore[arg-type]
        style.look.cache_clear()


def _threads() -> int:
    """Return how many threads this process has, 0 where the system does not say."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("Threads:"):
                return int(line.split()[1])
    return 0


shell = _warm()
numpy = sys.modules["numpy"]
threads = _threads()
if _PARENT:
    atexit.register(os._exit, 0)  # nothing that was only imported needs an orderly end
