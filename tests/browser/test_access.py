"""Without a mouse, and without sight: the keyboard, what is read out, names, headings, axe."""

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from visitor import App, appears, back_at, be_at, show

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
TABS = {
    "Explore": "#methods-plot",
    "Published": "#published-plot",
    "Claims": "#claim-main-targets",
    "Trade-offs": "#tradeoffs-plot",
    "Methods": "",
}
"""Every tab, and its figure that comes last."""

SETTLED = """await Promise.allSettled(document.getAnimations()
    .filter((one) => one instanceof CSSTransition).map((one) => one.finished));"""
"""Colours and outlines have come to where they go."""

BROKEN = """async ({ rules, within }) => {
    document.querySelectorAll("details").forEach((one) => { one.open = true; });
    SETTLED
    const found = await axe.run(within || document, rules ? { runOnly: rules } : {});
    return found.violations.flatMap(({ id, nodes }) => nodes.map((one) => `${id}: ${one.html}`));
}""".replace("SETTLED", SETTLED)
"""What axe finds; nothing of it is Gradio's own doing, so that no rule and no part is left out."""

SKIPPED = """() => {
    const levels = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")]
        .filter((one) => one.checkVisibility()).map((one) => Number(one.tagName[1]));
    const jumps = levels.filter((level, place) => level > (levels[place - 1] ?? 0) + 1);
    return [levels.filter((level) => level === 1).length, jumps.length];
}"""
"""How many headings are the first of all, and how many leave a level out."""

UNNAMED = """() => [...document.querySelectorAll(".js-plotly-plot")]
    .filter((one) => one.checkVisibility()).filter((one) => {
        const drawing = one.querySelector(".main-svg");
        const title = one.layout.meta?.title;
        return drawing.getAttribute("role") !== "img" || !drawing.getAttribute("aria-label")
            || (title && drawing.getAttribute("aria-label") !== title);
    }).length"""
"""Figures whose name is not the sentence that they show."""

STOP = """async () => {
    SETTLED
    const now = document.activeElement;
    const marked = (one) => {
        const { outlineStyle, outlineWidth } = getComputedStyle(one);
        return outlineStyle !== "none" && parseFloat(outlineWidth) > 0;
    };
    const around = [now, now.closest("label"), now.closest(".wrap")].filter(Boolean);
    const again = Boolean(now.dataset.walked);
    now.dataset.walked = "yes";
    return {
        seen: around.some(marked), again, body: now === document.body, id: now.id,
        part: now.closest("header, footer")?.localName || "",
        said: now.outerHTML.slice(0, 120), ahead: now.tabIndex > 0,
    };
}""".replace("SETTLED", SETTLED)

BUSY = """() => {
    document.exitFullscreen = () => {
        delete document.exitFullscreen;
        return Promise.reject(new Error());
    };
}"""
"""The next time the screen is to be given back, it is not."""


@pytest.fixture(scope="session")
def axe() -> Path:
    """The script that knows the rules; it comes by npm."""
    if not AXE.is_file() and os.environ.get("NMVIZ_REQUIRE_BROWSER") == "1":
        pytest.fail("NMVIZ_REQUIRE_BROWSER=1, but axe-core is not installed: run make setup")
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: make setup does it where there is npm")
    return AXE


def test_axe_finds_nothing_on_any_tab_in_either_theme(kept: Page, app: App, axe: Path) -> None:
    page = kept
    be_at(page, app.address())
    page.add_script_tag(path=axe)
    for tab, last in TABS.items():
        show(page, tab)
        if last:
            appears(page.locator(f"{last} .main-svg").first)
        assert broken(page) == [], tab
        assert page.evaluate(SKIPPED) == [1, 0], tab
        assert page.evaluate(UNNAMED) == 0, tab
        page.locator("#theme").click()  # the dark one has other colours and nothing else
        assert broken(page, rules=["color-contrast"]) == [], f"{tab}, dark"
        page.locator("#theme").click()
    the_open_tray_is_whole(page)
    show(page, "Explore")
    the_dialog_that_shares_is_whole(page)
    back_at(page, app.address())


def broken(page: Page, rules: list[str] | None = None, within: str | None = None) -> list[str]:
    """What axe finds by all rules or some, on all of the page or in a part of it."""
    found: list[str] = page.evaluate(BROKEN, {"rules": rules, "within": within})
    return found


def the_open_tray_is_whole(page: Page) -> None:
    """axe finds nothing in it, whatever is compared, and it is left empty."""
    show(page, "Published")
    pins = page.locator("#published-table .pin:visible")
    for place in (0, 1):
        pins.nth(place).click()
    tray = page.locator("#tray")
    expect(tray.locator(".tray-open")).to_contain_text("2 of 6")
    tray.locator(".tray-open").click()
    for part in ("Numbers", "Masks"):
        tray.get_by_role("button", name=part, exact=True).click()
        expect(tray.locator(f'[data-part="{part.lower()}"][aria-pressed="true"]')).to_be_visible()
        assert broken(page, within="#tray") == [], part
    tray.locator(".tray-clear").click()
    expect(tray).to_contain_text("nothing is pinned")


