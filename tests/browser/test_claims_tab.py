"""The tab Claims: verdicts, evidence, a live half run and cancelled, both themes."""

import re

import pytest
from playwright.sync_api import Page, expect
from visitor import DARK_TEXT, LIGHT_TEXT, App, appears, be_at, show

pytestmark = pytest.mark.browser

CLAIMS = (
    *("targets", "sixteen", "eight", "repair", "criteria"),
    *("share", "metadata", "generation", "speed", "dynamic", "memory", "depth"),
)


CLICK_WHEN_SHOWN = """(selector) => new MutationObserver((_, observer) => {
    const button = document.querySelector(selector);
    if (button && button.offsetParent) { observer.disconnect(); button.click(); }
}).observe(document.body, { subtree: true, childList: true, attributes: true })"""


def be_at_claims(page: Page, app: App) -> None:
    be_at(page, app.address("tab=claims"), "#claim-main-targets")


def choose_tiny(page: Page, app: App) -> None:
    page.locator("#claims-model input").click()
    page.get_by_role("option", name=re.compile("tiny")).click()
    expect(page.locator("#claim-run-dynamic")).to_contain_text("tiny")


def test_every_claim_is_answered_from_what_ships_in_both_themes(kept: Page, app: App) -> None:
    page = kept
    be_at_claims(page, app)
    every_claim_has_a_verdict_a_rule_and_numbers(page)
    a_question_leads_to_its_answer(page)
    any_pattern_has_its_metadata(page)
    what_ships_answers_at_once(page)
    the_theme_inks_the_figures(page)


def every_claim_has_a_verdict_a_rule_and_numbers(page: Page) -> None:
    expect(page.locator(".claims-overview li")).to_have_count(len(CLAIMS))
    for name in CLAIMS:
        claim = page.locator(f"#claim-{name}")
        expect(claim.locator(".verdict").first).to_have_text(re.compile("hold|decidable"))
        expect(claim.get_by_text("The rule behind the verdict").first).to_be_visible()
    numbers = page.locator("#claim-criteria .claim-numbers").first
    numbers.locator("summary").first.click()
    expect(numbers).to_contain_text("Table 10, Llama3.1-8B, 2:4, CLACT")
    expect(numbers).to_contain_text("What the audit says of them")
    expect(page.locator("#claim-targets")).to_contain_text("in 14 of 20 comparisons")


def a_question_leads_to_its_answer(page: Page) -> None:
    before = page.url
    page.locator(".claims-overview a").nth(8).click()
    expect(page.locator("#claim-speed h2")).to_be_in_viewport()
    assert page.url.partition("#")[0] == before  # the address of the view is left alone


def any_pattern_has_its_metadata(page: Page) -> None:
    typed = page.locator("#claim-pattern input, #claim-pattern textarea").first
    typed.fill("3:7")
    typed.press("Enter")
    expect(page.locator("#claim-bits")).to_contain_text("3:7 has 35 patterns a group")
    typed.fill("<i>")
    typed.press("Enter")
    expect(page.locator("#claim-bits")).to_contain_text("write N:M")


def what_ships_answers_at_once(page: Page) -> None:
    appears(page.locator("#claim-live-eight .main-svg").first)
    page.locator("#claim-run-eight").click()
    expect(page.locator("#claim-bar-eight")).to_contain_text("From the store")


def the_theme_inks_the_figures(page: Page) -> None:
    label = page.locator("#claim-main-targets .xtick text").first
    for ink in (LIGHT_TEXT, DARK_TEXT):
        expect(label).to_have_css("fill", ink)
        page.locator("#theme").click()
    expect(label).to_have_css("fill", LIGHT_TEXT)


def test_the_masks_are_compared_live(kept: Page, app: App) -> None:
    page = kept
    be_at_claims(page, app)
    choose_tiny(page, app)
    expect(page.locator("#claim-dynamic .verdict")).to_contain_text("not decidable here")
    page.locator("#claim-run-dynamic").click()
    expect(page.locator("#claim-dynamic .verdict")).to_contain_text("hold")
    appears(page.locator("#claim-main-dynamic .main-svg").first)
    appears(page.locator("#claim-run-dynamic"))
    expect(page.locator(".claims-overview li").nth(9)).to_contain_text("hold")
    page.reload()
    show(page, "Claims")
    choose_tiny(page, app)
    expect(page.locator("#claim-dynamic .verdict")).to_contain_text("hold")


@pytest.mark.real  # the text is fetched on first use
def test_a_live_half_can_be_cancelled(kept: Page, app: App) -> None:
    page = kept
    be_at_claims(page, app)
    choose_tiny(page, app)
    page.evaluate(CLICK_WHEN_SHOWN, "#claim-cancel-targets")  # a tiny model may be done in seconds
    page.locator("#claim-run-targets").click()
    expect(page.locator("#claim-bar-targets")).to_contain_text("Cancelled", timeout=180_000)
    appears(page.locator("#claim-run-targets"))
    expect(page.locator("#claim-cancel-targets")).to_be_hidden()
