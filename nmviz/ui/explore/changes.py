"""Events of the two tables of changes: words of a text, and answers to tasks."""

from collections.abc import Callable
from typing import Any

from nmviz.ui.explore.components import Page
from nmviz.ui.explore.panels import changed_answers, changed_words
from nmviz.ui.explore.panels.zero_shot_choices import FIELDS
from nmviz.ui.shell.events import ANSWERED, FROM_STORE, READ, SAVE, begun_by


def words(page: Page, on: Callable[..., Any]) -> None:
    """The words that changed in what is shown, after an event."""
    outputs = page.these(*changed_words.OUTPUTS)
    asked = _words_asked(page)
    function = page.shared(changed_words.found, len(asked), on=["store"])
    on(fn=function, inputs=asked, outputs=outputs, **ANSWERED)


def answers(page: Page, on: Callable[..., Any]) -> None:
    """The answers that changed in what is asked of the tasks, after an event."""
    outputs = page.these(*changed_answers.OUTPUTS)
    function = page.shared(changed_answers.found, len(changed_answers.FILTERS), on=["store"])
    on(fn=function, inputs=_answers_asked(page), outputs=outputs, **ANSWERED)


def wire_changes(page: Page) -> None:
    """Both tables follow what they are filtered by, and are saved as they stand there."""
    more = len(changed_answers.FILTERS)

    def of_answers(*given: Any) -> str:
        return changed_answers.exported(given[:-more], *given[-more:])

    _saved(page, "flips", changed_words.exported, _words_asked(page))
    _saved(page, "answers", of_answers, _answers_asked(page))
    for filters, table in ((changed_words.FILTERS, words), (changed_answers.FILTERS, answers)):
        target, kind, typed = page.these(*filters)
        table(page, begun_by(target.input, kind.input, typed.submit, typed.blur))


def _words_asked(page: Page) -> list[Any]:
    return page.these("shown", *changed_words.FILTERS)


def _answers_asked(page: Page) -> list[Any]:
    return [*page.form, *page.these(*FIELDS, *changed_answers.FILTERS)]


def _saved(page: Page, panel: str, write: Callable[..., str], asked: list[Any]) -> None:
    csv, file = page.these(f"{panel}_csv", f"{panel}_file")
    written = csv.click(write, asked, file, **FROM_STORE)
    written.then(None, file, None, js=SAVE, **READ)