def the_dialog_that_shares_is_whole(page: Page) -> None:
    """It has the focus, is left by Escape, and axe finds nothing."""
    page.locator("#share").click()
    expect(page.locator("#share-box")).to_contain_text("@software{")
    assert page.evaluate("document.querySelector('#share-box').contains(document.activeElement)")
    assert broken(page) == [], "Share"
    page.keyboard.press("Escape")
    expect(page.locator("#share-box")).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "share"


def test_the_keyboard_goes_everywhere_and_is_seen_there(kept: Page, app: App) -> None:
    page = kept
    be_at(page, app.address())
    the_first_stop_skips_to_the_results(page)
    every_stop_is_seen_and_none_is_a_trap(page)
    arrows_choose_among_chips(page)
    back_at(page, app.address())


def the_first_stop_skips_to_the_results(page: Page) -> None:
    assert page.evaluate("document.body.firstElementChild.id") == "skip"
    before = page.url
    page.locator("#skip").focus()
    expect(page.locator("#skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#results")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#results') !== null")
    assert page.url == before


def every_stop_is_seen_and_none_is_a_trap(page: Page) -> None:
    page.locator("#skip").focus()
    parts: list[str] = []
    for _ in range(200):
        stop = page.evaluate(STOP)
        if stop["again"] or stop["body"]:
            break
        assert stop["seen"] and not stop["ahead"], stop["said"]
        parts.append(stop["part"])
        page.keyboard.press("Tab")
    assert parts[-1] == "footer", "the walk ended before the page did"
    assert parts.index("header") < parts.index("footer")
    page.evaluate(
        "document.querySelectorAll('[data-walked]').forEach((one) => delete one.dataset.walked)"
    )


def arrows_choose_among_chips(page: Page) -> None:
    chips = page.locator("#controls .chips").first
    chips.get_by_role("radio", name="8:16").focus()
    page.keyboard.press("ArrowLeft")
    expect(chips.get_by_role("radio", name="4:8")).to_be_focused()
    page.wait_for_url(lambda url: "pattern=4%3A8" in url or "pattern=4:8" in url)
    page.keyboard.press("ArrowRight")
    expect(chips.get_by_role("radio", name="8:16")).to_be_focused()


def test_a_layer_is_chosen_on_the_map_and_said(kept: Page, app: App) -> None:
    page = kept
    be_at(page, app.address())
    cells = page.locator("#layers-body table").first
    chosen = cells.locator('[aria-selected="true"]')
    expect(chosen).to_have_attribute("data-place", "1,down")
    chosen.focus()
    page.keyboard.press("ArrowRight")
    expect(cells.locator('[data-place="2,down"]')).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#layer-head")).to_contain_text("Block 2, down")
    expect(chosen).to_have_attribute("data-place", "2,down")
    expect(chosen).to_be_focused()  # the answer takes nobody away
    expect(page.locator("#said")).to_contain_text("Block 2, down")
    cells.locator('[data-place="1,down"]').click()
    expect(page.locator("#layer-head")).to_contain_text("Block 1, down")
    back_at(page, app.address())


def test_a_figure_takes_the_whole_screen_and_gives_it_back(kept: Page, app: App) -> None:
    page = kept
    be_at(page, app.address())
    figure = page.locator("#methods-plot")
    small = size(figure)
    figure.locator(".whole-screen").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.fullscreenElement?.id === 'methods-plot'")
    it_has_the_room_until_escape(page, figure, small)
    # A busy browser gives the screen back later than it is asked to.
    figure.locator(".whole-screen").click()
    page.wait_for_function("document.fullscreenElement?.id === 'methods-plot'")
    page.evaluate(BUSY)
    it_has_the_room_until_escape(page, figure, small)
    page.wait_for_function("document.fullscreenElement === null")
    # Where the browser gives no screen, the window.
    figure.evaluate("(one) => { one.requestFullscreen = () => Promise.reject(new Error()); }")
    figure.locator(".whole-screen").click()
    expect(figure).to_have_attribute("popover", "manual")
    it_has_the_room_until_escape(page, figure, small)
    figure.evaluate("(one) => { delete one.requestFullscreen; }")


def it_has_the_room_until_escape(page: Page, figure: Locator, small: dict[str, Any]) -> None:
    button = figure.locator(".whole-screen")
    expect(button).to_have_text("Leave full screen")
    page.wait_for_function(
        "(wide) => document.querySelector('.whole .main-svg').clientWidth > wide",
        arg=small["width"],
    )
    assert size(figure)["height"] >= small["height"]
    page.keyboard.press("Escape")
    expect(page.locator(".whole")).to_have_count(0)
    expect(button).to_be_focused()
    expect(button).to_have_text("Full screen")
    page.wait_for_function(
        """({ width, height }) => {
            const plot = document.querySelector("#methods-plot .main-svg");
            return plot.clientWidth === width && plot.clientHeight === height;
        }""",
        arg=small,
    )


def size(figure: Locator) -> dict[str, Any]:
    found: dict[str, Any] = figure.locator(".main-svg").first.evaluate(
        "({ clientWidth: width, clientHeight: height }) => ({ width, height })"
    )
    return found
