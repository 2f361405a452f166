"""How did we, teams and reps really perform? Scorecard, bridges, retention, the fair rep view, composite, assessments."""

from __future__ import annotations

from salesloop.metrics.kpi import (
    assess,
    attain,
    coaching,
    composite,
    coverage,
    fair,
    figures,
    people,
    proxies,
    pvm,
    retention,
    say,
    scorecard,
    velocity,
    winrates,
)

__all__ = [
    "assess", "attain", "coaching", "composite", "coverage", "fair", "figures", "people", "proxies", "pvm", "retention",
    "say", "scorecard", "velocity", "winrates",
]  # fmt: skip
