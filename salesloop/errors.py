"""Every error a user can meet: what went wrong, what was found, what is allowed, what to do next."""

from __future__ import annotations

from collections.abc import Iterable


class SalesloopError(Exception):
    """An error that helps.

    Parameters
    ----------
    thing : str
        What is wrong, by name (a file, a column, a parameter), never a customer's data.
    found : str, optional
        What was found there.
    allowed : str, optional
        What would have been right.
    next_step : str, optional
        What the user can do now.

    Examples
    --------
    >>> print(ParameterError("period", found="'2026-13'", allowed="a month such as 2026-10"))
    period: found '2026-13'; allowed: a month such as 2026-10
    """

    exit_code = 2

    def __init__(self, thing: str, *, found: str = "", allowed: str = "", next_step: str = ""):
        self.thing, self.found, self.allowed, self.next_step = thing, found, allowed, next_step
        super().__init__(self.message())

    def message(self) -> str:
        """Return the error in one line."""
        parts = [f"found {self.found}" if self.found else "", f"allowed: {self.allowed}" if self.allowed else ""]
        parts.append(f"next: {self.next_step}" if self.next_step else "")
        told = "; ".join(part for part in parts if part)
        return f"{self.thing}: {told}" if told else self.thing

    def __reduce__(self):
        return _rebuild, (type(self), self.thing, self.found, self.allowed, self.next_step)


def _rebuild(kind, thing, found, allowed, next_step):
    return kind(thing, found=found, allowed=allowed, next_step=next_step)


class StageError(SalesloopError):
    """A stage could not be computed."""

    exit_code = 1


class ParameterError(SalesloopError):
    """A parameter, a unit, a period or a command is wrong."""

    exit_code = 2


class DataError(SalesloopError):
    """Data break the contract in a way that must stop the run."""

    exit_code = 3


class LockedError(SalesloopError):
    """Another run of the same unit and period is under way."""

    exit_code = 75


class ChildDied(StageError):
    """A stage's process was killed or ended without an answer."""

    exit_code = 138


class SeveralErrors(SalesloopError):
    """Several problems reported at once; the exit code is the gravest of theirs.

    Examples
    --------
    >>> print(SeveralErrors([ParameterError("a"), ParameterError("b")]))
    2 problems
      1. a
      2. b
    """

    def __init__(self, problems: Iterable[SalesloopError]):
        self.problems = list(problems)
        lines = [f"{len(self.problems)} problems"]
        lines += [f"  {i}. {problem}" for i, problem in enumerate(self.problems, 1)]
        super().__init__("\n".join(lines))
        self.exit_code = max((problem.exit_code for problem in self.problems), default=2)

    def __reduce__(self):
        return type(self), (self.problems,)


def raise_all(problems: list[SalesloopError]) -> None:
    """Raise nothing, the one problem, or all of them together."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise SeveralErrors(problems)
