"""The tab Trade-offs: a point of the frontier opens its experiment, however often it is redrawn."""

import pytest
from playwright.sync_api import Page, expect
from visitor import App, be_at, show

pytestmark = pytest.mark.browser

PLOT = "#tradeoffs-plot .js-plotly-plot"

BETWEEN_HOVERS = 100
"""Milliseconds: Plotly looks what lies under the mouse every 50 at most, and hears a click on what
it saw last. Nobody presses sooner after coming to a point, but a script does."""

PLACE = """(plot, query) => {
    const layers = [...plot.querySelectorAll(".scatterlayer .trace")];
    const drawn = plot._fullData.flatMap((trace, number) => {
        const marks = layers[number].querySelectorAll(".points path");
        return (trace.customdata || []).map((opens, at) => {
            const box = marks[at].getBoundingClientRect();
            return { opens, x: box.x + box.width / 2, y: box.y + box.height / 2 };
        });
    });
    const others = drawn.filter((one) => one.opens !== query);
    const room = (one) => Math.min(...others.map((o) => Math.hypot(o.x - one.x, o.y - one.y)));
    const own = drawn.filter((one) => one.opens === query).sort((a, b) => room(b) - room(a));
    return [own[0].x, own[0].y];
}"""
"""Where a point is drawn that opens this address, in pixels of the window: of several the one that
is farthest from any other."""


def click_point(page: Page, query: str) -> None:
    """As a visitor does: the mouse goes there and presses its button."""
    page.wait_for_load_state("networkidle")  # no other figure takes its place meanwhile
    plot = page.locator(PLOT)
    plot.evaluate("(one) => one.scrollIntoView({ block: 'center' })")  # waits for no second look
    x, y = plot.evaluate(PLACE, query)
    page.mouse.move(x - 40, y)
    page.wait_for_timeout(BETWEEN_HOVERS)
    page.mouse.move(x, y)
    expect(plot.locator(".hoverlayer .hovertext")).to_be_visible()
    page.mouse.click(x, y)


def choose(page: Page, menu: str, words: str, axis: str) -> None:
    """An entry of a menu of the frontier; waits until the figure's axis of cost says so."""
    page.locator(f"#tradeoffs-{menu} input").click()
    page.get_by_role("option", name=words).first.click()
    page.keyboard.press("Escape")
    expect(page.locator(PLOT)).to_contain_text(axis)


def explore_has(page: Page, pattern: str) -> None:
    """Explore stands open with that experiment of Llama 3.1 8B."""
    page.wait_for_url(lambda url: "model=llama3.1-8b" in url and "tab=" not in url)
    expect(page.get_by_role("tab", name="Explore")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_label("or type one:")).to_have_value(pattern)
    expect(page.get_by_text("Llama 3.1 8B is too large to prune here").first).to_be_visible()


def test_a_click_on_a_point_opens_its_experiment_in_explore(kept: Page, app: App) -> None:
    page = kept
    be_at(page, app.address("tab=claims"), "#claim-main-targets")  # the tab that others have left
    show(page, "Trade-offs")
    expect(page.locator(PLOT)).to_contain_text("bytes moved to decode a token")
    click_point(page, "model=llama3.1-8b&pattern=2:4")
    explore_has(page, "2:4")
    show(page, "Trade-offs")
    expect(page.locator(PLOT)).to_contain_text("bytes moved to decode a token")
    choose(page, "cost", "multiply-adds of a prompt", "multiply-adds of a prompt")
    choose(page, "criteria", "magnitude", "multiply-adds of a prompt")
    click_point(page, "model=llama3.1-8b&pattern=16:32")
    explore_has(page, "16:32")
