"""Lessons in Chromium: walked from start to end, a choice in a sentence, links, the sheet."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from visitor import App, nothing_scrolls_sideways, show

from nmviz.lessons import LESSONS
from nmviz.ui.lessons.place import address

pytestmark = pytest.mark.browser
EVERY = [(n, p, s) for n, one in enumerate(LESSONS, 1) for p, s in enumerate(one.steps, 1)]


def step(page: Page) -> Locator:
    """The one that is shown."""
    return page.locator("#lessons .step:visible")


def is_at(page: Page, lesson: int, place: int) -> None:
    title = LESSONS[lesson - 1].steps[place - 1].title
    expect(step(page).locator("h3")).to_have_text(title)
    page.wait_for_url(lambda url: f"lesson={lesson}&step={place}" in url and "tab=lessons" in url)


def test_lessons_are_walked_and_set_the_page(page: Page, app: App) -> None:
    page.goto(app.address("tab=lessons&lesson=9"))
    is_at(page, 1, 1)
    expect(page.locator("#lessons .remark")).to_have_text(
        "There is no lesson '9': choose one from 1 to 5."
    )
    every_step_is_reached(page)
    it_fits_a_small_screen_in_both_themes(page)
    the_page_is_set_and_the_lesson_found_again(page)


def test_the_link_of_a_step_opens_it_and_its_choices_ask_nobody(page: Page, app: App) -> None:
    page.goto(app.address(address(2, 3)))
    is_at(page, 2, 3)
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    a_word_says_what_it_means(page)
    a_choice_changes_the_sentence(page)
    assert not asked


def a_choice_changes_the_sentence(page: Page) -> None:
    """By a list, by the keyboard, and by a slider."""
    weights = step(page).locator("p [data-word='weights']")
    bars = step(page).locator(".bar")
    expect(weights).to_have_text(re.compile(r"^1\.551"))
    expect(bars).to_have_count(5)
    step(page).get_by_label("Criterion for weights").select_option(label="magnitude")
    expect(weights).to_have_text(re.compile(r"^4\.197"))
    expect(step(page).locator("p [data-word='verdict']").first).to_contain_text(
        "Activations by magnitude cost less"
    )
    step(page).get_by_label("Pattern").focus()
    page.keyboard.press("ArrowDown")
    expect(weights).to_have_text(re.compile(r"^2\.844"))
    expect(step(page).locator(".set-page")).to_have_attribute("href", re.compile("tokens=8192"))
    step(page).get_by_label("Model", exact=True).select_option(label="Gemma 3 270M")
    expect(weights).to_have_text(re.compile(r"^4\.388"))
    page.locator("#lessons nav [data-to='5,1']").click()
    page.locator("#lessons .dot[data-to='5,5']").click()
    is_at(page, 5, 5)
    slider = step(page).get_by_label("Comparisons at once")
    slider.focus()
    page.keyboard.press("Home")
    expect(step(page).locator("p [data-word='chance']")).to_have_text("0.050")
    expect(slider).to_have_attribute("aria-valuetext", "1 comparison")


def a_word_says_what_it_means(page: Page) -> None:
    word = step(page).locator(".word-of").first
    meaning = page.locator(f"#{word.get_attribute('aria-controls')}")
    expect(meaning).to_be_hidden()
    word.focus()
    page.keyboard.press("Enter")
    expect(meaning).to_be_visible()
    expect(word).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(meaning).to_be_hidden()


def every_step_is_reached(page: Page) -> None:
    """From the first to the last by Next, and one back."""
    following = page.locator("#lessons .lesson:visible .next")
    for lesson, place, _ in EVERY:
        is_at(page, lesson, place)
        assert not re.search(r"[{}]|undefined|NaN", step(page).inner_text())
        if (lesson, place) != EVERY[-1][:2]:
            following.click()
    expect(following).to_be_disabled()
    page.locator("#lessons .lesson:visible .back").click()
    is_at(page, *EVERY[-2][:2])


def it_fits_a_small_screen_in_both_themes(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    for lesson, place in ((1, 2), (2, 3), (3, 4), (5, 5)):
        page.locator(f"#lessons nav [data-to='{lesson},1']").click()
        page.locator(f"#lessons .dot[data-to='{lesson},{place}']").click()
        is_at(page, lesson, place)
        for _ in ("dark", "light"):
            nothing_scrolls_sideways(page)
            page.locator("#theme").click()
    page.set_viewport_size({"width": 1280, "height": 900})


def the_page_is_set_and_the_lesson_found_again(page: Page) -> None:
    page.locator("#lessons nav [data-to='4,1']").click()
    step(page).locator(".set-page").click()
    expect(page.get_by_role("tab", name="Trade-offs")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#tradeoffs-pattern-of")).to_contain_text("2:4: what it costs")
    page.wait_for_url(lambda url: "lesson=" not in url and "choose=2:4" in url)
    page.locator("#lesson-bar").get_by_role("button", name="Back to the lesson").click()
    is_at(page, 4, 1)
    expect(page.locator("#lesson-bar")).to_be_hidden()
    page.locator("#lessons nav [data-to='3,1']").click()
    step(page).get_by_label("Pattern").select_option("8:16")
    step(page).locator(".set-page").click()
    expect(page.locator("#lesson-bar p")).to_contain_text("Lesson 3, step 1: ")
    expect(page.locator("#cards .card.activation")).to_contain_text("d-pts")
    expect(page.locator("#cards .card.activation .words")).to_contain_text("keep 8 of every 16")
    page.wait_for_url(lambda url: "mitigations=d-pts" in url and "tokens=8192" in url)
    show(page, "Explore")


def test_the_sheet_needs_no_script(browser: Browser, app: App) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        paper = context.new_page()
        paper.goto(f"{app.url}/lessons/2")
        expect(paper.locator("h1")).to_have_text(
            "Lesson 2: Why activations are easier, when they are"
        )
        expect(paper.locator(".question")).to_have_count(len(LESSONS[1].steps))
        expect(paper.locator(".part").nth(2)).to_contain_text("1.551 ± 0.033")
        paper.emulate_media(media="print")
        expect(paper.locator(".screen")).to_be_hidden()
        breaks = paper.locator(".answers").evaluate("one => getComputedStyle(one).breakBefore")
        assert breaks == "page"
        paper.set_viewport_size({"width": 390, "height": 800})
        nothing_wide = "document.documentElement.scrollWidth <= innerWidth"
        assert paper.evaluate(nothing_wide)
