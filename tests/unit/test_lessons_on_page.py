"""Lessons as the page has them: links, explained words, menus, the sheet, and what is refused."""

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from loops import ran

from nmviz.lessons import LESSONS
from nmviz.lessons.glossary import found_in
from nmviz.ui.explore.address import read_address
from nmviz.ui.explore.by_lesson import set_by
from nmviz.ui.explore.restore import first_view, restored
from nmviz.ui.guard.refusal import Refusal
from nmviz.ui.guard.routes import route_of
from nmviz.ui.lessons.place import Place, address, place_of
from nmviz.ui.lessons.sheet import sheet
from nmviz.ui.lessons.steps import lessons
from nmviz.ui.serving.sheets import Sheets
from nmviz.ui.shell.failures import UNEXPECTED, sentence

pytestmark = pytest.mark.usefixtures("module_store")


@pytest.fixture(scope="module")
def shown(module_store: Path) -> str:
    return lessons()


def steps(shown: str) -> Iterator[tuple[int, int, str]]:
    """Lesson, step and HTML of every step."""
    for number, article in enumerate(shown.split('<article class="lesson"')[1:], 1):
        for place, section in enumerate(article.split('<section class="step"')[1:], 1):
            yield number, place, section


def told(section: str) -> dict[str, Any]:
    found = re.search(r'data-told="([^"]*)"', section)
    assert found
    return dict(json.loads(unescape(found[1])))


def test_the_tab_has_every_step_and_the_same_html_each_time(shown: str) -> None:
    found = [(number, place) for number, place, _ in steps(shown)]
    wanted = [(n, p) for n, one in enumerate(LESSONS, 1) for p, _ in enumerate(one.steps, 1)]
    assert found == wanted
    assert lessons() == shown
    ids = re.findall(r' id="([^"]+)"', shown)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'aria-controls="([^"]+)"', shown)) <= set(ids)


def test_every_link_to_a_step_opens_it(shown: str) -> None:
    usual = first_view()
    for number, place, section in steps(shown):
        link = f"?{address(number, place)}"
        assert f'class="to-step here" href="{link}"' in section
        asked = read_address(link, usual)
        assert (asked.tab, asked.lesson, asked.remarks) == ("lessons", Place(number, place), "")
        assert f'data-lesson="{number}" data-step="{place}"' in asked.lesson.html


@pytest.mark.parametrize(
    ("query", "place", "said"),
    [
        ("lesson=2&step=3", (2, 3), ""),
        ("lesson=3", (3, 1), ""),
        ("step=2", (1, 2), ""),
        ("", (1, 1), ""),
        ("lesson=9", (1, 1), "There is no lesson '9': choose one from 1 to 5."),
        ("lesson=0&step=1", (1, 1), "There is no lesson '0'"),
        ("lesson=2&step=99", (2, 1), "Lesson 2 has no step '99': its steps are 1 to 5."),
        ("lesson=2&step=<b>", (2, 1), "Lesson 2 has no step '<b>'"),
        (f"lesson={'9' * 500}", (1, 1), "There is no lesson '999"),
        ("lesson=%D9%A3", (1, 1), "There is no lesson"),
    ],
)
def test_an_unknown_place_is_one_sentence(query: str, place: tuple[int, int], said: str) -> None:
    page = restored(f"tab=lessons&pattern=2:4&{query}")
    asked = read_address(f"tab=lessons&{query}", first_view())
    assert (asked.lesson.lesson, asked.lesson.step) == place
    assert asked.lesson.remark.startswith(said) and len(asked.lesson.remark) < 120
    assert (asked.lesson.remark == "") == (said == "")
    assert page["pattern"] == "2:4" and page["lesson_at"] == asked.lesson.html
    assert "<b>" not in page["lesson_at"] + page["status"]


def test_what_a_lesson_sets_is_read_back_without_a_remark(shown: str) -> None:
    """Every choice of every step: a link of the page, and to the settings that its words name."""
    usual, seen, checked = first_view(), set(), 0
    for _, _, section in steps(shown):
        data = told(section)
        names = list(data["options"])
        for key, said in data["said"].items():
            link = said["link"]
            assert link.startswith("?")
            if link not in seen:
                seen.add(link)
                asked = read_address(link, usual)
                assert asked.remarks == "", (link, asked.remarks)
            chosen = dict(zip(names, key.split("|"), strict=True))
            if "tab=" in link or "pattern" not in chosen:
                continue
            checked += 1
            view = read_address(link, usual).view.experiment
            assert view.pattern == chosen["pattern"], (link, chosen)
            assert view.model == chosen.get("model", "smollm2-135m")
            if "repair" in chosen:
                assert ",".join(view.mitigations) == chosen["repair"]
    assert checked > 100 and len(seen) > 50


def test_every_word_is_explained_where_it_first_stands_and_once(shown: str) -> None:
    for number, lesson in enumerate(LESSONS, 1):
        article = shown.split('<article class="lesson"')[number]
        buttons = re.findall(
            r'<button type="button" class="word-of"[^>]*aria-controls="([^"]+)">', article
        )
        meant = [
            unescape(re.findall(rf'id="{one}" hidden><b>([^<]+)</b>', article)[0])
            for one in buttons
        ]
        assert len(meant) == len(set(meant)), lesson.title
        first: dict[str, int] = {}
        for place, step in enumerate(lesson.steps, 1):
            for _, word in found_in(re.sub(r"\[\w+\]|\{\w+\}", "\n", step.text)):
                first.setdefault(word.name, place)
        explained = {name: first[name] for name in meant}
        for name, place in first.items():
            earlier = " ".join(
                section for n, p, section in steps(shown) if n == number and p <= place
            )
            by_option = f"{name}: " in unescape(earlier)
            assert explained.get(name) == place or by_option, (lesson.title, name)


