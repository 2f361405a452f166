"""The one environment every stage runs in, whatever the caller's: same bytes, and no secrets to tell."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import salesloop

FIXED = {
    "TZ": "UTC", "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "PYTHONUTF8": "1", "PYTHONHASHSEED": "0",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMEXPR_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false",
}  # fmt: skip
PASSED = (
    "PATH", "HOME", "USER", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR",
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "SYSTEMROOT", "SYSTEMDRIVE", "USERPROFILE",
    "APPDATA", "LOCALAPPDATA", "COMSPEC", "PATHEXT", "NUMBER_OF_PROCESSORS", "SALESLOOP_ROOT",
)  # fmt: skip
_changing = Lock()


def fixed(**more: str) -> dict[str, str]:
    """Return the environment of a stage's process: fixed values, the few that a machine needs, and `more`.

    Everything else that the caller's environment holds, passwords and keys among it, never reaches a notebook.

    Examples
    --------
    >>> fixed(SALESLOOP_OUT="work")["TZ"], fixed(SALESLOOP_OUT="work")["SALESLOOP_OUT"]
    ('UTC', 'work')
    """
    passed = {name: os.environ[name] for name in PASSED if name in os.environ}
    package = str(Path(salesloop.__file__).resolve().parent.parent)
    return {**passed, "PYTHONPATH": package, **FIXED, **more}


@contextmanager
def during(wanted: Mapping[str, str]) -> Iterator[None]:
    """Let processes that are started meanwhile have an environment; the caller's own comes back afterwards."""
    with _changing:
        before = dict(os.environ)
        try:
            become(wanted)
            yield
        finally:
            become(before)


def become(wanted: Mapping[str, str]) -> None:
    """Change what differs only, so that other threads read at no moment an environment without its root."""
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    for name, value in wanted.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
