"""Lessons as HTML: every step with all that it says, so that no choice asks the server."""

import json
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlencode

from nmviz.lessons import LESSONS, Evidence, Lesson, Step
from nmviz.lessons.glossary import found_in, glossary
from nmviz.lessons.shared.step import Said, Setting
from nmviz.service.lessons import Key, evidence, told
from nmviz.ui.lessons.figures import drawn
from nmviz.ui.lessons.place import address
from nmviz.ui.lessons.texts import (
    Explained,
    filled,
    of_options,
    paragraphs,
    with_choices,
    with_menus,
)
from nmviz.ui.shell.html import esc, table
from nmviz.ui.shell.links import link_of
from nmviz.ui.shell.view import View

EXPLORE = "explore"


def lessons() -> str:
    """Everything that the tab shows, from what is stored now."""
    given = evidence()
    nav = "".join(_in_nav(number, lesson) for number, lesson in enumerate(LESSONS, 1))
    bodies = "".join(_lesson(number, lesson, given) for number, lesson in enumerate(LESSONS, 1))
    return (
        '<div id="lessons-body" data-lessons><p class="error remark" role="alert" hidden></p>'
        f'<nav aria-label="Lessons"><ol>{nav}</ol>'
        '<a class="to-words" href="#lessons-words">Words, explained</a></nav>'
        f'<div class="lessons">{bodies}</div></div>{_words()}'
    )


def _in_nav(number: int, lesson: Lesson) -> str:
    return (
        f'<li><a class="to-step" href="?{address(number, 1)}" data-to="{number},1">'
        f"<b>{number}</b><span>{esc(lesson.title)}<small>about {lesson.minutes} minutes</small>"
        "</span></a></li>"
    )


def _lesson(number: int, lesson: Lesson, given: Evidence) -> str:
    explained = Explained(number)
    count = len(lesson.steps)
    steps = "".join(
        _step((number, place), step, told(step, given), explained)
        for place, step in enumerate(lesson.steps, 1)
    )
    dots = "".join(
        f'<a class="to-step dot" href="?{address(number, place)}" data-to="{number},{place}">'
        f'{place}<span class="unseen">: {esc(step.title)}</span></a>'
        for place, step in enumerate(lesson.steps, 1)
    )
    return (
        f'<article class="lesson" data-lesson="{number}" data-steps="{count}" hidden '
        f'aria-labelledby="lesson-{number}"><header>'
        f'<p class="words">Lesson {number} of {len(LESSONS)}, about {lesson.minutes} minutes. '
        f'<a href="lessons/{number}" target="_blank">A sheet to print</a></p>'
        f'<h2 id="lesson-{number}">{esc(lesson.title)}</h2>'
        f'<p class="words">{esc(lesson.about)}</p></header>'
        f'<div class="dots" role="group" aria-label="Steps">{dots}</div>{steps}'
        '<div class="turn"><button type="button" class="back">Back</button>'
        '<button type="button" class="next">Next</button></div></article>'
    )


def _step(at: tuple[int, int], step: Step, every: Mapping[Key, Said], explained: Explained) -> str:
    lesson, place = at
    said = every[tuple(step.first.values())]
    shown = paragraphs(step.text, with_menus(step, said), explained)
    options = of_options(step.menus, explained)
    choices = with_choices(step, said)
    means = "".join(
        f'<p class="meaning" data-means="{name}">{esc(each.get(step.first[name], ""))}</p>'
        for name, each in options.items()
    )
    data = {
        "said": {"|".join(key): _as_data(one) for key, one in every.items()},
        "options": {menu.name: menu.options for menu in step.menus},
        "means": options,
    }
    return (
        f'<section class="step" data-step="{place}" data-told="{esc(json.dumps(data))}" hidden>'
        f'<h3 tabindex="-1">{esc(step.title)}</h3>{shown}{means}'
        f'<div class="drawn">{drawn(said.figure)}</div>'
        f'<details class="ask"><summary>{filled(step.question, choices)}</summary>'
        f"<p>{filled(step.answer, choices)}</p></details>"
        f'<p class="act"><a class="set-page" href="?{esc(_link(said.setting))}" '
        f'data-part="{esc(said.setting.part)}">Set the page to this</a>'
        f'<a class="to-step here" href="?{address(lesson, place)}" data-to="{lesson},{place}">'
        "Link to this step</a></p>"
        f'<p class="look" hidden>{filled(step.look, choices)}</p></section>'
    )


def _as_data(said: Said) -> dict[str, object]:
    """What the page's script puts into its places."""
    return {"words": said.words, "drawn": drawn(said.figure), "link": f"?{_link(said.setting)}"}


def _link(setting: Setting) -> str:
    """The query that sets the page."""
    if setting.tab != EXPLORE:
        return urlencode({"tab": setting.tab, **setting.settings})
    return _link_of(tuple(setting.settings.items()))


@lru_cache(maxsize=1024)
def _link_of(settings: tuple[tuple[str, str], ...]) -> str:
    return link_of(View.build(dict(settings)))


def _words() -> str:
    """The glossary, with the step in which each word first stands."""
    first = _first_places()
    rows = []
    for word in glossary().values():
        at = first.get(word.name)
        where = "&ndash;"
        if at:
            where = (
                f'<a class="to-step" href="?{address(*at)}" data-to="{at[0]},{at[1]}">'
                f"lesson {at[0]}, step {at[1]}</a>"
            )
        rows.append([esc(word.name), esc(word.means), where])
    heads = ["word", "what it means", "first in"]
    said = table("Every word of the lessons and of the page, each once", heads, rows)
    return f'<section id="lessons-words"><h2>Words, explained</h2>{said}</section>'


def _first_places() -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for number, lesson in enumerate(LESSONS, 1):
        for place, step in enumerate(lesson.steps, 1):
            options = " | ".join(words for menu in step.menus for words in menu.options.values())
            for _, word in found_in(f"{step.text} | {options}"):
                found.setdefault(word.name, (number, place))
    return found
