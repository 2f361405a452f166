"""The brief: what leadership must know and decide, on one page, in a fixed order.

It is drawn from the results of the stage ``brief``. Every part is optional; what is missing leaves no hole:

=============  ====================================================================================================
sentences      ``brief.headline`` opens the page; ``brief.<part>...`` opens its part; all others tell what changed
``status``     stage, status, reason
``tie_out``    any columns; what was read, left out, kept
``promises``   kind, scope, measure, made_in, promised, low, high, actual, outcome, uom (at most 7 are shown); ``now``
               is what the plan has since put in a target's place
``numbers``    measure, value, uom, n, low, high, confidence, change, against, target, trail (3 to 6); ``about`` names
               the month or quarter of a number, ``verdict`` is ``noise`` where no change can be told and ``ahead``
               where the number is expected; ``note, values`` a sentence of its own
``changes``    line, amount (a bridge), and sentences
``figures``    stage, figure: drawings of other stages (at most 5)
``proposal``   as `salesloop.rules.as_frame` makes it
``decisions``  message, values (a sentence a row), or any columns
``notes``      message, values, or any columns
=============  ====================================================================================================
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from salesloop import periods
from salesloop.clean import plain
from salesloop.messages import Text
from salesloop.params import UnitConfig
from salesloop.report import boxes, proposal
from salesloop.report.items import Items, Manner, fitting
from salesloop.report.page import STAGES, others, page, stage_name
from salesloop.report.render import config_of, manner_of
from salesloop.results import Results

PARTS = ("status", "tie_out", "promises", "numbers", "changes", "figures", "proposal", "decisions", "notes")
LIMIT = 1_000_000
MOST_PROMISES, MOST_NUMBERS, MOST_FIGURES = 7, 6, 5
_GOOD, _BAD = {"met", "inside"}, {"missed", "outside"}


def render_brief(
    results_dir: Path | str, lang: str, config: UnitConfig | None = None, gaps: Iterable[Mapping[str, Any]] = (), *,
    hide_names: bool | None = None, linked: bool = True, period: str = "",
) -> str:  # fmt: skip
    """Return the brief's page, at most 1 MB.

    Parameters
    ----------
    results_dir : path
        The ``results`` folder of the period.
    lang : {"en", "zh"}
        The reader's language.
    config : UnitConfig, optional
        The unit's configuration; read from its unit.yml by default.
    gaps : iterable of mapping
        The stages that failed: ``stage``, ``reason`` and, where known, ``cell``.
    hide_names, linked
        As in `render_stage`.
    period : str
        The month, for a page of which no stage has left results.
    """
    folder, gaps = Path(results_dir), list(gaps)
    config = config or config_of(folder)
    manner = manner_of(folder, lang, config, hide_names=hide_names, linked=linked)
    return fitting(lambda how: page("brief.html.j2", **brief_values(folder, config, how, gaps, period)), manner, LIMIT)


def brief_values(
    folder: Path, config: UnitConfig, manner: Manner, gaps: list[Mapping[str, Any]], period: str = ""
) -> dict[str, Any]:
    """Return everything the brief's template shows."""
    text = manner.text
    every = {name: Items(results, manner) for name in _stages(folder) if (results := Results.find(folder, name))}
    own = every.get("brief")
    absent = {"unit": config.unit, "period": period, "as_of": str(periods.end(pd.Period(period))) if period else None}
    content = next((one.results.content for one in every.values()), absent)
    told = _sentences(own)
    return {
        "text": text, "content": content, "unit": plain(config.name or config.unit), "linked": manner.linked,
        "hidden": manner.mask is not str, "others": others(text.lang, "index", config.languages),
        "home": f"../index.{text.lang}.html", "headline": next(iter(told.pop("headline", [])), ""), "told": told,
        "pages": _pages(folder, every, text), "gaps": [_gap(gap, text) for gap in gaps],
        "complete": _complete(every, gaps, text), "whole": not gaps,
        "tables": {part: _table(own, part) for part in ("tie_out", "decisions", "notes", "status")},
        "promises": _promises(own), "numbers": _numbers(own), "bridge": _bridge(own),
        "figures": _figures(own, every), "groups": proposal.groups(own, config, every), "asked": proposal.asked(own),
        "decisions": proposal.decisions(own, config), "notes": _said(own, "notes"),
        "command": f"make approve UNIT={config.unit} PERIOD={content['period']} BY=…",
    }  # fmt: skip


def _stages(folder: Path) -> list[str]:
    have = [file.stem for file in sorted(folder.glob("*.json"))]
    return sorted(have, key=lambda name: (STAGES.get(name, "99"), name))