def test_menus_are_native_and_have_names(shown: str) -> None:
    for element in re.findall(r"<(?:select|input)[^>]*>", shown):
        assert re.search(r'aria-label="[^"]+"', element), element
    assert "<script" not in shown and "onclick" not in shown


def test_the_glossary_stands_at_the_end_and_links_to_steps(shown: str) -> None:
    words = shown.partition('<section id="lessons-words">')[2]
    assert "perplexity" in words and "first in" in words
    for number, place in re.findall(r'href="\?tab=lessons&lesson=(\d)&step=(\d)"', words):
        assert place_of(number, place).remark == ""


# Sheets.


@pytest.mark.parametrize("number", range(1, len(LESSONS) + 1))
def test_a_sheet_has_questions_first_and_answers_on_a_page_of_their_own(number: int) -> None:
    page = sheet(number)
    assert "<script" not in page and page.startswith("<!doctype html>")
    first, second = page.split('<section class="answers">')
    lesson = LESSONS[number - 1]
    assert first.count('class="question"') == len(lesson.steps) == second.count("<li>")
    assert ".answers { break-before: page;" in page
    assert "{" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    assert f"../?{address(number, 1)}" in unescape(first)


def test_a_sheet_has_the_numbers_of_the_store() -> None:
    assert "1.551\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.033" in sheet(2)


def test_only_sheets_that_there_are_pass_the_guard() -> None:
    route, found = route_of("GET", "/lessons/5")
    assert route.refuse is not None
    route.refuse("", found, None)  # type: ignore[arg-type]
    for path in ("/lessons/6", "/lessons/0", "/lessons/x"):
        route, found = route_of("GET", path)
        assert route.refuse is not None
        with pytest.raises(Refusal, match="There is no lesson") as refused:
            route.refuse("", found, None)  # type: ignore[arg-type]
        assert refused.value.status == 404
    with pytest.raises(Refusal):
        route_of("GET", "/lessons/1/2")


def asked_for(app: Sheets, path: str, kind: str = "http") -> tuple[int, str]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {"type": kind, "method": "GET", "path": path, "headers": [], "query_string": b""}
    ran(app(scope, receive, send))
    return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:]).decode()


async def behind(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"behind"})


def test_a_sheet_is_made_once_and_everything_else_is_passed_on() -> None:
    made: list[str] = []

    def make(name: str) -> str:
        made.append(name)
        return f"sheet {name}"

    app = Sheets(behind, "lessons", make, sentence)
    assert asked_for(app, "/lessons/2") == (200, "sheet 2")
    assert asked_for(app, "/lessons/2") == (200, "sheet 2") and made == ["2"]
    assert asked_for(app, "/") == asked_for(app, "/docs/2") == (404, "behind")
    assert asked_for(app, "/lessons/2", "lifespan") == (404, "behind")


def test_a_sheet_that_fails_is_one_sentence_and_is_asked_anew() -> None:
    def fail(_: str) -> str:
        raise RuntimeError("secret")

    assert asked_for(Sheets(behind, "lessons", fail, sentence), "/lessons/1") == (500, UNEXPECTED)


# Trade-offs, set by an address.


def test_an_address_sets_trade_offs() -> None:
    query = "tab=trade-offs&faster=a100,int8,qwen2.5-7b,decode,weight,2:4,128&choose=4:8"
    asked = read_address(query, first_view())
    assert asked.remarks == "" and asked.tradeoffs.values == {
        "faster_machine": "a100",
        "faster_dtype": "int8",
        "faster_model": "qwen2.5-7b",
        "faster_phase": "decode",
        "faster_target": "weight",
        "faster_pattern": "2:4",
        "faster_tokens": 128,
        "choose_n": 4,
        "choose_m": 8,
    }
    assert set_by(query) == asked.tradeoffs.values
    assert asked.tradeoffs.values.items() <= restored(query).items()
    assert "faster_machine" not in restored("tab=trade-offs")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("faster=h100", "it takes machine, dtype"),
        ("faster=z80,fp8,llama3.2-1b,prefill,weight,2:4,2048", "There is no machine"),
        ("faster=h100,fp8,nothing,prefill,weight,2:4,2048", "Choose a model"),
        ("faster=h100,fp8,llama3.2-1b,prefill,weight,2:4,x", "it takes machine, dtype"),
        ("choose=50%25", "has no blocks"),
        ("choose=8:128", "M is from 1 to 64 here; given: 128."),
    ],
)
def test_what_trade_offs_does_not_list_is_one_sentence(part: str, said: str) -> None:
    asked = read_address(f"tab=trade-offs&{part}", first_view())
    assert said in asked.tradeoffs.remark and asked.tradeoffs.remark.endswith("as it was.")
    assert not asked.tradeoffs.values


def test_a_lesson_sets_all_of_explore() -> None:
    update = set_by("pattern=2:4&weight_criterion=sparsegpt&corpus=wikitext-2&tokens=8192")
    assert update["pattern"] == "2:4" and update["weight_criterion"] == "sparsegpt"
    assert "1.55" in update["cards"]
