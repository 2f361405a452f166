"""Do sellers gain by holding back: targets as the loop sets them, against "last year + x %" and a ratchet.

A seller looks some years ahead and chooses each year how much of what they could sell to sell (50 to 100 %), knowing how
the next target is set; pay is attainment up to 100 %, an accelerator above it, capped; a year's luck is lognormal, potential
grows as stated; what is held back is lost. The best plan is found backwards, year by year. Gains are shares of the pay that
goes with attainment; a fixed salary or a commission beside it makes each of them smaller.

In the loop the company's level follows the rule and its parts keep the shares of the plan, a tenth of what they sell beyond them
apart, so a seller's own sales move their own target little. Four questions: a rep of twelve, a team of three, all sellers as one, and
companies drawn at random.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import map_coordinates

from salesloop import targets

STATES, LEVELS = np.linspace(0.4, 1.9, 101), np.linspace(0.6, 1.4, 9)
ACTIONS = np.linspace(0.5, 1.0, 26)
NODES, CHANCE = np.array([-1.7321, 0.0, 1.7321]), np.array([1, 4, 1]) / 6
OUT = Path(__file__).parent / "out" / "goals.json"
SEEDS, COMPANIES = range(101, 106), 30
REACH = 0.01
"""The most that holding back may gain in pay."""


@dataclass(frozen=True)
class World:
    """What a seller faces: their share of the company, how pay and luck go, and how far they look."""

    share: float = 1 / 12
    accelerator: float = 2.0
    cap: float = 1.5
    luck: float = 0.10
    growth: float = 0.05
    discount: float = 0.95
    years: int = 6
    commission: float = 0.0

    def pay(self, target: np.ndarray, actual: np.ndarray) -> np.ndarray:
        """Return what a seller earns."""
        attained = np.minimum(actual / target, self.cap)
        by_target = np.minimum(attained, 1.0) + self.accelerator * np.maximum(attained - 1.0, 0.0)
        return self.commission * actual + (1 - self.commission) * by_target

    def others(self) -> float:
        """Return the spread of the luck of all others together."""
        return self.luck * np.sqrt(self.share / (1 - self.share)) if self.share < 1 else 0.0


Pair = tuple[np.ndarray, np.ndarray]
Rule = Callable[[World, np.ndarray, np.ndarray, np.ndarray, np.ndarray], Pair]
"""The company's next level and the seller's own next target, both over potential, from level, target, own and others' sales."""


def _step(level: np.ndarray, total: np.ndarray) -> np.ndarray:
    return np.exp(np.clip(targets.TARGET_PASS * np.log(total / level), -targets.TARGET_CAP, targets.TARGET_CAP))


def _total(world: World, own: np.ndarray, others: np.ndarray) -> np.ndarray:
    return world.share * own + (1 - world.share) * others


