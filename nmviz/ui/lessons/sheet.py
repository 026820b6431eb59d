"""A lesson as a sheet: sentences and questions on the first page, answers on the second. It is a
page of its own, and works without script."""

from pathlib import Path

from nmviz.lessons import LESSONS, Lesson, Step
from nmviz.lessons.glossary import Word, found_in
from nmviz.lessons.shared.evidence import Evidence
from nmviz.lessons.shared.step import Said
from nmviz.service.lessons import evidence
from nmviz.ui.lessons.figures import drawn
from nmviz.ui.lessons.place import address
from nmviz.ui.lessons.texts import plain
from nmviz.ui.shell.html import esc

SHELL = Path(__file__).parents[1] / "shell"


def sheet(number: int) -> str:
    """The whole page of a lesson, counted from 1, from what is stored now."""
    lesson, given = LESSONS[number - 1], evidence()
    said = [step.say(step.first, given) for step in lesson.steps]
    style = "".join(
        (SHELL / name).read_text(encoding="utf-8") for name in ("lessons.css", "sheet.css")
    )
    title = f"Lesson {number}: {lesson.title}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{esc(title)} - nmviz</title><style>{style}</style></head><body>"
        f'<main class="sheet"><header><h1>{esc(title)}</h1><p>{esc(lesson.about)}</p>'
        f'<p class="screen">Print this page with your browser: the answers come on a page of their '
        f'own. <a href="../?{address(number, 1)}">Open the lesson</a></p>'
        '<p class="name">Name: <span></span></p></header>'
        f"{_questions(lesson, said)}{_words(lesson)}"
        f'<section class="answers"><h2>Answers to lesson {number}</h2>{_answers(lesson, said)}'
        f'<p class="origin">{esc(_origin(given))}</p></section></main></body></html>'
    )


def _questions(lesson: Lesson, said: list[Said]) -> str:
    parts = []
    for number, (step, one) in enumerate(zip(lesson.steps, said, strict=True), 1):
        parts.append(
            f'<section class="part"><h2>{number}. {esc(step.title)}</h2>'
            f"{plain(step, step.text, step.first, one)}{drawn(one.figure)}"
            f'<div class="question">{plain(step, step.question, step.first, one)}'
            '<span class="line"></span><span class="line"></span></div></section>'
        )
    return "".join(parts)


def _answers(lesson: Lesson, said: list[Said]) -> str:
    told = zip(lesson.steps, said, strict=True)
    return "<ol>" + "".join(f"<li>{_answer(step, one)}</li>" for step, one in told) + "</ol>"


def _answer(step: Step, said: Said) -> str:
    question = plain(step, step.question, step.first, said)
    return f'<div class="asked">{question}</div>{plain(step, step.answer, step.first, said)}'


def _words(lesson: Lesson) -> str:
    """What its words mean, in the order in which they come."""
    words: dict[str, Word] = {}
    for step in lesson.steps:
        for _, word in found_in(step.text):
            words.setdefault(word.name, word)
    rows = "".join(
        f"<div><dt>{esc(word.name)}</dt><dd>{esc(word.means)}</dd></div>" for word in words.values()
    )
    return f'<section class="words-of"><h2>Words</h2><dl>{rows}</dl></section>'


def _origin(given: Evidence) -> str:
    return "The numbers were taken from the runs that are stored on this page when it was opened."
