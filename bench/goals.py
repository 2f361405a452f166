"""Do sellers gain by holding back: next year's target by the rule of the loop, against "last year + x %" and a ratchet.

Sellers look six years ahead and choose each year how much of what they could sell to sell (50 to 100 %), knowing the rule
by which the next target is set; pay is attainment up to 100 %, twice that above it, capped at 150 %; the year's luck is
lognormal with a spread of 10 %, potential grows by 5 % a year. The best plan is found backwards, year by year.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from salesloop import rules

YEARS, GROWTH, DISCOUNT = 6, 0.05, 0.95
STATES = np.linspace(0.4, 1.6, 121)
ACTIONS = np.linspace(0.5, 1.0, 26)
LUCK = np.exp(0.10 * np.array([-1.7321, 0.0, 1.7321]))
CHANCE = np.array([1, 4, 1]) / 6
OUT = Path(__file__).parent / "out" / "goals.json"
RULES = {
    "last year + 10 %": lambda target, actual: actual * 1.10,
    "ratchet: the higher of target and actual, + 5 %": lambda target, actual: np.maximum(target, actual) * 1.05,
    "the loop's rule, growth of 5 % stated": lambda target, actual: _loop(target, actual),
}
REACH = 0.01
"""The most that holding back may gain in pay over six years."""


def _loop(target: np.ndarray, actual: np.ndarray) -> np.ndarray:
    return np.vectorize(rules.annual_level)(target, actual, GROWTH)


def pay(target: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """Return what a seller earns."""
    attained = np.minimum(actual / target, 1.5)
    return np.minimum(attained, 1.0) + 2 * np.maximum(attained - 1.0, 0.0)


def held_back(rule, commission: float) -> dict[str, float]:
    """Return the mean share held back over the years, what it gains in pay, and target over potential in the last year.

    Parameters
    ----------
    rule : callable
        Next target from target and actual.
    commission : float
        Share of pay that goes with sales whatever the target; the rest goes with attainment.
    """
    target = STATES[:, None, None]
    actual = ACTIONS[None, :, None] * LUCK[None, None, :]
    shape = (len(STATES), len(ACTIONS), len(LUCK))
    following = rule(np.broadcast_to(target, shape), np.broadcast_to(actual, shape))
    following = np.clip(following / (1 + GROWTH), STATES[0], STATES[-1])
    now = ((commission * actual + (1 - commission) * pay(target, actual)) * CHANCE).sum(axis=2)
    best, full, plans = np.zeros(len(STATES)), np.zeros(len(STATES)), []
    for _ in range(YEARS):
        worth = now + DISCOUNT * (np.interp(following, STATES, best) * CHANCE).sum(axis=2)
        plans.append(worth.argmax(axis=1))
        best = worth.max(axis=1)
        full = (now + DISCOUNT * (np.interp(following, STATES, full) * CHANCE).sum(axis=2))[:, -1]
    share, level = _follow(plans[::-1], following)
    start = np.abs(STATES - 1.0).argmin()
    return {"held": share, "gain": float(best[start] / full[start] - 1), "level": level}


def _follow(plans: list[np.ndarray], following: np.ndarray) -> tuple[float, float]:
    mass = np.zeros(len(STATES))
    mass[np.abs(STATES - 1.0).argmin()] = 1.0
    held, level = [], 1.0
    for plan in plans:
        held.append(float((mass * (1 - ACTIONS[plan])).sum()))
        level = float((mass * STATES).sum())
        made = np.zeros(len(STATES))
        for luck in range(3):
            at = np.abs(STATES[:, None] - following[np.arange(len(STATES)), plan, luck][None]).argmin(axis=0)
            np.add.at(made, at, mass * CHANCE[luck])
        mass = made
    return float(np.mean(held)), level


def main() -> None:
    """Print what each rule makes sellers hold back and what that gains them."""
    rows = []
    print(f"{'rule':50} {'commission':>10} {'held back':>10} {'gain in pay':>12} {'target / potential':>19}")
    for commission in (0.0, 0.5):
        for name, rule in RULES.items():
            told = held_back(rule, commission)
            print(f"{name:50} {commission:10.0%} {told['held']:10.1%} {told['gain']:12.1%} {told['level']:19.2f}")
            reach = REACH if name.startswith("the loop") else None
            rows.append({"name": f"gain by holding back: {name}, {commission:.0%} commission", "value": round(told["gain"], 4),
                         "held_back": round(told["held"], 4), "target_over_potential": round(told["level"], 4),
                         "reach": reach, "ok": None if reach is None else told["gain"] <= reach})  # fmt: skip
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
