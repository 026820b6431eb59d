"""What lies where: Run in the window, nothing painted over its bar, room used, the table alone."""

import pytest
from playwright.sync_api import Page, expect
from visitor import App, appears, back_at, be_at, show

pytestmark = pytest.mark.browser

ON_TOP = """(selector) => {
    const bar = document.querySelector(selector).getBoundingClientRect();
    const inside = [];
    for (let x = bar.left + 2; x < bar.right - 2; x += 6) {
        for (let y = bar.top + 2; y < bar.bottom - 2; y += 6) {
            inside.push(document.elementFromPoint(x, y));
        }
    }
    return inside.every((one) => one && one.closest(selector));
}"""
"""Whether every point of a box belongs to it: nothing else is painted there."""


def test_run_is_in_the_window_and_nothing_is_painted_over_it(kept: Page, app: App) -> None:
    page = kept
    be_at(page, app.address())
    for width, height in ((1440, 900), (1280, 720), (1024, 768)):
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("scrollTo(0, 0)")
        run_is_there(page)


def run_is_there(page: Page) -> None:
    """With the prompt and what writes the texts, wherever the column is scrolled to."""
    begun = [page.locator(name) for name in ("#run", "#prompt textarea", "#write")]
    for one in begun:
        expect(one).to_be_in_viewport(ratio=1)
    for down in (0, 60, 120, 180):
        page.evaluate("(down) => { document.querySelector('#controls').scrollTop = down; }", down)
        for one in begun:
            expect(one).to_be_in_viewport(ratio=1)
        assert page.evaluate(ON_TOP, "#run-bar"), down
    page.evaluate("scrollTo(0, 600)")
    page.wait_for_function(
        "document.querySelector('#controls').getBoundingClientRect().bottom <= innerHeight + 1"
    )
    expect(page.locator("#run")).to_be_in_viewport(ratio=1)


def test_claims_use_the_whole_width(kept: Page, app: App) -> None:
    page = kept
    be_at(page, app.address())
    page.set_viewport_size({"width": 1440, "height": 900})
    show(page, "Claims")
    appears(page.locator("#claim-main-targets .main-svg").first)
    widths = page.evaluate(
        "['#claims', '#header'].map((one) => document.querySelector(one).clientWidth)"
    )
    assert widths[0] >= widths[1] - 4
    show(page, "Methods")
    assert "`" not in page.locator(".methods").inner_text()
    expect(page.locator(".methods").first).to_contain_text("at least (entropy)")
    expect(page.locator(".methods").first).to_contain_text("whole bits a group")
    show(page, "Explore")
    back_at(page, app.address())


def test_the_table_on_the_whole_screen_is_alone(kept: Page, app: App) -> None:
    page = kept
    be_at(page, app.address())
    show(page, "Published")
    appears(page.locator("#published-plot .main-svg").first)
    button = page.locator("#published-table button[aria-label*='ullscreen']").first
    button.click()
    page.wait_for_function(
        """() => {
            const table = document.querySelector("#published-table");
            const solid = !getComputedStyle(table).backgroundColor.endsWith(", 0)");
            const corners = [[3, 3], [innerWidth - 4, 3], [3, innerHeight - 4], [300, 30]];
            const there = corners.map(([x, y]) => document.elementFromPoint(x, y));
            return solid && there.every((one) => table.contains(one));
        }"""
    )
    button.click()
    show(page, "Explore")
    back_at(page, app.address())
