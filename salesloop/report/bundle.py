"""One file to forward: the brief and every stage page of a period, with or without names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from salesloop.errors import ParameterError
from salesloop.params import UnitConfig
from salesloop.report.brief import brief_values
from salesloop.report.page import page
from salesloop.report.render import config_of, manner_of, stage_values


def make_bundle(
    period_dir: Path | str, lang: str, config: UnitConfig | None = None, *, hide_names: bool | None = None
) -> str:
    """Return a published period as one page that needs no other file.

    Parameters
    ----------
    period_dir : path
        ``reports/<unit>/<period>``: its notebooks and its ``results``.
    lang : {"en", "zh"}
        The reader's language.
    config : UnitConfig, optional
        The unit's configuration; read from its unit.yml by default.
    hide_names : bool, optional
        Whether reps' names are replaced by numbers; by default as the unit says.

    Raises
    ------
    ParameterError
        There is no report in the folder.
    """
    folder = Path(period_dir)
    results = folder / "results"
    if not any(results.glob("*.json")):
        raise ParameterError(
            f"report of {folder.name}", found="none", allowed="a month whose report was made",
            next_step="make report, then make bundle",
        )  # fmt: skip
    config = config or config_of(results)
    manner = manner_of(results, lang, config, hide_names=hide_names, linked=False)
    sheets = [
        stage_values(notebook, results, config, manner)
        for notebook in sorted(folder.glob("[0-9]*_*.ipynb"))
        if not notebook.stem.endswith("_brief")
    ]
    values = brief_values(results, config, manner, [])
    return page("bundle.html.j2", **values, sheets=[_numbered(sheet) for sheet in sheets])


def _numbered(sheet: dict[str, Any]) -> dict[str, Any]:
    return {**sheet, "anchor": f"page-{sheet['stage']}"}
