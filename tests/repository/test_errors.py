"""Every error of salesloop's own says what went wrong, what was found, what is allowed and what to do next."""

from __future__ import annotations

import ast

from salesloop import errors
from tests.repository.test_rules import MODULES, PACKAGE

KINDS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)} | {
    "TimedOut"
}
PARTS = {"found", "allowed", "next_step"}


def made(file):
    """Yield every making of an error in a module: its line and its keywords."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in KINDS - {"SeveralErrors"}:
            yield node.lineno, {word.arg for word in node.keywords}


def test_every_error_has_its_four_parts():
    lacking = [
        f"{file.relative_to(PACKAGE)}:{line} lacks {', '.join(sorted(PARTS - words))}"
        for file in MODULES for line, words in made(file) if not words >= PARTS
    ]  # fmt: skip
    assert lacking == []
    assert sum(1 for file in MODULES for _ in made(file)) > 100


def test_no_bare_error_is_raised_on_purpose():
    """Built-in errors are for checks that pydantic tells on, for Python's own protocols and for faults of the code."""
    bare = [
        f"{file.relative_to(PACKAGE)}: {ast.unparse(node)[:100]}"
        for file in MODULES for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
        and getattr(node.exc.func, "id", "") in ("KeyError", "RuntimeError", "Exception", "AssertionError", "IndexError")
    ]  # fmt: skip
    assert bare == []
