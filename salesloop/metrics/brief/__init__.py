"""The brief: what leadership must know and decide, gathered from the results of every other stage."""

from salesloop.metrics.brief.decisions import AMENDED, FATE, as_rows, asked, held, held_sentences
from salesloop.metrics.brief.headline import Sentence, changes, headline, promises, promises_sentences, what_changed
from salesloop.metrics.brief.notes import GAINS, gains, notes
from salesloop.metrics.brief.numbers import NUMBERS, numbers, target_of
from salesloop.metrics.brief.parts import FIGURES, STAGES, Found, Parts, figures, have, table
from salesloop.metrics.brief.status import (
    STATUS,
    TIE_OUT,
    counted,
    status,
    status_sentences,
    tie_out,
    tie_out_sentences,
)

__all__ = [
    "AMENDED", "FATE", "FIGURES", "GAINS", "NUMBERS", "STAGES", "STATUS", "TIE_OUT", "Found", "Parts", "Sentence", "as_rows",
    "asked", "changes", "counted", "figures", "gains", "have", "headline", "held", "held_sentences", "notes", "numbers",
    "promises", "promises_sentences", "status", "status_sentences", "table", "target_of", "tie_out",
    "tie_out_sentences", "what_changed",
]  # fmt: skip
