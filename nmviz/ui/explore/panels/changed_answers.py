"""Answers that changed: the examples of tasks behind the numbers, filtered, and as a file."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.base.wording import listed
from nmviz.core.answers.item_flips import ItemFlips
from nmviz.core.results import Column, Result
from nmviz.core.settings import TARGETS
from nmviz.published.listing.export import csv_of
from nmviz.service.flips import MOST_ITEMS, answers_changed, questions_of
from nmviz.sources.tasks import TASKS
from nmviz.ui.explore.panels import changed_words, zero_shot
from nmviz.ui.explore.panels.changed_words import choice_of
from nmviz.ui.serving.noted import note_failure
from nmviz.ui.shell.events import Update
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.html import esc, note, table
from nmviz.views.explore.changed_answers import (
    HEADS,
    KINDS,
    NOT_HERE,
    ChangedAnswer,
    cells,
    chosen,
    record,
)
from nmviz.views.shared.theme import NAMES

TITLE = "Answers that changed"
OUTPUTS = ("answers_body", "answers_head", "answers_table")
FILTERS = ("answers_target", "answers_kind", "answers_words")
"""The choices, in the order in which a handler gets them behind the settings."""
BY_TARGET = changed_words.BY_TARGET
BY_KIND = [("either", ""), *((one, one) for one in KINDS)]
NO_CHOICES = "Which answers were given to {} older results do not say; nmviz run --rerun does."
NO_ROW = "No answer that changed is of this choice."

Known = Mapping[Column, Sequence[ItemFlips]]


def found(values: Sequence[Any], *choice: Any) -> Update:
    """The table for the settings of form and tasks; hidden where nothing was run."""
    try:
        results, known = _stored(values)
        if not any(one.items for flips in known.values() for one in flips):
            return {"answers_body": gr.Column(visible=False), "answers_table": ""}
        rows = list(_rows(results, known))
        if any(one.item is None for one in rows):
            note_failure()  # what is missing may be there for the next visitor
        return {
            "answers_body": gr.Column(visible=True),
            "answers_head": _head(known, rows),
            "answers_table": _table(chosen(rows, *choice_of(choice, BY_KIND))),
        }
    except Exception as error:
        return {"answers_table": note(sentence(error), "error")}


def exported(values: Sequence[Any], *choice: Any) -> str:
    """The rows of the table as a file for the page's script: name, type and text, or what
    failed."""
    try:
        rows = chosen(_rows(*_stored(values)), *choice_of(choice, BY_KIND))
        text = csv_of([record(row) for row in rows], ("question",))
        return json.dumps({"name": "nmviz-answers.csv", "type": "text/csv", "text": text})
    except Exception as error:
        return json.dumps({"failed": sentence(error)})


def _stored(values: Sequence[Any]) -> tuple[dict[Column, Result], Known]:
    """What the store has of either target, and its flips by the metric that is shown."""
    try:
        asked = zero_shot.asked_of(values)
    except UserError:
        return {}, {}
    answers = (service.lookup(one) for one in asked.experiments if not one.mask.is_dense)
    results = {one.experiment.target: one for one in answers if one is not None}
    shown: dict[Column, Result] = {one: results[one] for one in TARGETS if one in results}
    known = {target: _first_metric(answers_changed(one)) for target, one in shown.items()}
    return shown, known


def _first_metric(flips: Sequence[ItemFlips]) -> list[ItemFlips]:
    return [one for one in flips if one.metric == TASKS.get(one.task).metrics[0]]


def _rows(results: Mapping[Column, Result], known: Known) -> list[ChangedAnswer]:
    return [
        ChangedAnswer(target, one.task, flip, items.get(flip.item))
        for target, flips in known.items()
        for one in flips
        for items in [questions_of(results[target], one)]
        for flip in one.items
    ]


def _head(known: Known, rows: Sequence[ChangedAnswer]) -> str:
    said = []
    for target, flips in known.items():
        parts = [f"{TASKS.get(one.task).title} {one.words}" for one in flips]
        said.append(f"With {NAMES[target]} pruned: {'; '.join(parts)}.")
    if any(max(one.lost, one.won) > MOST_ITEMS for flips in known.values() for one in flips):
        said.append(f"Listed are the first {MOST_ITEMS} of a task each way.")
    lacking = NOT_HERE if any(one.item is None for one in rows) else ""
    unknown = sorted({one.task for one in rows if one.flip.before is None and _chooses(one.task)})
    old = NO_CHOICES.format(listed(TASKS.get(one).title for one in unknown)) if unknown else ""
    notes = "".join(note(one) for one in (lacking, old) if one)
    return f'<h3>{TITLE}</h3><p class="words">{esc(" ".join(said))}</p>{notes}'


def _chooses(task: str) -> bool:
    """Whether a task has answers to choose from; of LAMBADA the word is to be found."""
    return bool(TASKS.get(task).chance)


def _table(rows: Sequence[ChangedAnswer]) -> str:
    if not rows:
        return note(NO_ROW)
    caption = f"{len(rows):,} of the answers that changed"
    return table(caption, list(map(esc, HEADS)), [[*map(esc, cells(row))] for row in rows])
