"""Methods on the page: menus that grey what does not fit, every method at a layer, calibration."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from visitor import App, appears, choose, open_page

pytestmark = pytest.mark.browser


def open_methods(page: Page, address: str) -> None:
    """Open an address and wait until every method at the layer is drawn."""
    open_page(page, address)
    appears(page.locator("#methods-plot .main-svg").first)


def bold(page: Page, name: str) -> Locator:
    """The name of a method in the figure, where it is marked as chosen."""
    return page.locator("#methods-plot .ytick [style*='bold']").filter(has_text=name)


def select(page: Page, menu: str, option: str) -> None:
    page.locator(f"#{menu} input").first.click()
    page.get_by_role("option", name=option).click()


def test_criteria_are_chosen_and_those_that_do_not_fit_are_greyed(page: Page, app: App) -> None:
    open_methods(page, app.address())
    another_criterion_and_every_method_beside_it(page)
    what_does_not_fit_is_greyed_with_its_reason(page)


def another_criterion_and_every_method_beside_it(page: Page) -> None:
    select(page, "criterion", "WINA")
    page.wait_for_url(re.compile("criterion=wina"))
    expect(bold(page, "WINA")).to_have_count(1)
    assert page.locator("#methods-plot .ytick").count() >= 10
    expect(page.locator("#methods-here")).to_contain_text("at this layer:")
    expect(page.locator(".formulas")).to_contain_text("WINA (activations)")
    page.locator("#methods-table summary").first.click()
    expect(page.get_by_role("columnheader", name="why not")).to_be_visible()


def what_does_not_fit_is_greyed_with_its_reason(page: Page) -> None:
    page.locator("#criterion input").click()
    option = page.get_by_role("option", name="TEAL (only with a share such as 50%)")
    expect(option).to_have_css("opacity", "0.6")
    expect(page.get_by_role("option", name="WINA")).to_have_css("opacity", "1")
    option.click()
    expect(page.locator("#status")).to_contain_text("teal works with a share such as 50% only")
    choose(page, "50%")
    expect(page.locator("#criterion input")).to_have_value("TEAL")
    page.locator("#criterion input").click()
    expect(page.get_by_role("option", name="TEAL")).to_have_css("opacity", "1")


def test_a_typed_setting_and_a_named_subset_are_used(page: Page, app: App) -> None:
    open_methods(page, app.address())
    a_typed_setting_is_used(page)
    a_named_subset_sets_the_projections(page)


def a_typed_setting_is_used(page: Page) -> None:
    menu = page.locator("#mitigations input").first
    menu.fill("r-sparse(rank=8)")
    menu.press("Enter")
    page.wait_for_url(re.compile(r"mitigations=r-sparse%28rank%3D8%29"))
    expect(page.locator(".formulas")).to_contain_text("rank=8")
    expect(bold(page, "R-Sparse")).to_have_count(1)
    page.reload()
    expect(page.locator("#mitigations")).to_contain_text("r-sparse(rank=8)")


def a_named_subset_sets_the_projections(page: Page) -> None:
    page.get_by_role("button", name="Where: which layers").click()
    select(page, "scope", "Key, out, gate, down")
    page.wait_for_url(re.compile("projections=k,o,gate,down"))
    expect(page.get_by_label("up", exact=True)).not_to_be_checked()
    expect(page.locator("#scope-note")).to_contain_text("arXiv 2509.22166")
    page.get_by_label("up", exact=True).click()
    expect(page.locator("#scope-note")).to_contain_text("your own")


@pytest.mark.real  # the calibration text is fetched on first use
def test_calibrating_brings_the_missing_error(page: Page, app: App) -> None:
    open_methods(page, app.address("calibration_windows=2"))
    row = page.locator("#methods-table tr", has_text="Static shift (S-PTS)")
    page.locator("#methods-table summary").first.click()
    expect(row).to_contain_text("press Calibrate")
    select(page, "uncalibrated", "Static shift (S-PTS)")
    page.locator("#calibrate").click()
    appears(page.locator("#calibrate"))
    expect(row).not_to_contain_text("press Calibrate")
    page.locator("#uncalibrated input").click()
    expect(page.get_by_role("option", name="Wanda")).to_be_visible()
    expect(page.get_by_role("option", name="Static shift (S-PTS)")).to_have_count(0)


def test_one_projection_at_a_time_is_measured_found_and_cancelled(page: Page, app: App) -> None:
    open_methods(page, app.address("seed=7").replace("tokens=512", "tokens=128"))
    expect(page.locator("#each-head")).to_contain_text("14 runs")
    page.locator("#measure-each").click()
    expect(page.locator("#run")).to_be_disabled()
    appears(page.locator("#stop-each"))
    expect(page.locator("#measure-each")).to_be_hidden()
    expect(page.locator("#run")).to_be_enabled()
    appears(page.locator("#each-plot .main-svg").first)
    expect(page.locator("#each-bar")).to_be_hidden()
    page.reload()
    appears(page.locator("#each-plot .main-svg").first)
    expect(page.locator("#each-head")).to_contain_text("Pruned")
    blocks_and_layers_are_pruned_alone_too(page)
    a_measuring_can_be_cancelled(page)


def blocks_and_layers_are_pruned_alone_too(page: Page) -> None:
    """With what all costs together, and a map that frames the layer looked at, which a click on it
    chooses."""
    by = page.locator("#each-by")
    by.get_by_label("layers").click()
    expect(page.locator("#each-head")).to_contain_text("one layer")
    for what in ("blocks", "layers"):
        by.get_by_label(what).click()
        expect(page.locator("#measure-each")).to_be_visible()
        page.locator("#measure-each").click()
        expect(page.locator("#run")).to_be_disabled()
        expect(page.locator("#run")).to_be_enabled()
        expect(page.locator("#each-head")).to_contain_text("The sum of these costs")
    page.locator("#each-plot .heatmaplayer").first.wait_for(state="attached")
    cells = page.locator("#each-plot .nsewdrag").first
    box = cells.bounding_box()
    assert box
    the_map_frames_block(page, 1)
    cells.hover(position={"x": box["width"] * 0.9, "y": box["height"] * 0.95})
    cells.click(position={"x": box["width"] * 0.9, "y": box["height"] * 0.95})
    expect(page.locator("#layer")).to_contain_text("Block 2, down")
    the_map_frames_block(page, 2)
    expect(page.locator("#measure-each")).to_be_hidden()
    by.get_by_label("projections").click()
    expect(page.locator("#each-head")).to_contain_text("Pruned")
    layers_are_given_another_pattern(page)


def layers_are_given_another_pattern(page: Page) -> None:
    """The page then shows that plan, its link opens it, and a click on its map chooses a layer."""
    expect(page.locator("#plan-head")).to_contain_text("All 21 layers are pruned to 8:16")
    menu = page.locator("#plan-pattern input").first
    menu.fill("2:4")
    menu.press("Enter")
    page.locator("#plan-layer").click()
    expect(page.locator("#plan-head")).to_contain_text("2:4 in 1 and 8:16 in 20")
    page.locator("#plan-block").click()
    expect(page.locator("#plan-head")).to_contain_text("2:4 in 7 and 8:16 in 14")
    page.wait_for_url(re.compile(r"pattern=plan:[0-9a-f]{12}.*&plan="))
    page.reload()
    expect(page.locator("#plan-head")).to_contain_text("2:4 in 7 and 8:16 in 14")
    page.locator("#plan-plot .heatmaplayer").first.wait_for(state="attached")
    cells = page.locator("#plan-plot .nsewdrag").first
    box = cells.bounding_box()
    assert box
    place = {"x": box["width"] * 0.1, "y": box["height"] * 0.05}
    cells.hover(position=place)
    cells.click(position=place)
    expect(page.locator("#plan-head")).to_contain_text("now block 0, q")
    page.locator("#settings .chips label", has_text="8:16").first.click()
    expect(page.locator("#plan-head")).to_contain_text("All 21 layers are pruned to 8:16")


def the_map_frames_block(page: Page, block: int) -> None:
    """In the maps of both targets."""
    page.wait_for_function(
        """(left) => {
            const shapes = document.querySelector("#each-plot .js-plotly-plot")?.layout?.shapes;
            return shapes?.length === 2 && shapes.every((one) => one.x0 === left);
        }""",
        arg=block - 0.5,
    )


def a_measuring_can_be_cancelled(page: Page) -> None:
    page.get_by_label("Token budget").fill("16384")
    page.get_by_label("Token budget").press("Enter")
    expect(page.locator("#each-head")).to_contain_text("14 runs")
    page.locator("#measure-each").click()
    page.locator("#stop-each").click()
    appears(page.locator("#measure-each"))
    expect(page.locator("#each-head")).to_contain_text("Cancelled")
