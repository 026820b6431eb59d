"""Words that changed: a table of single tokens, filtered, and as a file."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import gradio as gr

from nmviz.base.errors import UserError
from nmviz.core.results import Column, Result
from nmviz.core.settings import TARGETS
from nmviz.core.tokenwise.flips import Kind
from nmviz.published.listing.export import csv_of
from nmviz.service.flips import Told, flips_in_words
from nmviz.ui.explore.panels.render import Shown
from nmviz.ui.serving.noted import note_failure
from nmviz.ui.shell.events import Update
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.html import esc, hint, note, table
from nmviz.views.explore.changed_words import (
    HEADS,
    ChangedWord,
    cells,
    chosen,
    counted,
    lacking,
    record,
    why_none,
)
from nmviz.views.shared.theme import NAMES

TITLE = "Words that changed"
OUTPUTS = ("flips_head", "flips_body", "flips_table")
FILTERS = ("flips_target", "flips_kind", "flips_words")
"""The choices, in the order in which a handler gets them."""
BY_TARGET = [("both", ""), *((NAMES[one], one) for one in TARGETS)]
BY_KIND = [("all", ""), *((one, one) for one in get_args(Kind))]
LONGEST_FILTER = 100
NO_ROW = "No word that changed is of this choice."
HELP = {
    "dense model's word": "The word the dense model holds for the likeliest, and how likely it is "
    "before pruning and after. The largest fall stands first.",
    "pruned model's word": "The word the pruned model holds for the likeliest, and how likely it "
    "is before pruning and after.",
    "KL (nats)": "How far the whole prediction moved: KL(dense || pruned) of this token.",
    "what changed": "Right is what stands next in the text.",
    "window, token": "Where the word stands: the window of the text and the token in it, from 0.",
}


def found(_form: Sequence[Any], shown: Shown | None, *choice: Any) -> Update:
    """The table of what is shown, for a target, a kind and words to search for."""
    try:
        results, told = _told(shown or Shown())
        if not any(one.rows for one in told.values()):
            return _without(results)
        rows = _chosen(told, choice)
        missing = dict.fromkeys([*lacking(results), *(one.lacking for one in told.values())])
        if any(one.lacking for one in told.values()):
            note_failure()  # what is missing may be there for the next visitor
        said = "".join(note(one) for one in missing if one)
        return {
            "flips_head": _head(f'<p class="words">{esc(counted(results))}</p>{said}'),
            "flips_body": gr.Column(visible=True),
            "flips_table": _table(rows),
        }
    except Exception as error:
        return {"flips_table": note(sentence(error), "error")}


def exported(shown: Shown | None, *choice: Any) -> str:
    """The rows of the table as a file for the page's script: name, type and text, or what
    failed."""
    try:
        now = shown or Shown()
        text = csv_of([record(row) for row in _chosen(_told(now)[1], choice)], ("before",))
        one = now.view.experiment
        name = f"nmviz-words-{one.model.rpartition('/')[2]}-{one.pattern.replace(':', '-')}.csv"
        return json.dumps({"name": name, "type": "text/csv", "text": text})
    except Exception as error:
        return json.dumps({"failed": sentence(error)})


def _told(shown: Shown) -> tuple[dict[Column, Result], dict[Column, Told]]:
    results: dict[Column, Result] = {
        one: shown.results[one] for one in TARGETS if one in shown.results
    }
    return results, {one: flips_in_words(of, shown.text) for one, of in results.items()}


def _chosen(told: Mapping[Column, Told], choice: Sequence[Any]) -> list[ChangedWord]:
    return chosen({one: of.rows for one, of in told.items()}, *choice_of(choice, BY_KIND))


def choice_of(choice: Sequence[Any], kinds: Sequence[tuple[str, str]]) -> tuple[str, str, str]:
    """A target, a kind and words to search for. UserError for what a panel does not offer."""
    target, kind, words = (str(one or "") for one in choice)
    if target not in dict(BY_TARGET).values() or kind not in dict(kinds).values():
        raise UserError("Choose what the panel lists.")
    if len(words) > LONGEST_FILTER:
        raise UserError(f"The words to search for are at most {LONGEST_FILTER} characters.")
    return target, kind, words.strip()


def _without(results: Mapping[Column, Result]) -> Update:
    said = f'<p class="words">{esc(counted(results))}</p>' if counted(results) else ""
    return {
        "flips_head": _head(said + note(why_none(results))),
        "flips_body": gr.Column(visible=False),
        "flips_table": "",
    }


def _head(said: str) -> str:
    return f"<h2>{TITLE}</h2>{said}"


def _table(rows: Sequence[ChangedWord]) -> str:
    if not rows:
        return note(NO_ROW)
    heads = [hint(esc(one), HELP[one]) if one in HELP else esc(one) for one in HEADS]
    caption = f"{len(rows):,} of the words that changed"
    return table(caption, heads, [[esc(cell) for cell in cells(row)] for row in rows], (5, 7))
