"""The commands: thin, over what does the work. Errors say what to do and set the exit code; none shows a traceback."""

from __future__ import annotations

import datetime as dt
import difflib
import os
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer

from salesloop import paths, whole
from salesloop.errors import ParameterError, SalesloopError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
Unit = Annotated[str, typer.Option(help="The business unit.")]
Period = Annotated[str, typer.Option(help="A month such as 2026-10, or latest.")]
INTERRUPTED, FAILED = 130, 1
_STOPPED = "interrupted; what was published before stands"
_HELP = "python -m salesloop"


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code.

    Returns
    -------
    int
        0 done, 1 a stage failed, 2 usage or parameters, 3 data, 75 another run is under way, 130 interrupted,
        138 a stage's process died.
    """
    try:
        code = int(app(args=arguments, standalone_mode=False) or 0)
        if code == INTERRUPTED:  # the parser has taken the interrupt and says it by this code
            print(_STOPPED, file=sys.stderr)
        return code
    except SalesloopError as error:
        print(error.message() if not hasattr(error, "problems") else str(error), file=sys.stderr)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        print(_STOPPED, file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        return _other(error)


def _other(error: Exception) -> int:
    """Tell of any other error: a wrong command in the parser's words, a fault by its place and without its data."""
    if hasattr(error, "format_message"):
        print(_usage(error).message(), file=sys.stderr)
        return 2
    if isinstance(error, OSError):
        name = Path(error.filename).name if error.filename else "a file"
        print(
            f"{name}: {error.strerror or type(error).__name__}; next: look at disk space and permissions",
            file=sys.stderr,
        )
        return FAILED
    where = [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)[-3:]]
    print(f"fault in salesloop ({type(error).__name__} at {' < '.join(reversed(where))}); this should not happen",
          file=sys.stderr)  # fmt: skip
    return FAILED


def _usage(error: Any) -> ParameterError:
    """Return the parser's complaint about a command line in the form of every other error."""
    context = getattr(error, "ctx", None)
    name = getattr(context, "info_name", None) if getattr(context, "parent", None) else None
    said = str(error.format_message()).rstrip(".").removeprefix("Got ").replace("extra argument(s)", "arguments")
    if missing := re.match(r"Missing (option|argument) '?-*([\w-]+)", said):
        thing = _shouted(missing[2])
        return ParameterError(
            thing, found="nothing", allowed="a value", next_step=f"{_HELP} {name} --help" if name else f"{_HELP} --help"
        )
    unknown = re.match(r"No such (command|option):? '?(-*[\w-]+)'?", said)
    commands = sorted(
        app_name for command in app.registered_commands if (app_name := _name_of(command)) and not command.hidden
    )
    options = [
        text
        for param in getattr(getattr(context, "command", None), "params", [])
        for text in param.opts
        if text.startswith("--")
    ]
    allowed = commands if unknown and unknown[1] == "command" else options
    near = difflib.get_close_matches(unknown[2], allowed, n=1) if unknown else []
    step = f"did you mean {near[0]}? else " if near else ""
    return ParameterError(
        f"command {name}" if name else "command", found=f"{unknown[2]!r}, which there is not" if unknown else said[:1].lower() + said[1:],
        allowed=", ".join(allowed) or "the options that --help lists",
        next_step=f"{step}{_HELP} {name + ' ' if name else ''}--help",
    )  # fmt: skip


def _shouted(option: str) -> str:
    """Return an option as make's variable: --as-of is AS_OF."""
    return option.strip("-").replace("-", "_").upper()


def _name_of(command: Any) -> str:
    return command.name or command.callback.__name__


@app.command()
def report(unit: Unit = "demo", period: Period = "latest") -> int:
    """Run a month: grade what was promised, analyse, propose. Ends with the path of the brief."""
    from salesloop import months

    return _told(months.report(unit, period))


@app.command()
def loop(
    unit: Unit = "demo", start: Annotated[str, typer.Option()] = "", end: Annotated[str, typer.Option()] = ""
) -> int:
    """Run several months, one after the other."""
    from salesloop import months

    if not start or not end:
        raise ParameterError(
            "START and END", found="not both", allowed="two months such as 2026-07 and 2026-10",
            next_step="make loop UNIT=... START=2026-07 END=2026-10",
        )  # fmt: skip
    return _told(months.loop(unit, start, end))


@app.command()
def checkin(unit: Unit = "demo", as_of: Annotated[str, typer.Option(help="A day inside a month.")] = "") -> int:
    """Run the execution page as of a day inside a month, and say what changed since the last check-in."""
    from salesloop import months

    if not as_of:
        raise ParameterError(
            "AS_OF", found="nothing", allowed="a day such as 2026-10-14",
            next_step="make checkin UNIT=... AS_OF=2026-10-14",
        )  # fmt: skip
    return _told(months.checkin(unit, str(_day(as_of))))


