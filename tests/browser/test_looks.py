"""Themes, small screens, saved figures."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Page, expect
from visitor import FIGURES, App, open_page, run

pytestmark = pytest.mark.browser

LIGHT_TEXT, DARK_TEXT = "rgb(31, 41, 51)", "rgb(229, 231, 235)"


def test_the_theme_inks_the_figures_too(page: Page, app: App) -> None:
    open_page(page, app.address())
    label = page.locator("#weight-mask .xtick text").first
    expect(label).to_have_css("fill", LIGHT_TEXT)
    page.locator("#theme").click()
    expect(label).to_have_css("fill", DARK_TEXT)
    expect(page.locator("body")).to_have_css("background-color", "rgb(15, 20, 25)")
    page.reload()
    expect(page.locator("body")).to_have_class("dark")
    page.locator("#theme").click()
    expect(label).to_have_css("fill", LIGHT_TEXT)


def test_a_small_screen_has_one_column_and_a_closed_drawer(page: Page, app: App) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    open_page(page, app.address())
    run(page)
    width = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1]
    expect(page.get_by_label("Model")).to_be_hidden()
    page.locator("#drawer").click()
    expect(page.get_by_label("Model")).to_be_visible()
    expect(page.locator("#drawer")).to_have_attribute("aria-expanded", "true")
    cards = page.locator("#cards .card")
    lefts = {round(one.bounding_box()["x"]) for one in cards.all()}  # type: ignore[index]
    assert len(lefts) == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_figure_is_saved_as_svg(page: Page, app: App, tmp_path: Path, theme: str) -> None:
    open_page(page, app.address(f"__theme={theme}"))
    run(page)
    for figure in FIGURES:
        with page.expect_download() as caught:
            page.locator(f"#{figure} .save-svg").click()
        assert caught.value.suggested_filename.endswith(".svg")
        file = tmp_path / caught.value.suggested_filename
        caught.value.save_as(file)
        root = ElementTree.parse(file).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        inked = list(root.iter("{http://www.w3.org/2000/svg}text"))
        assert inked, "a figure without a word"
        # Saved figures are for paper, whatever the page looks like.
        assert "rgb(31, 41, 51)" in file.read_text(encoding="utf-8")


def test_methods_explains_everything(page: Page, app: App) -> None:
    open_page(page, app.address())
    page.get_by_role("tab", name="Methods").click()
    expect(page.get_by_role("heading", name="Criteria for weights")).to_be_visible()
    expect(page.get_by_text("D-PTS in arXiv 2509.22166").first).to_be_visible()


def test_headings_labels_and_findings(page: Page, app: App) -> None:
    open_page(page, app.address())
    run(page)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert page.locator("#depth h2").inner_text().strip()
    for pane in ("weight-inputs", "activation-inputs", "weight-mask", "activation-mask"):
        assert page.locator(f"#pane-{pane} .words").inner_text().strip()
    page.locator("#depth-table summary").click()
    expect(page.get_by_role("columnheader", name="activations")).to_be_visible()
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, textarea, select')]"
        ".filter(e => e.offsetParent && !(e.innerText || e.ariaLabel || e.title || "
        "(e.labels && e.labels.length))).map(e => e.outerHTML.slice(0, 120))"
    )
    assert unnamed == []


def test_the_settings_stay_in_sight(page: Page, app: App) -> None:
    open_page(page, app.address())
    page.evaluate("window.scrollTo(0, 900)")
    page.wait_for_function("window.scrollY > 800")
    top = page.locator("#controls").evaluate("box => box.getBoundingClientRect().top")
    assert top == 0