def _sentences(own: Items | None) -> dict[str, list[str]]:
    """Return the brief's sentences by the part they belong to; the headline is a part of its own."""
    told: dict[str, list[str]] = {}
    for index, said in enumerate(own.results.sentences if own else ()):
        head, _, rest = said["id"].partition(".")
        part = next((name for name in ("headline", *PARTS) if head == "brief" and rest.startswith(name)), "changes")
        told.setdefault(part, []).append(own.sentence(index))  # type: ignore[union-attr]
    return told


def _rows(own: Items | None, name: str) -> list[dict[str, Any]]:
    frame = own.results.table(name) if own else pd.DataFrame()
    return [{str(key): _plain(value) for key, value in row.items()} for row in frame.to_dict("records")]


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    return None if not isinstance(value, (list, dict, str)) and pd.isna(value) else value


def _table(own: Items | None, part: str) -> Any:
    """Return a part's table as it was saved, unless it holds sentences."""
    if own is None or part not in own.results.tables or "message" in own.results.table(part):
        return ""
    spec = own.results.tables[part]
    return own.table(part) if spec["rows"] and "title" in spec else ""


def _said(own: Items | None, part: str) -> list[str]:
    rows = [row for row in _rows(own, part) if row.get("message")]
    return [own.words(row["message"], _values(row)) for row in rows] if own else []


def _number_in(row: Mapping[str, Any], name: str) -> float:
    """Return a number of a row, NaN where it has none."""
    value = row.get(name)
    return float(value) if boxes.known(value) else float("nan")  # type: ignore[arg-type]


def _values(row: Mapping[str, Any]) -> dict[str, Any]:
    values = row.get("values") or {}
    return json.loads(values) if isinstance(values, str) else dict(values)


def _gap(gap: Mapping[str, Any], text: Text) -> dict[str, str]:
    cell = text.t("report.gap.cell", cell=plain(gap["cell"])) if gap.get("cell") not in (None, "") else ""
    reason = plain(str(gap.get("reason", "")))[:400]
    title = text.t("report.gap.title", name=stage_name(str(gap["stage"]), text))
    return {"title": title, "why": text.t("report.gap.why", cell=cell, reason=reason or "–")}


def _complete(found: Mapping[str, Items], gaps: list[Mapping[str, Any]], text: Text) -> str:
    n = len({*found, *(gap["stage"] for gap in gaps)})
    if not gaps:
        return text.t("report.brief.complete", n=n)
    named = ", ".join(stage_name(str(gap["stage"]), text) for gap in gaps)
    return text.t("report.brief.incomplete", n=n, failed=len(gaps), names=named)


def _pages(folder: Path, found: Mapping[str, Items], text: Text) -> list[dict[str, str]]:
    """Return the stage pages of this report, in reading order."""
    stems = [file.stem for file in sorted(folder.parent.glob("[0-9]*_*.ipynb"))] or sorted(
        STAGES.get(name, f"99_{name}") for name in found
    )
    named = [(stem, stem.lstrip("0123456789").lstrip("_")) for stem in stems]
    return [
        {"href": f"{stem}.{text.lang}.html", "name": stage_name(stage, text), "stage": stage}
        for stem, stage in named if stage not in ("brief", "index")
    ]  # fmt: skip


def _scope(row: Mapping[str, Any], items: Items) -> str:
    level, _, name = str(row.get("scope") or "company").partition(":")
    if row.get("kind") == "whatif" and name:
        named = " / ".join(items.text.word(part, "whatif") for part in name.split(" / "))
        return items.mask(plain(f"{items.text.word(level)} · {named}"))
    return items.mask(plain(name) if name else items.text.word(level))


def _promised(row: Mapping[str, Any], items: Items) -> list[str]:
    """Return what was promised: its kind, its measure, its scope; a what-if is of bookings always."""
    kind, measure = items.text.word(row.get("kind")), items.text.word(row.get("measure"))
    return [kind, _scope(row, items)] if row.get("kind") == "whatif" else [kind, measure, _scope(row, items)]


def _promises(own: Items | None) -> list[dict[str, Any]]:
    return [_promise(row, own) for row in _rows(own, "promises")[:MOST_PROMISES]] if own else []


def _promise(row: Mapping[str, Any], items: Items) -> dict[str, Any]:
    text, outcome = items.text, str(row.get("outcome"))
    low, high, promised, came, now = _read_together(row, ("low", "high", "promised", "actual", "now"), text)
    bounds = {"low": low, "high": high}
    ranged = boxes.known(row.get("low"), row.get("high"))
    made = [text.t("report.promise.made", made_in=row["made_in"])] if row.get("made_in") else []
    made += [text.t("report.promise.now", now=now)] if boxes.known(row.get("now")) else []
    return {
        "what": " · ".join(_promised(row, items)),
        "made": "; ".join(made) if text.lang == "en" else "；".join(made), "promised": promised, "came": came,
        "range": text.t("report.promise.range", **bounds) if ranged else "",
        "strip": boxes.strip(*(_number_in(row, key) for key in ("promised", "low", "high", "actual"))),
        "outcome": text.word(outcome), "tone": "good" if outcome in _GOOD else "bad" if outcome in _BAD else "calm",
        "sign": "✓ " if outcome in _GOOD else "✕ " if outcome in _BAD else "",
    }  # fmt: skip


