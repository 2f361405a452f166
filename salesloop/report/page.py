"""Templates, the style sheet, and what all pages share."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from salesloop.clean import plain
from salesloop.messages import LANGUAGES, Text

_FOLDER = Path(__file__).parent / "templates"
CSP = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
HTML_LANG = {"en": "en", "zh": "zh-CN"}
STAGES = {
    "review": "00_review", "goals": "10_goals", "forecast": "20_forecast", "bottlenecks": "30_bottlenecks",
    "whatif": "40_whatif", "execution": "50_execution", "kpi": "60_kpi", "feedback": "70_feedback", "brief": "index",
}  # fmt: skip


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters["plain"] = plain
    return made


@lru_cache(maxsize=1)
def style() -> Markup:
    """Return the style sheet of all pages."""
    lines = (_FOLDER / "page.css").read_text(encoding="utf-8").splitlines()
    return Markup("\n".join(line.strip() for line in lines if line.strip()))


def page(template: str, text: Text, **values: object) -> str:
    """Return a whole page from a template.

    Parameters
    ----------
    template : str
        A file of the templates folder.
    text : Text
        The reader's language; `t` in the templates.
    **values
        What the template shows; every text is escaped there.
    """
    shared = {"t": text.t, "text": text, "css": style(), "csp": CSP, "lang": HTML_LANG[text.lang]}
    return unbroken(plain(_environment().get_template(template).render({**shared, **values})))


def unbroken(html: str) -> str:
    """Keep a minus with its money, and a count with its ``n =``, at the end of a line.

    Examples
    --------
    >>> unbroken("(−$12, n = 3)") == "(−\u2060$12, n\xa0=\xa03)"
    True
    """
    return re.sub(r"\bn = (?=\d)", "n\xa0=\xa0", re.sub(r"−(?=[^\s\d<])", "−\u2060", html))


def others(lang: str, stem: str, languages: tuple[str, ...] = LANGUAGES) -> list[dict[str, str]]:
    """Return the same page in the unit's other languages: its address, its language and that language's own name."""
    names = {"en": "English", "zh": "中文"}
    found = [other for other in languages if other != lang]
    return [{"href": f"{stem}.{other}.html", "lang": HTML_LANG[other], "name": names[other]} for other in found]


def stage_name(stage: str, text: Text) -> str:
    """Return what a stage is called in the reader's language; a user's own stage by its name.

    Examples
    --------
    >>> stage_name("kpi", Text("en")), stage_name("my_own_page", Text("en"))
    ('Performance', 'my own page')
    """
    message = f"report.page.{stage}"
    return text.t(message) if text.has(message) else plain(stage).replace("_", " ")
