"""The tray in a browser: pins on every tab, two and six, its link, the keyboard, small screens."""

import re
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from visitor import PATIENCE, App, Visit, appears, nothing_scrolls_sideways, open_page, show

from nmviz.core.comparing.pins import pin_of
from nmviz.core.results import Result
from nmviz.store import open_store
from nmviz.views.shared.numbers import with_error

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def runs(shipped: Path) -> list[Result]:
    """Six runs that ship, of one model and text, with their pieces: magnitude on activations at 2:4
    first, then with `var`."""
    with open_store(shipped) as store:
        found = store.find(model="smollm2-135m", corpus="wikitext-2", pattern="2:4", source="nmviz")
    known = {
        (one.experiment.target, one.experiment.rule, one.experiment.mitigations): one
        for one in found
        if one.experiment.projections is None  # of the whole model
    }
    wanted = (
        *(("activation", "magnitude", ()), ("activation", "magnitude", ("var",))),
        *(("activation", "clact", ()), ("activation", "amber", ())),
        *(("weight", "sparsegpt", ()), ("weight", "wanda", ())),
    )
    return [known[one] for one in wanted]


def names(runs: list[Result]) -> str:
    return ".".join(map(pin_of, runs))


def told(page: Page) -> dict[str, list[str]]:
    """What the address says of the tray."""
    query = parse_qs(urlsplit(page.url).query)
    return {name: value for name, value in query.items() if name.startswith("tray")}


def test_two_are_pinned_compared_and_found_again_by_their_link(
    page: Page, app: App, runs: list[Result], browser: Browser
) -> None:
    a, b = runs[:2]
    tray = page.locator("#tray")
    page.goto(f"{app.url}/?tab=methods&tray={names([a, b])}&tray_part=numbers&utm_source=x")
    apart = [one - other for one, other in zip(a.unit_costs, b.unit_costs, strict=True)]
    number = with_error(mean(apart), stdev(apart) / sqrt(len(apart)))
    expect(tray.locator(".headline")).to_have_text(
        f"A costs {number} nats a token more than B (in pairs): a real difference."
    )
    expect(tray.locator("table").last).to_contain_text("var")
    assert told(page) == {"tray": [names([a, b])], "tray_part": ["numbers"]}
    layers_are_those_of_both(page, a, b)
    another_visitor_has_a_tray_of_their_own(browser, page)


def layers_are_those_of_both(page: Page, a: Result, b: Result) -> None:
    page.get_by_role("button", name="Error by layer").click()
    appears(page.locator("#tray-plot .main-svg").first)
    ours, theirs = (
        {(one.block, one.projection): one.rel_error for one in of.layers} for of in (a, b)
    )
    more = sum(ours[place] > theirs[place] for place in ours)
    expect(page.locator("#tray .headline")).to_contain_text(
        f"A errs more in {more} of {len(ours)} layers"
    )
    drawn = page.evaluate(
        "document.querySelector('#tray-plot .js-plotly-plot').data"
        ".filter((one) => one.yaxis === 'y2' && one.customdata).map((one) => [...one.y])"
    )
    assert drawn[0] == pytest.approx([ours[place] - theirs[place] for place in ours])


def another_visitor_has_a_tray_of_their_own(browser: Browser, page: Page) -> None:
    """They open the address as it stands, and empty what they find."""
    context = browser.new_context()
    other = context.new_page()
    other.goto(page.url)
    found = other.locator("#tray .headline")
    expect(found).to_contain_text("A errs more in", timeout=1000 * PATIENCE)
    other.locator("#tray .tray-clear").click()
    expect(other.locator("#tray")).to_contain_text("nothing is pinned")
    assert told(other) == {} and told(page)["tray_part"] == ["layers"]
    expect(page.locator("#tray .tray-open")).to_contain_text("2 of 6")
    context.close()


def test_six_against_a_reference_with_the_keyboard(
    page: Page, app: App, runs: list[Result]
) -> None:
    page.goto(f"{app.url}/?tab=methods&tray={names(runs)}.zz&tray_pair=3-1&tray_part=numbers")
    tray = page.locator("#tray")
    expect(tray.locator(".error")).to_contain_text("'zz' is no name of something pinned")
    expect(tray.locator(".tray-open")).to_contain_text("6 of 6")
    rows = tray.locator("table", has_text="All 6").locator("tbody tr")
    expect(rows).to_have_count(6)
    expect(rows.nth(0).locator(".reference")).to_have_attribute("aria-pressed", "true")
    rows.nth(4).locator(".reference").focus()
    page.keyboard.press("Enter")
    expect(rows.nth(4).locator(".reference")).to_have_attribute("aria-pressed", "true")
    expect(rows.nth(4).locator(".reference")).to_be_focused()  # it stays where it was
    assert told(page)["tray_pair"] == ["3-5"]
    assert told(page)["tray"] == [names(runs)]  # what is no name is gone from the address
    cost = runs[0].get("delta_nll").value - runs[4].get("delta_nll").value
    expect(rows.nth(0)).to_contain_text(re.compile(rf"{cost:+.2f}".replace("+", r"\+")))
    tray.locator('[data-side="a"]').select_option("5")
    page.wait_for_url(lambda url: "tray_pair=6-5" in url)
    tray.get_by_role("button", name="Swap A and B").click()
    page.wait_for_url(lambda url: "tray_pair=5-6" in url)
    tray.locator(".unpin").nth(4).click()
    expect(tray.locator(".tray-open")).to_contain_text("5 of 6")
    page.keyboard.press("Escape")
    expect(tray.locator("#tray-panel")).to_be_hidden()
    assert "tray_part" not in told(page)
    every_tab_pins_and_links_take_the_tray_along(page)
    a_small_screen_holds_it(page)


