"""What is worse all along: a bottleneck of one stage, a trait of a segment, or a label that means nothing; and hand-overs."""

import numpy as np
import pandas as pd

from salesloop.metrics import bottlenecks
from tests.metrics.bottleneck_company import KINDS, company


def diagnosed(**how) -> bottlenecks.Diagnosis:
    deals, events, last, _ = company(**how)
    return bottlenecks.diagnose(deals, events, None, as_of=last, names=list(KINDS))


def test_slow_in_one_stage_all_along_is_flagged():
    told = diagnosed(seed=31, slow=("propose", "MID"), since=-6).flagged
    assert told[["stage", "segment", "nature", "direction"]].to_numpy().tolist() == [
        ["propose", "MID", "lasting", "slower"]
    ]


def test_slow_in_every_stage_is_a_trait_and_no_bottleneck():
    """ENT moves at 0.7 of the pace of the others everywhere."""
    told = diagnosed(seed=13)
    assert told.flagged.empty
    traits = [(name, values["segment"]) for name, values in bottlenecks.say.others(told) if "trait" in name]
    assert traits == [("bottlenecks.trait_slower", "ENT")]
    assert told.table.loc[(told.table["segment"] == "ENT") & (told.table["q_value"] <= 0.05), "money"].isna().all()


def test_a_label_drawn_at_random_is_never_worse_all_along():
    deals, events, last, _ = company(seed=32)
    rng = np.random.default_rng(1)
    labels = [f"label{i}" for i in range(10)]
    deals = deals.assign(**{name: rng.choice(list("abcd"), len(deals)) for name in labels})
    cells = bottlenecks.find.find(deals, bottlenecks.stays.stays(deals, events, as_of=last), names=labels).cells
    assert not ((cells["nature"] == "lasting") & (cells["own_q"] <= 0.05)).any()


def test_deals_that_changed_hands_are_told_apart_and_ones_seen_once_are_not_counted():
    deals, events, last, _ = company(months=10, per_month=12, seed=33, warm=0)
    made = bottlenecks.stays.stays(deals, events, as_of=last)
    ids = deals["opportunity_id"]
    seen = pd.concat([pd.DataFrame({"opportunity_id": ids[:60], "owner_id": "x"}),
                      pd.DataFrame({"opportunity_id": ids[:60], "owner_id": np.where(np.arange(60) < 24, "y", "x")}),
                      pd.DataFrame({"opportunity_id": ids[60:], "owner_id": "z"})])  # fmt: skip
    paths = bottlenecks.paths.by_deal(deals, made)
    rows = bottlenecks.paths.conduct(paths, deals, seen).set_index("path")
    assert rows.loc[["kept", "handed_over"], "n"].tolist() == [36, 24]
    first = deals.iloc[:24]
    assert rows.loc["handed_over", "closed"] == first["status"].isin(["won", "lost"]).sum()
    assert "handed_over" not in bottlenecks.paths.conduct(paths, deals, seen[60:])["path"].tolist()
    assert bottlenecks.say.handover(rows)[0] in ("bottlenecks.handover_alike", "bottlenecks.handover_apart")
