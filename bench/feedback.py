"""How well comments are read: tone on public reviews, identity of themes, false alarms, speed.

Run as ``python -m bench.feedback [part ...]`` with parts out of tone, groups, tweets, identity, null, planted, speed (all by
default), or with ``--data FILE`` for a CSV with the columns text and label. Prints a table and writes
``bench/out/feedback.json``. The public sets are read from ``../shared/data/text``.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from salesloop import voice
from salesloop.metrics import feedback
from salesloop.metrics.feedback import fresh, shares, themes, tone, words

OUT = Path(__file__).parent / "out" / "feedback.json"
TEXTS = Path(__file__).resolve().parents[2] / "shared" / "data" / "text"
PERIOD = pd.Period("2026-10", "M")
Row = tuple[str, float, str, bool | None]


def shopping() -> pd.DataFrame:
    """Return the Chinese reviews: ``text, label`` (negative, positive), ``group``."""
    raw = pd.read_csv(TEXTS / "online_shopping_10_cats.csv.gz").dropna()
    text = raw["review"].str.slice(0, 2000)
    return pd.DataFrame(
        {"text": text, "label": np.where(raw["label"] == 1, "positive", "negative"), "group": raw["cat"]}
    )


def tweets() -> pd.DataFrame:
    """Return the English tweets: ``text, label`` (negative, neutral, positive), ``group`` (reason of complaint)."""
    raw = pd.read_csv(TEXTS / "Tweets.csv.gz")
    return pd.DataFrame({"text": raw["text"], "label": raw["airline_sentiment"], "group": raw["negativereason"]})


def guessed(model: tone.Learned, texts: list[str]) -> np.ndarray:
    return np.array(model.tones)[model.chances(texts).argmax(axis=1)]


def rate(name: str, value: float, least: float) -> Row:
    return name, round(float(value), 4), f">= {least}", bool(value >= least)


def bench_tone(seeds: int = 3) -> Iterator[Row]:
    """Learn from 500 and 4,000 scored comments, test on 6,000 others."""
    data = shopping()
    for n, least in ((500, 0.86), (4000, 0.91)):
        right = []
        for seed in range(seeds):
            order = np.random.default_rng(seed).permutation(len(data))
            taught, asked = data.iloc[order[:n]], data.iloc[order[-6000:]]
            model, _ = tone.learn(taught["text"].tolist(), taught["label"].tolist(), folds=3)
            right.append((guessed(model, asked["text"].tolist()) == asked["label"]).mean())
        yield rate(f"tone, {n} scored comments, accuracy (zh, {seeds} draws)", float(np.mean(right)), least)


def bench_groups(most: int = 20_000) -> Iterator[Row]:
    """Learn from nine product groups, test on the tenth."""
    data, right = shopping(), {}
    for group in sorted(data["group"].unique()):
        rest = data[data["group"] != group]
        taught, asked = rest.sample(most, random_state=1), data[data["group"] == group]
        model, _ = tone.learn(taught["text"].tolist(), taught["label"].tolist(), folds=2)
        right[group] = float((guessed(model, asked["text"].tolist()) == asked["label"]).mean())
        yield f"tone, left out {group}, accuracy", round(right[group], 4), "", None
    yield rate("tone, one product group left out, mean accuracy", float(np.mean(list(right.values()))), 0.87)


def bench_tweets() -> Iterator[Row]:
    """Cross-validate on the tweets, three tones."""
    data = tweets()
    model, unseen = tone.learn(data["text"].tolist(), data["label"].tolist(), folds=5)
    guess = pd.Series(np.array(model.tones)[unseen.argmax(axis=1)])
    yield rate("tone, tweets, macro-F1 by cross-validation", tone.macro_f1(data["label"], guess), 0.74)
    yield "tone, tweets, accuracy", round(float((guess == data["label"]).mean()), 4), "", None
    gap = tone.calibration_error(pd.Series(unseen[:, model.tones.index("negative")]), data["label"] == "negative")
    yield "tone, tweets, chances off by", round(gap, 4), "<= 0.05", gap <= 0.05


def corpus(language: str) -> pd.DataFrame:
    """Return comments with their topical words and true group."""
    unsaid = words.unsaid(voice.words("none"), language)
    data = shopping().iloc[::6] if language == "zh" else tweets().dropna(subset="group")
    data = data[data["group"] != "Can't Tell"].reset_index(drop=True)
    return data.assign(tokens=[words.topical(text, language, unsaid) for text in data["text"]])


def drawn(data: pd.DataFrame, sizes: list[int], seed: int, *, even: float = 60.0) -> pd.DataFrame:
    """Return months of comments drawn from a corpus, the mix of groups moving a little from month to month.

    `even` is the strength of the mix: infinity keeps it the same in all months.
    """
    rng = np.random.default_rng(seed)
    base = data["group"].value_counts(normalize=True).sort_index()
    rows = []
    for place, n in enumerate(sizes):
        mix = rng.dirichlet(base.to_numpy() * even) if np.isfinite(even) else base.to_numpy()
        weight = data["group"].map(dict(zip(base.index, mix / base.to_numpy(), strict=True))).to_numpy()
        chosen = rng.choice(len(data), n, p=weight / weight.sum())
        rows.append(data.iloc[chosen].assign(month=PERIOD - len(sizes) + 1 + place))
    return pd.concat(rows, ignore_index=True)


def alike(a: pd.DataFrame, b: pd.DataFrame, ids: list[str], groups: list[str]) -> tuple[float, float, float]:
    """Return how many comments lie in themes that are nearest to themselves, and whose main group stays; and how many lie in any."""
    before, after = (
        pd.crosstab(f["theme"], f["group"]).reindex(index=ids, columns=groups, fill_value=0) for f in (a, b)
    )
    n = after.sum(axis=1)
    told = (n >= 10) & (before.sum(axis=1) >= 10)
    p, q = (np.sqrt(f.div(f.sum(axis=1).replace(0, 1), axis=0).to_numpy()) for f in (before, after))
    nearest = np.array(ids)[(q @ p.T).argmax(axis=1)] == np.array(ids)
    same = before.to_numpy().argmax(axis=1) == after.to_numpy().argmax(axis=1)
    return float((nearest * n)[told].sum()), float((same * n)[told].sum()), float(n[told].sum())


def bench_identity(draws: int = 4, quarters: int = 6, n: int = 400) -> Iterator[Row]:
    """Tell the themes of six quarters, and ask of each theme whether it means the same from quarter to quarter."""
    for language in ("zh", "en"):
        data = corpus(language)
        groups, sums, raw = sorted(data["group"].unique()), np.zeros(3), np.zeros(3)
        for seed in range(draws):
            months = drawn(data, [n] * 3 * quarters, seed)
            chain = themes.chain(months["month"], months["tokens"], language=language, period=PERIOD)
            told = months.assign(
                theme=chain.themes["theme"], quarter=(months["month"] - months["month"].min()).map(lambda d: d.n // 3)
            )
            anew = refitted(told, language)
            for quarter in range(1, quarters):
                pair = [told[told["quarter"] == quarter - 1], told[told["quarter"] == quarter]]
                sums += alike(*pair, list(chain.model.ids), groups)
                raw += alike(
                    *(anew[anew["quarter"] == place] for place in (quarter - 1, quarter)), list(chain.model.ids), groups
                )
        yield rate(f"themes, main true group the same from quarter to quarter ({language})", sums[1] / sums[2], 0.90)
        yield f"themes, the same when fitted anew each quarter ({language})", round(raw[1] / raw[2], 4), "", None
        yield f"themes, nearest to themselves by true groups ({language})", round(sums[0] / sums[2], 4), "", None


def refitted(told: pd.DataFrame, language: str) -> pd.DataFrame:
    """Return the same comments with themes fitted anew each quarter, in raw order: what is not done."""
    parts = []
    for _, own in told.groupby("quarter"):
        model = themes.fit(own["tokens"].tolist(), language=language, until="")
        place, _, _ = themes.apply(model, own["tokens"].tolist())
        parts.append(own.assign(theme=[model.ids[one] if one >= 0 else None for one in place]))
    return pd.concat(parts)


def flagged(months: pd.DataFrame, language: str) -> tuple[bool, bool]:
    """Return whether a theme, or a new topic, is called emerging in the last period."""
    chain = themes.chain(months["month"], months["tokens"], language=language, period=PERIOD)
    told = months.assign(theme=chain.themes["theme"], language=language, tone="neutral")
    return bool(shares.table(told, PERIOD, labels={})["emerging"].any()), bool(len(fresh.words(told, PERIOD)))


def bench_null(periods: int = 60, monthly: int = 60) -> Iterator[Row]:
    """Draw periods in which nothing changes, and count those in which something is called emerging."""
    hits = []
    for language in ("zh", "en"):
        data = corpus(language)
        hits += [flagged(drawn(data, [monthly] * 18, 1000 + seed, even=np.inf), language) for seed in range(periods)]
    found = np.array(hits)
    wrong = float(found.any(axis=1).mean())
    yield f"themes, null periods with a false alarm (of {len(found)})", round(wrong, 4), "<= 0.05", wrong <= 0.05
    yield "themes, of them by a kept theme", round(float(found[:, 0].mean()), 4), "", None
    yield "themes, of them by a rising word", round(float(found[:, 1].mean()), 4), "", None


def bench_planted(periods: int = 20, monthly: int = 60) -> Iterator[Row]:
    """Let one group of comments come up that nobody wrote before, as a tenth of the last three months."""
    hits = []
    for language, group in (("zh", "酒店"), ("en", "Lost Luggage")):
        data = corpus(language)
        old, new = data[data["group"] != group], data[data["group"] == group]
        for seed in range(periods):
            months = drawn(old, [monthly] * 18, 2000 + seed, even=np.inf)
            late = months.index[months["month"] > PERIOD - 3]
            swap = np.random.default_rng(seed).choice(late, len(late) // 10, replace=False)
            added = new.sample(len(swap), random_state=seed)
            months["tokens"] = months["tokens"].where(
                ~months.index.isin(swap), pd.Series(added["tokens"].tolist(), index=swap)
            )
            hits.append(any(flagged(months, language)))
    yield (
        f"themes, new topic in a tenth of {3 * monthly} comments found (of {len(hits)})",
        round(float(np.mean(hits)), 4),
        "",
        None,
    )


def bench_speed(n: int = 60_000) -> Iterator[Row]:
    """Run all cells of the feedback notebook on 60,000 scored comments of both languages."""
    data = pd.concat([shopping(), tweets()], ignore_index=True).sample(n, random_state=0).reset_index(drop=True)
    score = data["label"].map({"negative": 4.0, "neutral": 8.0, "positive": 10.0})
    day = pd.Timestamp("2023-11-01") + pd.to_timedelta(np.arange(n) * 1095 // n, unit="D")
    frame = pd.DataFrame({"id": [f"f{i}" for i in range(n)], "date": day, "respondent": "customer", "scale": "nps", "score": score,
                          "text": data["text"]})  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "params" / "speed").mkdir(parents=True)
        (root / "params" / "speed" / "unit.yml").write_text("currency: CNY\n")
        frozen = root / "data" / "speed" / "snapshots" / str(PERIOD)
        frozen.mkdir(parents=True)
        frame.to_parquet(frozen / "feedback.parquet", index=False)
        (frozen / "meta.json").write_text(json.dumps({"state_known": "events", "tables": {"feedback": {"rows": n}}}))
        os.environ["SALESLOOP_ROOT"], start, work = folder, time.perf_counter(), time.process_time()
        run_cells("70_feedback", "speed")
        del os.environ["SALESLOOP_ROOT"]
    took, busy = time.perf_counter() - start, time.process_time() - work
    yield f"speed, {n} comments through the stage, seconds", round(took, 1), "< 90", took < 90
    yield "speed, of them at work (the machine may be shared)", round(busy, 1), "", None


def run_cells(notebook: str, unit: str) -> None:
    """Run the code cells of a stage's notebook in this process."""
    file = Path(__file__).resolve().parents[1] / "notebooks" / f"{notebook}.ipynb"
    space: dict = {}
    for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), space)
            if cell["id"] == "parameters":
                space |= {"unit": unit, "period": str(PERIOD)}