def every_tab_pins_and_links_take_the_tray_along(page: Page) -> None:
    line = page.locator("#tray .tray-open")
    show(page, "Claims")
    page.locator("#claims .claim-numbers summary").first.click()
    pin = page.locator("#claims .claim-numbers .pin").first
    pin.click()
    expect(line).to_contain_text("6 of 6")
    expect(pin).to_have_attribute("aria-pressed", "true")
    show(page, "Published")
    rows = page.locator("#published-table .pin:visible")
    rows.first.click()
    expect(page.locator("#tray .tray-full")).to_contain_text("holds 6: take one out first")
    page.locator("#tray .unpin").first.click()
    expect(line).to_contain_text("5 of 6")
    rows.first.click()
    expect(line).to_contain_text("6 of 6")
    show(page, "Trade-offs")
    page.locator("#tradeoffs-rows summary").first.click()
    kept = told(page)["tray"]
    page.locator("#tradeoffs-rows tbody a").first.click()
    page.wait_for_url(lambda url: "model=" in url)
    expect(line).to_contain_text("6 of 6")
    assert told(page)["tray"] == kept


def a_small_screen_holds_it(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("#tray .tray-open").click()
    expect(page.locator("#tray-panel")).to_be_visible()
    nothing_scrolls_sideways(page)
    box = page.locator("#tray").bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390
    page.locator("#tray .tray-clear").click()
    expect(page.locator("#tray")).to_contain_text("nothing is pinned")
    assert told(page) == {}


def another_window_and_another_prompt(page: Page) -> None:
    """Kept in the link; past the end of the mask its last window is shown."""
    first_column = page.locator('#tray [data-layer="column"]')
    drawn = "document.querySelector('#tray-looks .js-plotly-plot')._fullData[0].x0"
    assert page.evaluate(drawn) == 0
    first_column.fill("16")
    first_column.press("Enter")
    page.wait_for_function(f"{drawn} === 16")
    assert told(page)["tray_at"] == ["0-down-0-16"]
    expect(first_column).to_have_value("16")
    page.locator("#prompt textarea").fill("Seven ships left the harbour in spring")
    first_column.fill("99999")
    first_column.press("Enter")
    expect(page.locator("#tray-looked")).to_contain_text("Seven ships left the harbour in spring")
    page.wait_for_function(f"{drawn} === 64")
    first_column.fill("0")
    first_column.press("Enter")
    page.wait_for_url(lambda url: "tray_at=0-down" in url and "99999" not in url)


def test_masks_distributions_and_texts_of_the_tiny_model(visit: Visit, app: App) -> None:
    """Runs of the visitor's own: pinned once they are there, and looked into."""
    page = visit.page
    open_page(page, app.address("seed=71"))
    page.locator("#run").click()
    expect(page.locator("#cards .pin")).to_have_count(3, timeout=1000 * PATIENCE)
    tray = page.locator("#tray")
    page.locator("#cards .card.activation .pin").focus()
    page.keyboard.press("Enter")  # with the keyboard alone
    expect(tray.locator(".tray-open")).to_contain_text("1 of 6")
    page.keyboard.press("Space")
    expect(tray).to_contain_text("nothing is pinned")
    assert told(page) == {}
    page.keyboard.press("Space")
    page.locator("#cards .card.dense .pin").click()
    expect(tray.locator(".tray-open")).to_contain_text("2 of 6")
    tray.locator(".tray-open").click()
    expect(tray.locator("table").first).to_contain_text("in pairs")
    tray.get_by_role("button", name="Masks").click()
    appears(page.locator("#tray-looks .main-svg").first)
    expect(page.locator("#tray-looked")).to_contain_text(
        "Of what A keeps in this window B keeps 100%"
    )
    kinds = page.evaluate(
        "[...document.querySelector('#tray-looks .js-plotly-plot')._fullData[0].z]"
        ".flatMap((one) => [...one]).filter((one, place, all) => all.indexOf(one) === place)"
    )
    assert sorted(kinds) == [2, 3]  # the dense model keeps all
    tray.locator('[data-layer="block"]').select_option("0")
    expect(page.locator("#tray-looked")).to_contain_text("Block 0")
    assert told(page)["tray_at"] == ["0-down"]
    another_window_and_another_prompt(page)
    tray.get_by_role("button", name="Distributions").click()
    expect(page.locator("#tray-looked")).to_contain_text("B: All inputs are kept")
    tray.get_by_role("button", name="Texts").click()
    tray.locator(".tray-write").click()
    expect(page.locator("#tray-texts .card")).to_have_count(3)
    expect(page.locator("#tray-texts")).to_contain_text(re.compile("part|the same"))
