"""What kind of company it is: everything that can be chosen, and the default company of unit `demo`."""

from __future__ import annotations

from dataclasses import dataclass

MOVEMENTS = ("hidden_quality", "close_dates", "quarter_end", "fast")


@dataclass(frozen=True)
class Bottleneck:
    """A planted bottleneck: one stage of one segment moves slower, or loses more, from some month on.

    Attributes
    ----------
    stage : str
        The stage, such as ``"Proposal"``.
    kind, value : str
        The segment: a column (segment, region, team, product, lead_source, sales_channel, type) and its value.
    start, end : str
        First and last month; no `end` means it stays.
    speed, loss : float
        Factors on the pace of moving on and of being lost; 0.35 and 1.0 is a slowdown to about a third.
    """

    stage: str
    kind: str
    value: str
    start: str
    end: str | None = None
    speed: float = 0.35
    loss: float = 1.0


@dataclass(frozen=True)
class Planted:
    """A change that the company made, with its true effect.

    Attributes
    ----------
    id, what : str
        As they stand in the plan file.
    lever : str
        conversion (odds of moving on against being lost), cycle (pace of everything), volume (new leads and deals),
        size (amounts of new deals), price (amounts when won), response (pace of answering leads).
    kind, value : str
        Whom it applies to: company, or a segment column and its value (team, region, segment, ...).
    start, end : str
        Days; no `end` means it stays.
    factor : float
        The true factor; 1.0 is a change without effect.
    stated_effect, cost : float
        What people expected of it and what it cost, in money.
    """

    id: str
    what: str
    lever: str
    kind: str
    value: str
    start: str
    end: str | None = None
    factor: float = 1.0
    stated_effect: float = 0.0
    cost: float = 0.0


@dataclass(frozen=True)
class Options:
    """A company, but for its luck.

    Attributes
    ----------
    seed : int
        Decides all luck.
    first, months : str, int
        First month of the CRM's history, and how many are made at once; `Company.advance` adds more.
    scale : float
        About how many deals are closed a month.
    regions, teams, reps : int
        Size of the sales force (at most 4 regions).
    growth : float
        Growth of new business a year; 0.06 is 6 %.
    bottlenecks, interventions : tuple
        What is planted; empty for none.
    skill_sd : float
        Spread of the reps' skill; 0 makes them equal.
    lead_mix : float
        How unevenly hard leads are handed out; 0 is even, 1.5 makes raw win rates mislead.
    movement : tuple of str
        Ways of moving beside the standard one: any of hidden_quality, close_dates, quarter_end, fast.
    turnover, moves : float
        Share of reps who leave, and who change team, a year.
    feedback : bool
        Whether customers and reps are surveyed.
    late_entry : float
        Share of the wins of a month's last days that are entered long after its books closed.
    lever_truth : float, optional
        What share of a promise an approved lever brings in truth; None draws one for each lever.
    """

    seed: int = 1
    first: str = "2023-11"
    months: int = 36
    scale: float = 40.0
    regions: int = 3
    teams: int = 4
    reps: int = 12
    growth: float = 0.06
    bottlenecks: tuple[Bottleneck, ...] = ()
    interventions: tuple[Planted, ...] = ()
    skill_sd: float = 0.12
    lead_mix: float = 0.0
    movement: tuple[str, ...] = ()
    turnover: float = 0.15
    moves: float = 0.06
    feedback: bool = True
    late_entry: float = 0.05
    lever_truth: float | None = None

    def __post_init__(self):
        from salesloop.errors import ParameterError

        unknown = sorted(set(self.movement) - set(MOVEMENTS))
        if unknown:
            raise ParameterError(
                "movement", found=", ".join(unknown), allowed=", ".join(MOVEMENTS), next_step="take some of these"
            )
        if not 1 <= self.regions <= 4 or self.teams < self.regions or self.reps < self.teams:
            raise ParameterError(
                "sales force", found=f"{self.regions} regions, {self.teams} teams, {self.reps} reps",
                allowed="1-4 regions, a team a region or more, a rep a team or more", next_step="give other numbers",
            )  # fmt: skip


DEFAULT = Options(
    seed=26,
    late_entry=0.12,
    bottlenecks=(Bottleneck("Proposal", "segment", "Mid-market", "2026-02"),),
    interventions=(
        Planted("IV-2024-01", "Qualification checklist and deal coaching in team South / 华南组商机评审与辅导", "conversion",
                "team", "South", "2024-11-01", None, 1.45, 1_500_000.0, 180_000.0),
        Planted("IV-2025-01", "New proposal templates in team North / 华北组启用新方案模板", "conversion",
                "team", "North", "2025-07-01", None, 1.0, 1_200_000.0, 60_000.0),
    ),
)  # fmt: skip
"""The company of unit `demo`: one change worked, one did not, and a bottleneck appeared nine months before the end."""