def bench_file(file: Path) -> Iterator[Row]:
    """Cross-validate on a file with the columns text and label, each language apart."""
    data = pd.read_csv(file).dropna(subset=["text", "label"]).astype({"text": str, "label": str})
    data["label"] = data["label"].replace({"1": "positive", "0": "negative", "pos": "positive", "neg": "negative"})
    data = data[data["label"].isin(tone.TONES)]
    tongue = data["text"].map(feedback.reading.language)
    for language in ("zh", "en"):
        own = data[tongue == language]
        if (
            own["label"].value_counts().reindex(own["label"].unique()).min() >= tone.LEAST_CLASS
            and own["label"].nunique() > 1
        ):
            model, unseen = tone.learn(own["text"].tolist(), own["label"].tolist(), folds=5)
            guess = pd.Series(np.array(model.tones)[unseen.argmax(axis=1)], index=own.index)
            yield (
                f"{file.name}, {language}, accuracy (n = {len(own)})",
                round(float((guess == own["label"]).mean()), 4),
                "",
                None,
            )
            yield f"{file.name}, {language}, macro-F1", round(tone.macro_f1(own["label"], guess), 4), "", None


PARTS = {"tone": bench_tone, "groups": bench_groups, "tweets": bench_tweets, "identity": bench_identity, "null": bench_null,
         "planted": bench_planted, "speed": bench_speed}  # fmt: skip


def main() -> None:
    """Run the parts asked for, print them and keep them."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("parts", nargs="*", choices=[[], *PARTS])
    asked.add_argument("--data", type=Path)
    given = asked.parse_args()
    jobs = [bench_file(given.data)] if given.data else [PARTS[name]() for name in given.parts or PARTS]
    held = json.loads(OUT.read_text(encoding="utf-8")) if OUT.is_file() else []
    kept = {row["name"]: row for row in held}
    for job in jobs:
        for name, value, reach, ok in job:
            print(f"{name:<72}{value:>10}  {reach:<10}{'' if ok is None else 'ok' if ok else 'SHORT'}", flush=True)
            kept[name] = {"name": name, "value": value, "reach": reach, "ok": ok}
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(list(kept.values()), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
