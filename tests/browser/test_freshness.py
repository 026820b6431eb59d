"""No panel is taken for one of other settings: each of them through all of its states."""

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from visitor import App, Visit, appears, card, open_page, run

pytestmark = pytest.mark.browser
ROOTS = {
    "figures": "#figures",
    "layer": "#layer",
    "methods": "#methods-here",
    "each": "#each",
    "texts": "#texts",
}
REFUSED = '{"detail": "Queue is full."}'


def line(page: Page, panel: str) -> Locator:
    """What a panel says of its being of other settings; hidden where it is not."""
    return page.locator(f"{ROOTS[panel]} > .freshness")


def is_of_other_settings(page: Page, panel: str, words: str) -> None:
    expect(line(page, panel)).to_contain_text(words)
    expect(page.locator(ROOTS[panel])).to_have_class(re.compile("of-other"))


def is_of_these_settings(page: Page, panel: str) -> None:
    expect(line(page, panel)).to_be_hidden()
    expect(page.locator(f"{ROOTS[panel]}.of-other")).to_have_count(0)


def choose(page: Page, pattern: str) -> None:
    page.locator(".chips label", has_text=pattern).first.click()


def type_into(page: Page, label: str, value: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(value)
    field.press("Enter")


def measure_all(page: Page) -> None:
    run(page)
    page.locator("#measure-each").click()
    appears(page.locator("#each-plot .main-svg").first)
    expect(page.locator("#measure-each")).to_be_hidden()


def test_every_panel_is_right_dimmed_wrong_and_right_again(page: Page, app: App) -> None:
    open_page(page, app.address("seed=61"))
    measure_all(page)
    for panel in ROOTS:
        is_of_these_settings(page, panel)
    choose(page, "2:4")  # not run: the layer follows, the rest stays and says of what it is
    expect(page.locator("#layer-head")).to_contain_text("2:4, magnitude")
    for panel in ("figures", "texts"):
        is_of_other_settings(page, panel, "8:16, magnitude")
    for panel in ("layer", "methods"):
        is_of_these_settings(page, panel)
    assert "8:16" in card(page, "weight")
    type_into(page, "Tokens to write", "0")  # wrong: only the texts need it
    why = page.locator(".field-new-tokens .wrong-why")
    expect(why).to_contain_text("is at least 1; given: 0")
    is_of_other_settings(page, "texts", "A setting that it needs is wrong")
    choose(page, "16:32")
    expect(page.locator("#layer-head")).to_contain_text("16:32, magnitude")
    is_of_these_settings(page, "layer")
    type_into(page, "Tokens to write", "12")
    expect(why).to_be_hidden()
    choose(page, "8:16")  # back: everything is what it was made for
    for panel in ROOTS:
        is_of_these_settings(page, panel)
    settings_that_move_during_a_run_dim_its_numbers(page)


def settings_that_move_during_a_run_dim_its_numbers(page: Page) -> None:
    choose(page, "2:4")
    expect(page.locator("#layer-head")).to_contain_text("2:4, magnitude")
    page.locator("#run").click()
    expect(page.locator("#run")).to_be_hidden()
    choose(page, "16:32")
    appears(page.locator("#run"))
    is_of_other_settings(page, "figures", "2:4, magnitude")
    assert "2:4" in card(page, "weight")


def test_a_layer_that_was_refused_says_so_and_asks_again(visit: Visit, app: App) -> None:
    page = visit.page
    open_page(page, app.address("seed=63"))
    refused: list[str] = []
    of_layer = page.evaluate(
        """() => window.gradio_config.dependencies
            .filter((one) => String(one.js).includes("'layer'")).map((one) => one.id)"""
    )

    def refuse(route: Route) -> None:
        if len(refused) < 2 and route.request.post_data_json["fn_index"] in of_layer:
            refused.append(route.request.url)
            route.fulfill(status=503, content_type="application/json", body=REFUSED)
        else:
            route.continue_()

    page.route("**/run/predict*", refuse)
    choose(page, "4:8")
    is_of_other_settings(page, "layer", "8:16, magnitude")
    expect(page.locator("#layer-head")).to_contain_text("4:8, magnitude")
    is_of_these_settings(page, "layer")
    assert refused
    said = [fault for fault in visit.faults if "503" in fault]  # the browser's own word of it
    assert len(said) == len(refused)
    for fault in said:
        visit.faults.remove(fault)


LATE = {
    "Trade-offs": [
        ("#tradeoffs-faster", "#tradeoffs-tokens input", "512", "NVIDIA H100"),
        ("#tradeoffs-pattern-of", "#tradeoffs-n input[type=number]", "4", "8:16"),
    ],
    "Claims": [("#claims", "#claims-model input", "Gemma 3 270M", "SmolLM2 135M")],
}
"""By tab: a panel, one of its controls, what it is set to, and what the panel was made for."""


def test_panels_of_other_tabs_are_dimmed_while_their_answer_is_late(page: Page, app: App) -> None:
    open_page(page, app.address("seed=65&claims.model=smollm2-135m"))
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    for tab, panels in LATE.items():
        page.get_by_role("tab", name=tab).click()
        for place, control, value, made_for in panels:
            panel = page.locator(place)
            appears(panel.locator(".js-plotly-plot .main-svg").first)
            expect(panel.locator(".made")).to_be_attached()
            page.route("**/run/predict*", hold)
            if tab == "Claims":  # a menu that takes no words
                page.locator(control).click()
                page.get_by_role("option", name=value).click()
            else:
                page.locator(control).fill(value)
                page.locator(control).press("Enter")
            expect(panel.locator("> .freshness")).to_contain_text(made_for)
            expect(panel).to_have_class(re.compile("of-other"))
            while held:
                held.pop().continue_()
            page.unroute("**/run/predict*")
            expect(panel).not_to_have_class(re.compile("of-other"))
