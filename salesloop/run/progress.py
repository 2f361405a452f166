"""What a run tells while it works: a line a stage, with elapsed and remaining time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping

Say = Callable[[str], object]


class Progress:
    """Tells of a run's stages as they end.

    Parameters
    ----------
    label : str
        Which run: unit and period.
    stages : mapping of str to float
        Each stage's seconds at the last run, 0 where unknown.
    workers : int
        How many run at once.
    say : callable
        Takes one line.
    """

    def __init__(self, label: str, stages: Mapping[str, float], workers: int, say: Say):
        self.label, self.expected, self.workers, self.say = label, dict(stages), workers, say
        self.left, self.begun, self.n = set(stages), time.perf_counter(), len(stages)
        self.running: list[str] = []
        self.live = say is print and sys.stdout.isatty()
        self._show()

    def started(self, stage: str) -> None:
        """A stage begins."""
        self.running.append(stage)
        self._show()

    def ended(self, stage: str, status: str, seconds: float = 0.0, why: str = "") -> None:
        """Tell that a stage has ended: how, how long it took, and what is left."""
        self.left.discard(stage)
        if stage in self.running:
            self.running.remove(stage)
        took = f"{seconds:6.1f} s" if seconds else " " * 8
        line = f"{self.label}  {self.n - len(self.left)}/{self.n}  {stage:<16} {status:<9} {took}  {self._time()}"
        self._line(line.rstrip())
        if why:
            self._line(f"    {why}")
        self._show()

    def _time(self) -> str:
        elapsed, remaining = time.perf_counter() - self.begun, self._remaining()
        told = f"elapsed {duration(elapsed)}"
        return f"{told}, about {duration(remaining)} left" if remaining >= 1 else told

    def _remaining(self) -> float:
        """Return the seconds left, by the last run's times or by this one's pace."""
        known = sum(self.expected[stage] for stage in self.left)
        if known:
            return max(known / self.workers, max((self.expected[stage] for stage in self.left), default=0.0))
        done = self.n - len(self.left)
        return (time.perf_counter() - self.begun) / done * len(self.left) if done else 0.0

    def _line(self, line: str) -> None:
        if self.live:
            sys.stdout.write("\r\x1b[K")
        self.say(line)

    def _show(self) -> None:
        """On a terminal, show what is at work on a line that the next one overwrites."""
        if self.live and self.left:
            sys.stdout.write(f"\r\x1b[K{self.label}  {', '.join(self.running) or 'warming up'} …")
            sys.stdout.flush()

    def close(self) -> None:
        """Leave no half line behind."""
        if self.live:
            sys.stdout.write("\r\x1b[K")
            sys.stdout.flush()


def duration(seconds: float) -> str:
    """Return a time in words.

    Examples
    --------
    >>> duration(4.2), duration(95)
    ('4 s', '1 min 35 s')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
