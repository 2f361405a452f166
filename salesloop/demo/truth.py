"""The truth beside the exports: for tests and benchmarks only; no importer reads it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from salesloop.demo import decisions, market, texts, voice
from salesloop.demo.tables import view

if TYPE_CHECKING:
    from salesloop.demo.company import Company


def parameters(company: Company, as_of: dt.date) -> dict[str, Any]:
    """Return what is true of a company and hidden from everybody who reports.

    Returns
    -------
    dict
        ``options`` (with bottlenecks and interventions and their true factors), ``levers`` (what share of each approved
        lever's promise comes true), ``reps`` (skill, ramp, habit of calling), ``paces``, ``emerging`` theme.
    """
    people, world = company.world.people, company.world
    theme, begins = voice.emerging(view(company, as_of))
    levers = company.decisions.get("interventions")
    ids = (
        []
        if levers is None
        else [str(i) for i in levers["id"] if str(i) not in {p.id for p in company.options.interventions}]
    )
    return {
        "as_of": str(as_of), "options": dataclasses.asdict(company.options),
        "levers": {ident: decisions.truth_of_lever(company, ident) for ident in ids},
        "rules": [dataclasses.asdict(rule) | {"end": None if np.isinf(rule.end) else rule.end} for rule in world.rules],
        "first_day": str(world.origin),
        "reps": [
            {"name": name, "skill": round(float(people.skill[i]), 4), "ramp_months": round(float(people.ramp[i]), 2),
             "ceiling": float(people.ceiling[i]), "calls_factor": round(float(people.calls[i]), 4)}
            for i, name in enumerate(people.names) if people.start[i] < world.day(as_of) + 1
        ],
        "paces": {"stages": market.STAGES, "advance": market.ADVANCE.tolist(), "lost": market.LOSE.tolist(), "back": market.BACK.tolist()},
        "emerging": {"theme": texts.THEMES[theme], "from": str(world.origin + dt.timedelta(days=int(begins)))},
    }  # fmt: skip


def write(company: Company, folder: Path, as_of: dt.date, *, n: int = 0, months: int = 3) -> Path:
    """Write the truth as of a day and return its folder.

    Parameters
    ----------
    company : Company
        Whose truth.
    folder : path
        ``truth.json`` goes there; with `n`, ``futures.parquet`` and ``win_chances.parquet`` too.
    as_of : date
        The day.
    n : int
        How many true futures to draw; 0 for none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(parameters(company, as_of), ensure_ascii=False, indent=1, default=str)
    (folder / "truth.json").write_text(text + "\n", encoding="utf-8")
    if n:
        import pandas as pd

        drawn = company.futures(as_of, months, n)
        pd.DataFrame(drawn, columns=[f"month_{i + 1}" for i in range(months)]).to_parquet(folder / "futures.parquet")
        company.win_chances(as_of, months, n).to_parquet(folder / "win_chances.parquet")
    return folder
