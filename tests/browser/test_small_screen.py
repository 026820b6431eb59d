"""A screen of 390 pixels: one column, a drawer, nothing that scrolls sideways, in both themes."""

import pytest
from playwright.sync_api import Locator, Page, expect
from visitor import DARK_TEXT, LIGHT_TEXT, App, nothing_scrolls_sideways, open_page, run

pytestmark = pytest.mark.browser


def test_every_tab_fits_a_small_screen_in_both_themes(page: Page, app: App) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    open_page(page, app.address("__theme=light"))
    run(page)
    it_fits_in_both_themes(page, "#weight-mask .xtick text")
    the_drawer_opens(page, page.get_by_label("Model"))
    the_cards_stand_in_one_column(page)
    page.get_by_role("tab", name="Published").click()
    it_fits_in_both_themes(page, "#published-plot .ytick text")
    the_drawer_opens(page, page.locator("#published-kind"))
    page.get_by_role("tab", name="Claims").click()
    it_fits_in_both_themes(page, "#claim-main-targets .xtick text")
    page.get_by_role("tab", name="Trade-offs").click()
    it_fits_in_both_themes(page, "#tradeoffs-plot .xtick text")
    expect(page.get_by_role("tab")).to_have_count(6)


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
