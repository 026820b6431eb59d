"""States that are easily overlooked: the dark theme of single figures, settings that moved."""

import pytest
from playwright.sync_api import Page, expect
from visitor import App, open_page

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
