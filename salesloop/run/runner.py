"""A run of one unit and period: what is unchanged is kept, the rest runs, pages are drawn, all is published at once."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from salesloop import paths, periods
from salesloop.errors import ParameterError, StageError
from salesloop.messages import LANGUAGES
from salesloop.params import UnitConfig, load_unit
from salesloop.run import files, graph, publish, stage
from salesloop.run.child import Done, Task, close, draw_brief
from salesloop.run.executor import Executor, fresh, warm_up
from salesloop.run.lock import alone
from salesloop.run.progress import Progress, Say
from salesloop.run.reason import scrub

TIMEOUT_S = 600.0
CHECKIN_STAGE = "execution"
DONE, UNCHANGED, FAILED = "done", "unchanged", "failed"


@dataclass
class RunSummary:
    """What came of a run.

    Attributes
    ----------
    unit, period : str
        Which run.
    folder : Path
        The published report.
    status : dict of str to str
        Each stage: done, unchanged or failed.
    gaps : list of dict
        The failed stages: stage, cell, reason.
    exit_code : int
        0, 1 where a stage failed, 138 where a stage's process died.
    """

    unit: str
    period: str
    folder: Path
    status: dict[str, str] = field(default_factory=dict)
    gaps: list[dict[str, str]] = field(default_factory=list)
    exit_code: int = 0


def report(
    unit: str, period: str | pd.Period, *, as_of: dt.date | str | None = None, workers: int = 2,
    languages: tuple[str, ...] | None = None, out: Say = print, timeout: float = TIMEOUT_S, executor: Any = None,
) -> RunSummary:  # fmt: skip
    """Run the stages of a month, or of a check-in inside it, and publish their pages.

    Parameters
    ----------
    unit, period : str
        Whose report, of which month.
    as_of : date, optional
        The day of a check-in: then only the execution stage runs, into a folder of its own.
    workers : int, default 2
        How many stages run at once.
    languages : tuple of str, optional
        The pages' languages; the unit's own by default.
    out : callable
        Takes each line of progress.
    timeout : float, default 600
        Seconds that a stage may take.
    executor : optional
        Anything with ``submit`` that returns futures, such as a Dask client's ``get_executor()``; by default one that
        starts `workers` processes here.

    Raises
    ------
    ParameterError, DataError, LockedError
        The unit, the period or a notebook's metadata are wrong; the data cannot be frozen; another run is under way.
    StageError
        The report could not be written. The last published one stands.
    """
    config, month = load_unit(unit), str(periods.parse_period(period))
    day = str(as_of) if as_of else None
    unknown = sorted(set(languages or ()) - set(LANGUAGES))
    if unknown:
        raise ParameterError(
            "languages",
            found=", ".join(map(repr, unknown)),
            allowed=", ".join(LANGUAGES),
            next_step="name some of these",
        )
    with alone(unit, month):
        place = publish.Place.of(unit, month, day)
        place.heal()
        if not (place.target / publish.MANIFEST).is_file():
            warm_up()  # there is something to run: warm while the tables are frozen
        run = Run(config, month, day, tuple(languages or config.languages), place, snapshot(unit, month, day))
        return run.carry_out(workers=workers, out=out, timeout=timeout, executor=executor)


def snapshot(unit: str, period: str, as_of: str | None) -> Path:
    """Return the folder of the frozen tables, frozen now where there is a store to freeze from."""
    if paths.store(unit).is_file():
        from salesloop import store

        return store.freeze(unit, periods.parse_period(period), dt.date.fromisoformat(as_of) if as_of else None)
    folder = paths.snapshot(unit, f"{period}@{as_of}" if as_of else period)
    if not (folder / "meta.json").is_file():
        raise ParameterError(
            f"data of unit {unit!r}",
            found=f"none for {period}",
            allowed="a month that an import has reached",
            next_step=f"make import UNIT={unit} DATA=folder",
        )
    return folder


class Run:
    """One run at work."""

    def __init__(
        self, config: UnitConfig, period: str, as_of: str | None, languages: tuple[str, ...], place: publish.Place,
        frozen: Path,
    ):  # fmt: skip
        self.config, self.period, self.as_of, self.languages = config, period, as_of, languages
        self.place, self.frozen = place, frozen
        found = graph.load(paths.notebooks())
        self.stages = [replace(spec, needs=()) for spec in found if spec.name == CHECKIN_STAGE] if as_of else found
        if as_of and not self.stages:
            raise ParameterError(
                "check-in", found="no notebook for it", allowed=f"a notebook of stage {CHECKIN_STAGE!r}",
                next_step="get notebooks/50_execution.ipynb back",
            )  # fmt: skip
        self.inputs = stage.inputs(config, period, as_of, languages, frozen)
        self.base = stage.short(self.inputs)
        self.summary = RunSummary(config.unit, period, place.target)
        self.made: dict[str, dict[str, Any]] = {}
        self.log: dict[str, Any] = {}

    def carry_out(self, *, workers: int, out: Say, timeout: float, executor: Any) -> RunSummary:
        """Do what has changed and publish it; where nothing has, leave the report untouched."""
        published = stage.read(self.place.target / publish.MANIFEST)
        if self._unchanged(published):
            self.summary.status = dict.fromkeys((spec.name for spec in self.stages), UNCHANGED)
            out(f"{self.config.unit} {self.place.name}  nothing has changed")
            return self.summary
        warm_up()
        self.place.begin()
        try:
            self.do_all(executor or Executor(workers), workers=workers, out=out, timeout=timeout,
                        known=published.get("stages", {}))  # fmt: skip
            self._finish(published)
        except OSError as error:
            raise StageError(
                f"report of {self.config.unit} {self.period}", found=error.strerror or type(error).__name__,
                allowed="a folder that can be written, with room", next_step="look at disk space and permissions; the last report stands",
            ) from None  # fmt: skip
        finally:
            files.remove(self.place.work)
        return self.summary

    def _unchanged(self, published: dict[str, Any]) -> bool:
        """Return whether the published report is the one that this run would make, every file of it whole."""
        if published.get("inputs") != json.loads(json.dumps(self.inputs)) or published.get("gaps"):
            return False
        wanted, have = {spec.name: stage.notebook(spec) for spec in self.stages}, published["stages"]
        made = {name: found for one in have.values() for name, found in one["outputs"].items()} | published["pages"]
        same = {name: one["notebook"] for name, one in have.items()} == wanted
        return same and files.intact(self.place.target, made)

    def do_all(self, executor: Any, *, workers: int, out: Say, timeout: float, known: dict[str, Any]) -> None:
        """Run the stages into the work folder, unchanged ones excepted, and draw the first page.

        Parameters
        ----------
        known : dict
            The stages of the published manifest, whose files may be taken over.
        """
        self.place.work.joinpath("results").mkdir(parents=True, exist_ok=True)
        before = _read_log(self.place.target / publish.LOG)
        progress = Progress(f"{self.config.unit} {self.place.name}",
                            {spec.name: before.get(spec.name, 0.0) for spec in self.stages}, workers, out)  # fmt: skip
        with executor:
            try:
                graph.run(self.stages, self._beginner(executor.submit, progress, timeout, known),
                          lambda spec, done: self._end(spec, done, progress, known), workers=workers)  # fmt: skip
            finally:
                progress.close()
            self._draw_missing_brief(out)

    def _beginner(
        self, submit: Callable[..., Future], progress: Progress, timeout: float, known: dict[str, Any]
    ) -> Callable[[graph.StageSpec], Future | None]:
        waits = graph.waits(self.stages)

        def begin(spec: graph.StageSpec) -> Future | None:
            upstream = {name: self._results(name) for name in sorted(waits[spec.name])}
            found = stage.key(spec, self.base, upstream, self.summary.gaps)
            self.made[spec.name] = {"key": found, "notebook": stage.notebook(spec), "file": spec.file.name}
            before = known.get(spec.name, {})
            if before.get("key") == found and files.intact(self.place.target, before["outputs"]):
                self.place.take_over(before["outputs"])
                self.made[spec.name] = {**before, **self.made[spec.name]}
                self.summary.status[spec.name] = UNCHANGED
                progress.ended(spec.name, UNCHANGED)
                return None
            progress.started(spec.name)
            return submit(stage.attempt, self._task(spec), timeout)

        return begin

    def _results(self, name: str) -> str:
        if self.summary.status.get(name) == FAILED:
            return stage.ABSENT
        return stage.results_of(self.made[name]["outputs"])

    def _task(self, spec: graph.StageSpec) -> Task:
        given: dict[str, Any] = {"unit": self.config.unit, "period": self.period}
        if "as_of" in spec.parameters:
            given["as_of"] = self.as_of
        elif self.as_of:
            raise ParameterError(
                f"{spec.file.name}: parameters", found="as_of not set there", allowed="as_of = None",
                next_step="set it in the cell tagged `parameters`",
            )  # fmt: skip
        home = "../../../index.{lang}.html" if self.as_of else ""
        gaps = tuple(self.summary.gaps) if spec.name == graph.BRIEF else ()
        return Task(spec.name, str(spec.file), str(self.place.work), given, self.languages, gaps, home)

    def _end(self, spec: graph.StageSpec, done: Done, progress: Progress, known: dict[str, Any]) -> None:
        """Note how a stage ended; one that failed leaves its last good pages in place."""
        times = {"seconds": done.seconds, "cpu_seconds": done.cpu_seconds, "peak_mb": done.peak_mb}
        self.log[spec.name] = {name: round(value, 3) for name, value in times.items()}
        if not done.reason:
            self.made[spec.name]["outputs"] = done.outputs
            self.summary.status[spec.name] = DONE
            progress.ended(spec.name, DONE, done.seconds)
            return
        self.summary.status[spec.name] = FAILED
        reason = scrub(done.reason)
        self.summary.gaps.append({"stage": spec.name, "cell": done.cell, "reason": reason})
        self.summary.gaps.sort(key=lambda gap: gap["stage"])
        self.summary.exit_code = max(self.summary.exit_code, 138 if done.died else 1)
        self._set_aside(spec, known)
        told = f"cell {done.cell}: {reason}" if done.cell else reason
        if (self.place.work / publish.FAILED / spec.file.name).is_file():
            told += f"; see {publish.FAILED}/{spec.file.name} in the report's folder"
        progress.ended(spec.name, FAILED, done.seconds, told)

    def _set_aside(self, spec: graph.StageSpec, known: dict[str, Any]) -> None:
        with suppress(OSError):
            publish.set_aside(self.place.work, spec.stem, spec.name)
        last = known.get(spec.name, {"key": "", "outputs": {}})
        self.made[spec.name] = {**self.made[spec.name], "key": last["key"], "outputs": last["outputs"]}
        self.place.take_over(name for name in last["outputs"] if not name.startswith(("results/", "index.")))

    def _last_good(self) -> None:
        """Let the last good results of failed stages stand again, now that no stage can take them for new."""
        for gap in self.summary.gaps:
            last = self.made[gap["stage"]]["outputs"]
            self.place.take_over(name for name in last if not name.startswith("index."))

    def _draw_missing_brief(self, out: Say) -> None:
        """Draw the first page where the brief itself failed or does not exist: the gaps, and what it said last."""
        if self.as_of or self.summary.status.get(graph.BRIEF) in (DONE, UNCHANGED):
            return
        last = self.made.get(graph.BRIEF, {}).get("outputs", {})
        self.place.take_over(name for name in last if name.startswith("results/"))
        given = {"unit": self.config.unit, "period": self.period}
        task = Task(graph.BRIEF, "", str(self.place.work), given, self.languages, tuple(self.summary.gaps))
        try:
            fresh(draw_brief, task)
        except StageError as error:
            self.place.take_over(name for name in last if name.startswith("index."))
            self.summary.exit_code = max(self.summary.exit_code, error.exit_code)
            out(f"first page: {error}")

    def _finish(self, published: dict[str, Any]) -> None:
        """Publish the work folder, close the loop, list the report, write the manifest last."""
        self._last_good()
        self.place.carry(published)
        _write_log(self.place.work, self.log, self.place.target / publish.LOG)
        self.place.publish()
        ended_well = not self.as_of and self.summary.status.get(graph.BRIEF) in (DONE, UNCHANGED)
        fresh(close, self.config.unit, self.period, str(self.place.target), self._closing_day() if ended_well else "",
              self.languages)  # fmt: skip
        publish.write_json(self.place.target / publish.MANIFEST, self._manifest())

    def _closing_day(self) -> str:
        meta = json.loads((self.frozen / "meta.json").read_text(encoding="utf-8"))
        late = periods.known_until(periods.parse_period(self.period), self.config.close_lag_days, self.config.country)
        return str(meta.get("known_until") or late)[:10]

    def _manifest(self) -> dict[str, Any]:
        pages = sorted(self.place.target.glob("index.*.html"))
        return {
            "version": 1, "inputs": self.inputs, "stages": {name: self.made[name] for name in sorted(self.made)},
            "gaps": self.summary.gaps, "pages": files.hashes(self.place.target, pages),
        }  # fmt: skip


def _read_log(file: Path) -> dict[str, float]:
    """Return each stage's seconds at the last run."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        found = json.loads(file.read_text(encoding="utf-8"))["stages"]
        return {name: float(one["seconds"]) for name, one in found.items()}
    return {}


def _write_log(work: Path, stages: dict[str, Any], before: Path) -> None:
    """Write how long each stage took and how much memory; of one that was kept, what its own run took."""
    old: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        old = json.loads(before.read_text(encoding="utf-8")).get("stages", {})
    publish.write_json(work / publish.LOG, {"stages": {**old, **stages}})