def _own_past(next_target: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Rule:
    def rule(world: World, level: np.ndarray, target: np.ndarray, own: np.ndarray, others: np.ndarray) -> Pair:
        return level, next_target(target, own) / (1 + world.growth)

    return rule


def _by_sales(world: World, level: np.ndarray, target: np.ndarray, own: np.ndarray, others: np.ndarray) -> Pair:
    total = _total(world, own, others)
    following = level * _step(level, total)
    return following, following * own / total


def _loop(world: World, level: np.ndarray, target: np.ndarray, own: np.ndarray, others: np.ndarray) -> Pair:
    total = _total(world, own, others)
    moved = targets.share_step((own / total) / (target / level))
    whole = world.share * (target / level) * moved + 1 - world.share * (target / level)
    return level * _step(level, total), target * _step(level, total) * moved / whole


RULES: dict[str, Rule] = {
    "last year + 10 %": _own_past(lambda target, own: own * 1.10),
    "ratchet: the higher of target and actual, + 5 %": _own_past(lambda target, own: np.maximum(target, own) * 1.05),
    "the company's rule, parts by what each sold": _by_sales,
    "the loop: the company's rule, parts by the plan": _loop,
}
LAST_YEAR, *_, LOOP = RULES


def _levels(name: str) -> np.ndarray:
    """Return the company levels that a rule's state needs: one for rules that look at the seller alone."""
    return LEVELS if RULES[name] in (_by_sales, _loop) else np.array([1.0])


@dataclass(frozen=True)
class Solved:
    """The best plan by year, level and target, and what it and selling all are worth from potential on."""

    plans: list[np.ndarray]
    best: float
    full: float


def _worth(value: np.ndarray, at: np.ndarray) -> np.ndarray:
    return map_coordinates(value, at.reshape(2, -1), order=1, mode="nearest").reshape(at.shape[1:])


def solve(name: str, world: World) -> Solved:
    """Find the best plan backwards, year by year."""
    levels = _levels(name)
    own, others = np.broadcast_arrays(
        ACTIONS[:, None, None] * np.exp(world.luck * NODES)[:, None], np.exp(world.others() * NODES)
    )
    level, target = levels[:, None, None, None, None], STATES[None, :, None, None, None]
    chance, shape = CHANCE[:, None] * CHANCE[None, :], (len(levels), len(STATES), *own.shape)
    up, following = RULES[name](world, level, target, own, others)
    gap = levels[1] - levels[0] if len(levels) > 1 else 1.0
    places = (
        (np.broadcast_to(up, shape) - levels[0]) / gap,
        (np.broadcast_to(following, shape) - STATES[0]) / (STATES[1] - STATES[0]),
    )
    at = np.stack(places)
    now = np.broadcast_to((world.pay(target, own) * chance).sum(axis=(3, 4)), shape[:3])
    best, full, plans = np.zeros(shape[:2]), np.zeros(shape[:2]), []
    for _ in range(world.years):
        worth = now + world.discount * (_worth(best, at) * chance).sum(axis=(3, 4))
        plans.append(worth.argmax(axis=2))
        best = worth.max(axis=2)
        full = now[:, :, -1] + world.discount * (_worth(full, at[:, :, :, -1]) * chance).sum(axis=(2, 3))
    start = np.abs(levels - 1.0).argmin(), np.abs(STATES - 1.0).argmin()
    return Solved(plans[::-1], float(best[start]), float(full[start]))


def follow(
    plans: list[np.ndarray], of: str, name: str, world: World, *, seed: int, n: int = 4000
) -> tuple[float, float, float]:
    """Return the share held back, what a plan made for one rule earns under another against selling all, and the last target."""
    rng = np.random.default_rng(seed)
    luck = np.exp(rng.normal(0, world.luck, (world.years, n)))
    others = np.exp(rng.normal(0, 1, (world.years, n)) * world.others())
    pays, held, last, levels = [], [], 1.0, _levels(of)
    for holds in (True, False):
        level, target, total = np.ones(n), np.ones(n), np.zeros(n)
        for year in range(world.years):
            at = np.abs(levels[:, None] - level).argmin(axis=0), np.abs(STATES[:, None] - target).argmin(axis=0)
            sold = ACTIONS[plans[year][at]] if holds else np.ones(n)
            held += [1 - sold.mean()] if holds else []
            last = float(target.mean()) if holds else last
            total = total + world.discount**year * world.pay(target, sold * luck[year])
            level, target = RULES[name](world, level, target, sold * luck[year], others[year])
            target = np.clip(target, STATES[0], STATES[-1])
        pays.append(total)
    return float(np.mean(held)), float(pays[0].mean() / pays[1].mean() - 1), last


def gain(name: str, world: World) -> float:
    """Return what the best plan earns more than selling all, from a target at potential on."""
    told = solve(name, world)
    return told.best / told.full - 1


def drawn(seed: int, n: int) -> list[World]:
    """Return worlds at random: sellers of companies of 5 to 30 reps or 2 to 5 teams, of many pay schemes."""
    rng = np.random.default_rng(seed)
    made = []
    for place in range(n):
        parts = rng.integers(5, 31) if place % 2 else rng.integers(2, 6)
        share = float(np.clip(np.exp(rng.normal(0, 0.4)) / parts, 0.01, 0.6))
        made.append(World(share=share, accelerator=rng.uniform(1, 3), cap=rng.uniform(1.2, 2.5), luck=rng.uniform(0.05, 0.25),
                          growth=rng.uniform(0, 0.15), discount=rng.uniform(0.85, 0.98), years=int(rng.integers(3, 9))))  # fmt: skip
    return made


def _known(rows: list[dict]) -> None:
    """Print and keep what each rule makes a rep, a team and all sellers as one hold back, and what that gains."""
    print(f"{'who':20} {'rule':50} {'commission':>10} {'held back':>10} {'gain in pay':>12} {'target / potential':>19}")
    for who, share in (("a rep of 12", 1 / 12), ("a team of 3", 1 / 3), ("all as one", 1.0)):
        for commission in (0.0, 0.5):
            world = World(share=share, commission=commission)
            for name in RULES:
                if share == 1.0 and RULES[name] is _by_sales:
                    continue
                found = solve(name, world)
                held, _, level = follow(found.plans, name, name, world, seed=1)
                told = found.best / found.full - 1
                print(f"{who:20} {name:50} {commission:10.0%} {held:10.1%} {told:12.2%} {level:19.2f}")
                reach = REACH if name == LOOP else None
                rows.append({"name": f"gain by holding back: {who}, {name}, {commission:.0%} commission", "value": round(told, 4),
                             "held_back": round(held, 4), "target_over_potential": round(level, 4),
                             "reach": reach, "ok": None if reach is None else told <= reach})  # fmt: skip


def _copied(rows: list[dict]) -> None:
    """Print and keep what the holding back that pays under "last year + 10 %" earns there and here."""
    world = World()
    plans = solve(LAST_YEAR, world).plans
    print(f"\nThe plan that pays best under last year + 10 %, followed by a rep of 12 ({len(SEEDS)} seeds of luck)")
    for name in (LAST_YEAR, LOOP):
        told = [follow(plans, LAST_YEAR, name, world, seed=seed)[1] for seed in SEEDS]
        print(f"  under {name:50} {np.mean(told):8.2%}  ({min(told):.2%} to {max(told):.2%})")
        reach = 0.0 if name == LOOP else None
        rows.append({"name": f"gain by holding back as pays under last year + 10 %, under {name}", "value": round(float(np.mean(told)), 4),
                     "reach": reach, "ok": None if reach is None else float(np.mean(told)) <= reach})  # fmt: skip


def _accelerators(rows: list[dict]) -> None:
    """Print and keep what all sellers as one gain under the company's rule, by the accelerator above target."""
    print("\nAll sellers as one, by what a sale above target pays against one below it")
    for accelerator in (1.0, 1.25, 1.5, 2.0, 3.0):
        told = gain(LOOP, World(share=1.0, accelerator=accelerator))
        print(f"  {accelerator:4.2f} times {told:8.2%}")
        rows.append({"name": f"gain by holding back, all as one, accelerator {accelerator}", "value": round(told, 4),
                     "reach": None, "ok": None})  # fmt: skip


def _many(rows: list[dict]) -> None:
    """Print and keep the gain over companies drawn at random, with the interval of its mean, by seed."""
    print(
        f"\nSellers of {COMPANIES} companies a seed, attainment-only pay: mean gain, its 95 % interval, share who gain over 1 %"
    )
    worlds = {seed: drawn(seed, COMPANIES) for seed in SEEDS}
    for name in RULES:
        found = {seed: np.array([gain(name, world) for world in own]) for seed, own in worlds.items()}
        every = np.concatenate(list(found.values()))
        half = 1.96 * every.std(ddof=1) / np.sqrt(len(every))
        seeds = " ".join(f"{own.mean():.2%}" for own in found.values())
        print(f"  {name:50} {every.mean():7.2%} ± {half:.2%}  over 1 %: {(every > REACH).mean():4.0%}  by seed {seeds}")
        reach = REACH if name == LOOP else None
        rows.append({"name": f"mean gain over {len(every)} sellers: {name}", "value": round(float(every.mean()), 4),
                     "low": round(float(every.mean() - half), 4), "high": round(float(every.mean() + half), 4), "reach": reach,
                     "ok": None if reach is None else float(every.mean() + half) <= reach})  # fmt: skip


def main() -> None:
    """Print what each way of setting targets makes sellers hold back and what that gains them."""
    rows: list[dict] = []
    for part in (_known, _copied, _accelerators, _many):
        part(rows)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
