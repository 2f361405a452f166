"""What is wrong with a file of typed values, in the words of every other error: thing, found, allowed, next step."""

from __future__ import annotations

import difflib
import re
import typing
from typing import Any

from pydantic import BaseModel

from salesloop.errors import ParameterError

_KINDS = {
    "int": "a whole number", "float": "a number", "decimal": "a number", "bool": "true or false", "string": "a text", "list": "a list",
    "tuple": "a list", "dict": "names with a value each, a line `name: value` each", "model": "names with a value each, a line `name: value` each",
    "date": "a day such as 2026-10-31", "mapping": "names with a value each, a line `name: value` each",
}  # fmt: skip
_PATTERNS = {"[A-Z]{3}": "an ISO code such as CNY", "[A-Za-z0-9]": "up to 40 letters, digits, - and _"}


def problem(kind: type[BaseModel], error: Any, file: str, *, place: str = "") -> ParameterError:
    """Return one of a model's mistakes as an error of ours.

    Parameters
    ----------
    kind : type of BaseModel
        The model that refused the content.
    error : dict
        One of the errors that the model told.
    file : str
        The file's name.
    place : str, optional
        Where the file is to be corrected, from the project's root.

    Examples
    --------
    >>> class Unit(BaseModel, extra="forbid"):
    ...     months: int = 3
    >>> from pydantic import ValidationError
    >>> try:
    ...     Unit(mouths="x")
    ... except ValidationError as error:
    ...     print(problem(Unit, error.errors()[0], "unit.yml"))
    unit.yml: mouths: found an unknown key; allowed: months; next: did you mean months? correct it in unit.yml
    """
    parts = [str(part) for part in error["loc"] if part != "[key]"]
    known = _names(kind, error)
    word = parts[-1] if parts else ""
    if error["type"] == "literal_error" and "[key]" not in error["loc"]:
        word = str(error["input"])
    near = difflib.get_close_matches(word, known, n=1) if known else []
    step = f"did you mean {near[0]}? correct it" if near else "correct it"
    return ParameterError(
        f"{file}: {'.'.join(parts)}" if parts else file, found=_found(error), allowed=_allowed(kind, error, known),
        next_step=f"{step} in {place or file}",
    )  # fmt: skip


def _names(kind: type[BaseModel], error: Any) -> list[str]:
    """Return the names that would have been right: keys of the model at that place, or words of a list."""
    if error["type"] == "extra_forbidden":
        model = _model_at(kind, error["loc"][:-1])
        return list(model.model_fields) if model else []
    if error["type"] == "literal_error":
        return re.findall(r"'([^']*)'", error["ctx"]["expected"]) or [error["ctx"]["expected"]]
    return []


def _model_at(kind: type[BaseModel], loc: tuple[Any, ...]) -> type[BaseModel] | None:
    """Return the model that stands at a place of another one."""
    found: type[BaseModel] | None = kind
    for part in loc:
        if found is not None and part in found.model_fields:
            found = _model_in(found.model_fields[part].annotation)
    return found


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in typing.get_args(annotation) if (model := _model_in(part))), None)


def _found(error: Any) -> str:
    """Return what stands there: short words and numbers as they are, anything else by its kind."""
    if error["type"] == "missing":
        return "nothing"
    if error["type"] == "extra_forbidden":
        return "an unknown key"
    if "[key]" in error["loc"]:
        return "an unknown name"
    if error["type"] == "value_error":
        return _said(error)[0]
    value = error["input"]
    if value is None:
        return "nothing"
    if isinstance(value, (bool, int, float, str)):
        return repr(value[:40] if isinstance(value, str) else value)
    return {"dict": "names with values", "list": "a list", "tuple": "a list"}.get(
        type(value).__name__, type(value).__name__
    )


def _allowed(model: type[BaseModel], error: Any, known: list[str]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if known:
        return ", ".join(word if word[:1].isalnum() else repr(word) for word in known)
    if kind == "missing":
        return "a value"
    if kind == "value_error":
        return _said(error)[1]
    if span := _span(model, error["loc"]):
        return span
    if kind == "string_pattern_mismatch":
        return next(
            (told for sign, told in _PATTERNS.items() if sign in context["pattern"]),
            f"a text such as {context['pattern']}",
        )
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"{context['ge']} or more" if "ge" in context else f"{context['le']} or less"
    return _KINDS.get(kind.partition("_")[0], error["msg"][:1].lower() + error["msg"][1:])


def _said(error: Any) -> tuple[str, str]:
    """Return what a check of ours found and allows, as its sentence "... ; allowed: ..." parts them."""
    found, _, allowed = str(error["msg"]).removeprefix("Value error, ").partition("; allowed: ")
    return found, allowed


def _span(kind: type[BaseModel], loc: tuple[Any, ...]) -> str:
    """Return the kind and bounds of a number's field, as "a whole number from 1 to 12"; "" where it has not both."""
    model = _model_at(kind, loc[:-1])
    field = model.model_fields.get(str(loc[-1])) if model else None
    if field is None or field.annotation not in (int, float):
        return ""
    found = {
        name: getattr(mark, name)
        for mark in field.metadata
        for name in ("ge", "le")
        if getattr(mark, name, None) is not None
    }
    what = "a whole number" if field.annotation is int else "a number"
    return f"{what} from {found['ge']} to {found['le']}" if len(found) == 2 else ""
