"""The hand in the page: every figure equals the engine's, and no click asks the server."""

import re
from threading import Event

import pytest
from playwright.sync_api import Page, expect
from visitor import App, appears, be_at

from nmviz.core.lessons.hand import Hand, Rule
from nmviz.service.beforehand.hands import shipped_hands, take_hand

pytestmark = pytest.mark.browser
MODEL = "smollm2-135m"
PLAY_AT_ONCE = """
new MutationObserver((_, watch) => {
    const cells = document.querySelectorAll("#first-paint .cell");
    if (cells.length !== 16) return;
    watch.disconnect();
    cells[2].click();
    window.played = true;
}).observe(document, { childList: true, subtree: true });
"""
"""Presses the third input as soon as it is there, whatever else the machine does."""


def percent(share: float) -> str:
    """As the page writes it."""
    return f"{100 * share:.1f}%" if share < 0.0995 else f"{100 * share:.0f}%"


def rule_of(hand: Hand, target: str, name: str) -> Rule:
    return next(rule for rule in hand.rules if (rule.target, rule.name) == (target, name))


def test_a_hand_is_played(page: Page, app: App) -> None:
    page.add_init_script(PLAY_AT_ONCE)
    page.goto(f"{app.url}/?model={MODEL}&pattern=2:4", wait_until="commit")
    body = page.locator("#hand .hand-body")
    what_is_played_before_the_app_is_there_stands_when_it_comes(page)
    expect(body.locator(".cell")).to_have_count(16)
    appears(page.locator("#methods-plot .main-svg").first)
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    (_, hand), (_, other) = shipped_hands(MODEL)
    last = len(hand.words) - 1
    a_few_lines_say_the_same(page, hand, last)
    body.get_by_role("button", name="More").click()
    every_rule_says_what_the_engine_does(page, hand, last)
    another_word_changes_the_inputs_and_not_the_weights(page, hand)
    ones_own_choice_is_exact(page, hand)
    the_keyboard_plays_too(page)
    body.get_by_role("button", name=re.compile("^Water boils")).click()
    expect(body.locator(".word")).to_have_count(len(other.words))
    assert not [url for url in asked if "gradio_api" in url], "a click asked the server"
    the_whole_screen_has_it(page)


