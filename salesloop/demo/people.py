"""Who sells: reps who start, ramp (some never), change team and leave, and who takes over from whom."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from salesloop.demo.market import REGIONS, SOURCES
from salesloop.demo.options import Options
from salesloop.demo.rng import mix, normal, uniform

NAMES = (
    "Li Wei", "王芳", "Chen Jie", "David Zhang", "刘洋", "Zhao Min", "Emily Wu", "周涛", "Sun Lei", "何静", "Kevin Lin",
    "Huang Yan", "徐鹏", "Grace Ma", "Guo Qiang", "唐雪", "Jason Xie", "Tang Bo", "冯丽", "Song Hao", "Alice Deng",
    "曹阳", "Peng Fei", "Lucy Cai", "田野", "Dong Xin", "Tony Fan", "潘悦", "Jiang Nan", "Vivian Yu", "邓超", "Yao Li",
    "Frank Shen", "余晨", "Lu Han", "Helen Qian", "方圆", "Ren Jun", "Peter Shi", "姚倩",
)  # fmt: skip
MANAGERS = ("Wang Lei", "张敏", "Susan Gao", "Liang Chao", "韩梅", "Martin Luo", "Xu Ying", "高翔")


@dataclass(frozen=True)
class People:
    """The sales force; times are days since the company's first simulated day.

    Attributes
    ----------
    start, leave : ndarray
        When each rep starts and leaves (infinity: stays).
    team : ndarray
        Team code of each rep by month, -1 when not there.
    skill, ramp, ceiling : ndarray
        Log skill; months to full pace; the pace reached in the end, under 1 for reps who never ramp.
    sunny, calls : ndarray
        How optimistic each rep's close dates and forecast calls are, as factors.
    heir : ndarray
        Who takes over when a rep leaves.
    taste : ndarray
        Weight with which each rep is handed leads of each source.
    """

    key: np.ndarray
    names: tuple[str, ...]
    start: np.ndarray
    leave: np.ndarray
    team: np.ndarray
    skill: np.ndarray
    ramp: np.ndarray
    ceiling: np.ndarray
    sunny: np.ndarray
    calls: np.ndarray
    heir: np.ndarray
    taste: np.ndarray
    teams: tuple[str, ...]
    team_region: np.ndarray

    def holder(self, owner: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Return who holds at `t` what `owner` held at first: heirs take over from those who left."""
        for _ in range(8):
            gone = self.leave[owner] <= t
            if not gone.any():
                break
            owner = np.where(gone, self.heir[owner], owner)
        return owner

    def pace(self, owner: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Return each rep's pace at `t` by ramp."""
        months = np.maximum(t - self.start[owner], 0.0) / 30.4
        return self.ceiling[owner] * np.minimum(0.45 + 0.55 * months / self.ramp[owner], 1.0)


def team_names(options: Options) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the teams' names and their region codes.

    Examples
    --------
    >>> team_names(Options())[0]
    ('East 1', 'South', 'North', 'East 2')
    """
    region = np.arange(options.teams) % options.regions
    many = np.bincount(region, minlength=options.regions) > 1
    number = [int((region[:i] == region[i]).sum()) + 1 for i in range(options.teams)]
    names = tuple(f"{REGIONS[r]} {n}" if many[r] else REGIONS[r] for r, n in zip(region, number, strict=True))
    return names, region


@lru_cache(maxsize=64)
def people_of(options: Options, n_months: int, starts: tuple[int, ...], burn: int) -> People:
    """Return the sales force of a company over all months that may be simulated."""
    teams, region = team_names(options)
    rows = [row for slot in range(options.reps) for row in _slot(options, slot, float(starts[-1]), float(starts[burn]))]
    slot = np.array([row[0] for row in rows])
    start, leave = np.array([row[1] for row in rows]), np.array([row[2] for row in rows])
    key = mix(options.seed, "rep", np.arange(len(rows)))
    team = _teams(options, key, slot, start, leave, np.array(starts[:n_months], dtype=float), region, burn)
    never = uniform(key, "never ramps") < 0.12
    hard = np.where(np.isin(np.arange(len(SOURCES)), (1, 4)), 1.0, -0.5)
    lean = np.where(np.arange(len(rows)) % 2 == 0, 1.0, -1.0) * (0.5 + 0.5 * uniform(key, "mix"))
    return People(
        key, _names(len(rows)), start, leave, team, options.skill_sd * normal(key, "skill"),
        3.0 + 5.0 * uniform(key, "ramp"), np.where(never & (start > starts[burn]), 0.62, 1.0),
        np.exp(-0.25 + 0.22 * normal(key, "sunny")), np.exp(0.16 + 0.22 * normal(key, "calls")),
        _heirs(slot, start, leave, team, starts), np.exp(options.lead_mix * lean[:, None] * hard), teams, region,
    )  # fmt: skip


def _slot(options: Options, slot: int, end: float, begin: float) -> list[tuple[int, float, float]]:
    """Return the persons who fill one place of the sales force, one after the other."""
    rows, now, number = [], -900.0 + 500.0 * float(uniform(mix(options.seed, "slot", slot), "start")[0]), 0
    if slot % 5 == 4:
        now = begin + 60.0 + 500.0 * float(uniform(mix(options.seed, "slot", slot), "late")[0])
    while now < end and number < 40:
        u = float(uniform(mix(options.seed, "slot", slot, number), "stay")[0])
        stay = -np.log(u) / max(options.turnover, 1e-9) * 365.0 + 120.0
        leave = max(now, 0.0) + stay if options.turnover > 0 else np.inf
        rows.append((slot, float(np.floor(now)), float(np.floor(leave)) if leave < end else np.inf))
        now = leave + 20.0 + 50.0 * float(uniform(mix(options.seed, "slot", slot, number), "gap")[0])
        number += 1
    return rows


def _teams(options, key, slot, start, leave, months, region, burn) -> np.ndarray:
    home = slot % len(region)
    team = np.repeat(home[:, None], len(months), axis=1)
    move = burn + 6 + np.floor(uniform(key, "move when") * 40).astype(int)
    moves = (uniform(key, "move") < 1 - np.exp(-3.5 * options.moves)) & (len(region) > 1)
    for rep in np.flatnonzero(moves):
        kin = [code for code in range(len(region)) if code != home[rep]]
        near = [code for code in kin if region[code] == region[home[rep]]] or kin
        team[rep, move[rep] :] = near[int(rep) % len(near)]
    there = (start[:, None] <= months) & (months < leave[:, None])
    return np.where(there, team, -1)


def _heirs(slot, start, leave, team, starts) -> np.ndarray:
    heir = np.arange(len(slot))
    for rep in np.flatnonzero(np.isfinite(leave)):
        month = max(int(np.searchsorted(starts, leave[rep], side="right")) - 1, 0)
        present = (start <= leave[rep]) & (leave > leave[rep] + 30) & (np.arange(len(slot)) != rep)
        last = team[rep][team[rep] >= 0]
        same = present & (team[:, min(month, team.shape[1] - 1)] == (last[-1] if len(last) else -2))
        chosen = np.flatnonzero(same if same.any() else present)
        if len(chosen):
            heir[rep] = chosen[int(rep) % len(chosen)]
    return heir


def _names(n: int) -> tuple[str, ...]:
    return tuple(NAMES[i] if i < len(NAMES) else f"{NAMES[i % len(NAMES)]} {i // len(NAMES) + 1}" for i in range(n))
