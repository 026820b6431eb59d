"""States that are easily overlooked: the dark theme of single figures, settings that moved."""

import re

import pytest
from playwright.sync_api import Page, expect
from visitor import App, back_at, be_at, open_page, show

pytestmark = pytest.mark.browser

LIGHT_TEXT = "rgb(229, 231, 235)"


def test_cells_and_the_text_on_them_differ_on_a_dark_page(page: Page, app: App) -> None:
    """Both are inked again, or neither: light bars under light text cannot be read."""
    open_page(page, app.address("__theme=dark&rows=4&columns=8"))
    kept = page.locator("#weight-mask .heatmaplayer text[style*='rgb(255, 255, 255)']").first
    expect(kept).to_have_css("fill", "rgb(255, 255, 255)")  # turned to black with its cell
    page.get_by_role("tab", name="Published").click()
    page.locator("#published-kind label", has_text="models x methods").click()
    expect(page.locator("#published-plot .barlayer .point").first).to_be_attached()
    expect(page.locator("#published-plot .textpoint text").first).to_have_css("fill", LIGHT_TEXT)
    turned = "invert(1) hue-rotate(180deg)"
    expect(page.locator("#published-plot .barlayer").first).to_have_css("filter", turned)


def contrast(page: Page, selector: str) -> float:
    """Between the colour of an element's text and white."""
    colour = page.locator(selector).first.evaluate("one => getComputedStyle(one).color")
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    light = sum(a * b for a, b in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return 1.05 / (light + 0.05)


def test_headings_can_be_read(kept: Page, app: App) -> None:
    page = kept
    be_at(page, app.address())
    for selector in (
        "#cards .card.weight h2",
        "#cards .card.activation h2",
        "#pane-weight-mask h3",
    ):
        assert contrast(page, selector) >= 4.5, selector


def test_the_link_button_finds_its_words_again(kept: Page, app: App) -> None:
    page = kept
    be_at(page, app.address())
    button = page.locator("#copy-link")
    button.click()
    expect(button).to_have_text("Link copied")
    button.click()
    expect(button).to_have_text("Copy link")


def test_a_tab_without_settings_offers_none_on_a_small_screen(kept: Page, app: App) -> None:
    page = kept
    be_at(page, app.address())
    page.set_viewport_size({"width": 600, "height": 800})
    for tab, there in (("Claims", False), ("Published", True), ("Methods", False)):
        page.get_by_role("tab", name=tab).click()
        expect(page.locator("#drawer")).to_be_visible(visible=there)
    show(page, "Explore")
    back_at(page, app.address())