def test_the_prompt_and_layer_of_the_settings_are_played(kept: Page, app: App) -> None:
    page = kept
    be_at(page, app.address("prompt=The+river+runs+to+the+sea."))
    page.locator("#take-hand").click()
    body = page.locator("#hand .hand-body")
    expect(body.locator(".cell")).to_have_count(16)
    *_, hand = take_hand(app.model, "The river runs to the sea.", 1, "down", Event())
    assert isinstance(hand, Hand)
    expect(body).to_contain_text("block 1, down, inputs")
    expect(body).to_contain_text("Wanda: choose 8:16")
    last, magnitude = len(hand.words) - 1, rule_of(hand, "activation", "magnitude")
    expect(body.locator(".word")).to_have_count(len(hand.words))
    body.locator(".cell").nth(2).click()
    chosen = list(magnitude.kept[last])
    chosen[2] = not chosen[2]
    said = f"changes by {percent(hand.error(last, chosen))}"
    expect(body.locator(".side.activation .words")).to_contain_text(said)
    weight = rule_of(hand, "weight", "magnitude")
    rows = body.locator("tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(1).locator("td").nth(1)).to_have_text(percent(weight.layer[last]))
    expect(rows.nth(2).locator("td").nth(1)).to_contain_text(
        percent(weight.guesses[last].probability)
    )
    expect(page.locator("#take-hand")).to_be_enabled()


def what_is_played_before_the_app_is_there_stands_when_it_comes(page: Page) -> None:
    """As what is played there is all in the page, no server is needed for it."""
    expect(page.locator("#hand .cell")).to_have_count(16)
    expect(page.locator("#first-paint")).to_have_count(0)
    assert page.evaluate("window.played")
    expect(page.locator("#hand .cell").nth(2)).to_have_attribute("aria-pressed", "false")
    page.locator("#hand .rules.activation").get_by_role("button", name="By size").click()
    expect(page.locator("#hand .cell").nth(2)).to_have_attribute("aria-pressed", "true")


def a_few_lines_say_the_same(page: Page, hand: Hand, word: int) -> None:
    body = page.locator("#hand .hand-body")
    rules = [rule_of(hand, target, "magnitude") for target in ("activation", "weight")]
    errors = [percent(hand.error_of(rule, word)) for rule in rules]
    said = f"this word changes by {errors[0]}, with pruned weights by {errors[1]}."
    expect(body.locator(".spoken")).to_contain_text(said)
    sides = ("(activations)", "(weights)")
    layers = ", ".join(f"{percent(r.layer[word])} {of}" for r, of in zip(rules, sides, strict=True))
    guesses = [(rule.guesses[word], of) for rule, of in zip(rules, sides, strict=True)]
    words = ", ".join(f"“{g.word.strip()}” {percent(g.probability)} {of}" for g, of in guesses)
    expect(body.locator(".zoom")).to_contain_text(f"The whole layer, for this word: {layers}")
    expect(body.locator(".zoom")).to_contain_text(words)
    expect(page.locator("#take-hand")).to_be_hidden()


def the_whole_screen_has_it(page: Page) -> None:
    expect(page.locator("#take-hand")).to_be_visible()
    page.locator("#hand .whole-screen").click()
    expect(page.locator("#hand")).to_have_class(re.compile(r"\bwhole\b"))
    page.locator("#hand .cell").first.click()
    page.keyboard.press("Escape")
    expect(page.locator("#hand")).not_to_have_class(re.compile(r"\bwhole\b"))


def every_rule_says_what_the_engine_does(page: Page, hand: Hand, word: int) -> None:
    body = page.locator("#hand .hand-body")
    for target, name, label in (
        ("activation", "clact", "CLACT"),
        ("activation", "wina", "WINA"),
        ("activation", "magnitude", "By size"),
        ("weight", "wanda", "Wanda"),
        ("weight", "magnitude", "By size"),
    ):
        side = body.locator(f".side.{target}")
        side.get_by_role("button", name=label).click()
        rule = rule_of(hand, target, name)
        expect(side.locator(".words")).to_contain_text(
            f"changes by {percent(hand.error_of(rule, word))}"
        )
        column = 0 if target == "activation" else 1
        rows = body.locator("tbody tr")
        expect(rows.nth(0).locator("td").nth(column)).to_have_text(
            percent(hand.error_of(rule, word))
        )
        expect(rows.nth(1).locator("td").nth(column)).to_have_text(percent(rule.layer[word]))
        guess = rule.guesses[word]
        expect(rows.nth(2).locator("td").nth(column)).to_have_text(
            f"“{guess.word.strip()}” {percent(guess.probability)}"
        )
        expect(rows.nth(3).locator("td").nth(column)).to_have_text(rule.written.strip())
    dense = hand.guesses[word]
    expect(body.locator("tbody tr").nth(2).locator("th")).to_contain_text(
        f"“{dense.word.strip()}” {percent(dense.probability)}"
    )
    kept = [cell == "true" for cell in pressed(page)]
    assert kept == list(rule_of(hand, "activation", "magnitude").kept[word])


def pressed(page: Page) -> list[str]:
    cells = page.locator("#hand .hand-body .cell")
    return [cells.nth(place).get_attribute("aria-pressed") or "" for place in range(16)]


def another_word_changes_the_inputs_and_not_the_weights(page: Page, hand: Hand) -> None:
    body = page.locator("#hand .hand-body")
    weights = body.locator(".lines").inner_html()
    body.locator(".word").nth(3).click()
    assert body.locator(".lines").inner_html() == weights
    assert [one == "true" for one in pressed(page)] == list(
        rule_of(hand, "activation", "magnitude").kept[3]
    )
    weight = hand.error_of(rule_of(hand, "weight", "magnitude"), 3)
    expect(body.locator(".side.weight .words")).to_contain_text(percent(weight))


def ones_own_choice_is_exact(page: Page, hand: Hand) -> None:
    body = page.locator("#hand .hand-body")
    kept = list(rule_of(hand, "activation", "magnitude").kept[3])
    for place in (0, 5, 11):
        body.locator(".cell").nth(place).click()
        kept[place] = not kept[place]
        said = f"{sum(kept)} of 16 kept: the layer's output for this word changes by "
        expect(body.locator(".side.activation .words")).to_contain_text(
            said + percent(hand.error(3, kept))
        )
    expect(body.get_by_role("button", name="My own")).to_have_attribute("aria-pressed", "true")
    expect(body.locator("tbody tr").nth(1).locator("td").first).to_have_text("for rules only")


def the_keyboard_plays_too(page: Page) -> None:
    cells = page.locator("#hand .hand-body .cell")
    cells.first.focus()
    page.keyboard.press("ArrowRight")
    expect(cells.nth(1)).to_be_focused()
    before = cells.nth(1).get_attribute("aria-pressed")
    page.keyboard.press("Space")
    expect(cells.nth(1)).to_have_attribute("aria-pressed", "false" if before == "true" else "true")
    expect(cells.nth(1)).to_be_focused()
