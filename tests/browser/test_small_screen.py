"""A screen of 390 pixels: one column, a drawer, nothing that scrolls sideways, in both themes."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from visitor import DARK_TEXT, LIGHT_TEXT, App, nothing_scrolls_sideways, open_page, run

pytestmark = pytest.mark.browser


def test_every_tab_fits_a_small_screen_in_both_themes(page: Page, app: App) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    open_page(page, app.address("__theme=light&pattern=3:4"))  # which nobody has run
    the_answer_is_in_sight_of_run(page)
    it_fits_in_both_themes(page, "#weight-mask .xtick text")
    expect(page.locator("#weight-mask .modebar-container")).to_be_hidden()
    the_drawer_opens(page, page.get_by_label("Model", exact=True))
    the_cards_stand_in_one_column(page)
    page.get_by_role("tab", name="Published").click()
    it_fits_in_both_themes(page, "#published-plot .ytick text")
    the_drawer_opens(page, page.locator("#published-kind"))
    page.get_by_role("tab", name="Claims").click()
    it_fits_in_both_themes(page, "#claim-main-targets .xtick text")
    the_contents_stay_in_sight(page, "Depth", "#claim-depth h2")
    page.get_by_role("tab", name="Trade-offs").click()
    it_fits_in_both_themes(page, "#tradeoffs-plot .xtick text")
    expect(page.get_by_role("tab")).to_have_count(6)
    page.get_by_role("tab", name="Methods").click()
    the_contents_stay_in_sight(page, "Quantities", "#methods-quantities")


def the_answer_is_in_sight_of_run(page: Page) -> None:
    page.locator("#drawer").click()
    run(page)
    expect(page.locator("#drawer")).to_have_attribute("aria-expanded", "false")
    expect(page.locator("#run")).to_be_in_viewport()
    expect(page.locator("#status .headline")).to_be_in_viewport(ratio=1)
    expect(page.locator("#said")).to_contain_text(re.compile("At 3:4, pruning|texts are written"))


def the_contents_stay_in_sight(page: Page, part: str, place: str) -> None:
    """At little cost: one line, however many parts there are."""
    page.evaluate("scrollTo(0, 0)")
    link = page.locator(".contents:visible").get_by_role("link", name=part)
    link.click()
    expect(page.locator(place)).to_be_in_viewport()
    expect(link).to_be_in_viewport()
    expect(link).to_have_attribute("aria-current", "true")
    box = page.locator(".contents:visible").bounding_box()
    assert box is not None and box["y"] < 2 and box["height"] < 48


def it_fits_in_both_themes(page: Page, label: str) -> None:
    for ink in (LIGHT_TEXT, DARK_TEXT):
        expect(page.locator(label).first).to_have_css("fill", ink)
        nothing_scrolls_sideways(page)
        page.locator("#theme").click()


def the_drawer_opens(page: Page, setting: Locator) -> None:
    expect(setting).to_be_hidden()
    page.locator("#drawer").click()
    expect(setting).to_be_visible()
    expect(page.locator("#drawer")).to_have_attribute("aria-expanded", "true")
    page.locator("#drawer").click()
    expect(setting).to_be_hidden()


def the_cards_stand_in_one_column(page: Page) -> None:
    cards = page.locator("#cards .card")
    lefts = {round(one.bounding_box()["x"]) for one in cards.all()}  # type: ignore[index]
    assert len(lefts) == 1