def _told(summary) -> int:
    """Print where the brief is and return the exit code."""
    shown = _page(summary.folder)
    if shown:
        print(shown)
    return summary.exit_code


def _page(folder: Path) -> str:
    """Return the path of a report's first page, from the project's root."""
    found = [*sorted(folder.glob("index.*.html")), *sorted(folder.glob("*.html"))]
    return os.path.relpath(found[0], Path.cwd()) if found else ""


@app.command("import")
def import_(
    unit: Annotated[str, typer.Option(help="The unit; made where there is none.")],
    data: Annotated[str, typer.Option(help="A file, a folder, or a mapping that names files.")],
    as_of: Annotated[str, typer.Option(help="The day of the export, where its files' names do not say it.")] = "",
    compare: Annotated[
        bool, typer.Option("--compare", help="Show what differs from what is stored; change nothing.")
    ] = False,
) -> None:
    """Bring files in; a mapping is drafted where none is known. Repeating an import changes nothing."""
    from salesloop import imports

    day = _day(as_of) if as_of else None
    if compare:
        imports.compare(unit, Path(data), as_of=day)
    else:
        imports.bring_in(unit, Path(data), as_of=day)


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ParameterError(
            "AS_OF", found=repr(text[:20]), allowed="a day of the calendar, such as 2026-11-06",
            next_step="repeat the command with such a day",
        ) from None  # fmt: skip


@app.command()
def init(
    unit: Annotated[str, typer.Argument(help="The new unit's name.")],
    data: Annotated[str, typer.Option(help="Files to draft a mapping from.")] = "",
) -> None:
    """Write a commented unit.yml, the first period's file and empty plan files; with DATA, draft a mapping to confirm."""
    from salesloop import imports

    imports.start(unit, Path(data) if data else None)


@app.command()
def approve(
    unit: Unit = "demo",
    period: Period = "latest",
    by: Annotated[str, typer.Option(help="Who approves.")] = "",
    only: Annotated[str, typer.Option(help="Ids of the changes, separated by commas; all by default.")] = "",
) -> None:
    """Approve a month's proposal, whole or by id: it becomes the next month's parameters, plan rows and promises."""
    from salesloop.loop import approval_day, latest_proposal
    from salesloop.loop import approve as accept
    from salesloop.params import load_unit

    if not by.strip():
        raise ParameterError(
            "BY", found="nothing", allowed='who approves, such as BY="Li Na"', next_step="repeat the command with BY="
        )
    load_unit(unit)
    ids = [part.strip() for part in only.split(",") if part.strip()] or None
    month = latest_proposal(unit) if period == "latest" else period
    when = approval_day(unit, month, dt.date.today())
    told = accept(unit, month, by=by.strip(), only=ids, when=str(when))
    print(f"{unit} {month}: approved by {by.strip()}; {told} promises added to the ledger")


@app.command()
def verify(unit: Unit = "demo", period: Period = "latest") -> int:
    """Run a published month again, elsewhere, and compare every byte; nothing is changed."""
    from salesloop import months, run

    different = run.verify(unit, str(months.resolve(unit, period)))
    print("\n".join(["differs: " + name for name in different]) or "the same bytes")
    return FAILED if different else 0


@app.command()
def bundle(
    unit: Unit = "demo",
    period: Period = "latest",
    hide_names: Annotated[bool, typer.Option("--hide-names", help="Replace reps' names by numbers.")] = False,
) -> None:
    """Write one file for each language that can be forwarded: the brief and all pages."""
    from salesloop import months
    from salesloop.params import load_unit
    from salesloop.report import make_bundle

    config = load_unit(unit)
    month = months.resolve(unit, period)
    folder = paths.reports(unit, str(month))
    for lang in config.languages:
        page = make_bundle(folder, lang, config, hide_names=hide_names or None)
        file = folder / f"{unit}-{month}{'-no-names' if hide_names else ''}.{lang}.html"
        whole.write(file, page)
        print(os.path.relpath(file, Path.cwd()))


@app.command()
def lab() -> int:
    """Open JupyterLab on the notebooks; what they save goes to a scratch folder."""
    from salesloop.run import environment

    found = os.environ.get("PYTHONPATH")
    where = os.pathsep.join([str(paths.root()), *([found] if found else [])])
    command = [sys.executable, "-m", "jupyterlab", "--notebook-dir", str(paths.root())]
    threads = {name: value for name, value in environment.FIXED.items() if name.endswith("_THREADS")}
    wanted = {**os.environ, **threads, "PYTHONPATH": where}  # threads as in a run: the same numbers, and quicker
    return subprocess.run(command, env=wanted, check=False).returncode


@app.command(hidden=True)
def picture(unit: Unit = "demo", period: Period = "latest") -> None:
    """Take the README's picture of a brief."""
    from salesloop import months
    from salesloop.report.picture import take_picture

    folder = paths.reports(unit, str(months.resolve(unit, period)))
    take_picture(folder / "index.en.html", paths.root() / "docs" / "sample-report.png")