def _read_together(row: Mapping[str, Any], names: tuple[str, ...], text: Text) -> list[str]:
    """Return the numbers of a row as text; amounts of money in as many digits as tell them apart."""
    values = [row.get(name) for name in names]
    if row.get("uom") == text.currency:
        return text.moneys(*values)
    return [text.measured(value, row.get("uom")) for value in values]


def _numbers(own: Items | None) -> list[dict[str, Any]]:
    return [_number(row, own) for row in _rows(own, "numbers")[:MOST_NUMBERS]] if own else []


def _number(row: Mapping[str, Any], items: Items) -> dict[str, Any]:
    """Return one number in words: its size, its change, its target, its range."""
    text, uom = items.text, row.get("uom")
    value, target = _number_in(row, "value"), _number_in(row, "target")
    lines = [_change(row, text)]
    if boxes.known(value, target) and target > 0:
        told = "expected" if row.get("verdict") == "ahead" else "target"
        lines.append(text.t(f"report.number.{told}", target=text.measured(target, uom), share=value / target))
    certain = []
    if boxes.known(row.get("low"), row.get("high")):
        low, high = _read_together(row, ("low", "high"), text)
        share = row.get("confidence") or 0.8
        certain.append(text.t("report.number.range", low=low, high=high, confidence=share).replace(".0%", "%"))
    if row.get("note"):
        lines.append(items.words(row["note"], _values(row)))
    if boxes.known(row.get("n")):
        certain.append(text.t("report.number.n", n=row["n"]))
    lines.append(" · ".join(certain))
    trail = row.get("trail") or []
    about = f" · {text.period(row['about'])}" if row.get("about") else ""
    return {
        "name": items.mask(text.word(row.get("measure"), "brief")) + about, "big": _size(row, value, text),
        "lines": [line for line in lines if line], "bullet": boxes.bullet(value, target),
        "spark": boxes.spark(json.loads(trail) if isinstance(trail, str) else trail),
    }  # fmt: skip


def _size(row: Mapping[str, Any], value: float, text: Text) -> str:
    """Return a number's size; the odds of a target in whole percent."""
    odds = str(row.get("measure")).startswith("p_hit") and boxes.known(value)
    return text.chance(value) if odds else text.measured(value, row.get("uom"))


def _change(row: Mapping[str, Any], text: Text) -> str:
    change, uom = _number_in(row, "change"), row.get("uom")
    if not boxes.known(change):
        return ""
    against = row.get("against")
    named = text.word(against, "brief") if against else ""
    than = (named if named != against else text.period(against)) if against else text.t("report.number.before")
    size = text.changed(change, uom)
    if not any(digit in size for digit in "123456789"):
        return text.t("report.number.same", against=than)
    signed = size if change < 0 or size.startswith("+") else f"+{size}"
    told = "noise" if row.get("verdict") == "noise" else "change"
    return text.t(f"report.number.{told}", change=signed, against=than)


def _bridge(own: Items | None) -> list[dict[str, Any]]:
    """Return the rows of the bridge that explains the change, each with its bar."""
    rows = [row for row in _rows(own, "changes") if "amount" in row and ("line" in row or "part" in row)]
    if own is None or not rows:
        return []
    totals = [bool(row.get("total", place in (0, len(rows) - 1))) for place, row in enumerate(rows)]
    bars = boxes.bridge([row["amount"] for row in rows], totals)
    told = [own.text.money(row["amount"]) for row in rows]
    return [
        {"name": own.mask(own.text.word(row.get("line", row.get("part")), "brief")), "bar": bar, "total": total,
         "amount": words if total or row["amount"] < 0 else f"+{words}"}
        for row, total, bar, words in zip(rows, totals, bars, told, strict=True)
    ]  # fmt: skip


def _figures(own: Items | None, every: Mapping[str, Items]) -> list[dict]:
    """Return the brief's own drawings and those of other stages that it points to."""
    if own is None:
        return []
    wanted = [("brief", figure["name"]) for figure in own.results.figures if "plot" in figure]
    wanted += [(row["stage"], row["figure"]) for row in _rows(own, "figures")]
    found = [
        (stage, name) for stage, name in wanted[:MOST_FIGURES]
        if stage in every and any(figure["name"] == name for figure in every[stage].results.figures)
    ]  # fmt: skip
    alone = len(found) % 2  # an odd one takes the page's whole width
    return [
        {**every[stage].figure(name, half=place >= alone), "id": f"brief-{stage}-{name}"}
        for place, (stage, name) in enumerate(found)
    ]
