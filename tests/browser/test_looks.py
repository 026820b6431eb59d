"""Themes, saved figures, names and explanations."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Page, expect
from visitor import DARK_TEXT, FIGURES, LIGHT_TEXT, App, open_page, run

pytestmark = pytest.mark.browser


def test_figures_are_inked_saved_named_and_explained(page: Page, app: App, tmp_path: Path) -> None:
    open_page(page, app.address())
    run(page)
    the_theme_inks_the_figures_but_not_those_that_are_saved(page, tmp_path)
    headings_labels_and_findings(page)
    every_quantity_is_explained_on_hover(page)
    the_settings_stay_in_sight(page)
    methods_explains_everything(page)


def the_theme_inks_the_figures_but_not_those_that_are_saved(page: Page, folder: Path) -> None:
    label = page.locator("#weight-mask .xtick text").first
    expect(label).to_have_css("fill", LIGHT_TEXT)
    every_figure_is_saved_for_paper(page, folder)
    page.locator("#theme").click()
    expect(label).to_have_css("fill", DARK_TEXT)
    expect(page.locator("body")).to_have_css("background-color", "rgb(15, 20, 25)")
    every_figure_is_saved_for_paper(page, folder)
    page.reload()
    expect(page.locator("body")).to_have_class("dark")
    page.locator("#theme").click()
    expect(label).to_have_css("fill", LIGHT_TEXT)


def every_figure_is_saved_for_paper(page: Page, folder: Path) -> None:
    for figure in FIGURES:
        with page.expect_download() as caught:
            page.locator(f"#{figure} .save-svg").click()
        assert caught.value.suggested_filename.endswith(".svg")
        file = folder / caught.value.suggested_filename
        caught.value.save_as(file)
        root = ElementTree.parse(file).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        inked = list(root.iter("{http://www.w3.org/2000/svg}text"))
        assert inked, "a figure without a word"
        # Saved figures are for paper, whatever the page looks like.
        assert LIGHT_TEXT in file.read_text(encoding="utf-8")


def headings_labels_and_findings(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert page.locator("#depth h2").inner_text().strip()
    for pane in ("weight-inputs", "activation-inputs", "weight-mask", "activation-mask"):
        assert page.locator(f"#pane-{pane} .words").inner_text().strip()
    page.locator("#depth-table summary", has_text="As a table").click()
    expect(page.get_by_role("columnheader", name="activations")).to_be_visible()
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, textarea, select')]"
        ".filter(e => e.checkVisibility() && !(e.innerText || e.ariaLabel || e.title || "
        "(e.labels && e.labels.length))).map(e => e.outerHTML.slice(0, 120))"
    )
    assert unnamed == []


def every_quantity_is_explained_on_hover(page: Page) -> None:
    hints = page.locator("#cards .hint")
    assert hints.count() >= 7
    for hint in hints.all():
        assert hint.locator(".tip code").count() == 1
    hints.nth(0).hover()
    expect(hints.nth(0).locator(".tip")).to_be_visible()


def the_settings_stay_in_sight(page: Page) -> None:
    page.evaluate("window.scrollTo(0, 900)")
    page.wait_for_function("window.scrollY > 800")
    top = page.locator("#controls").evaluate("box => box.getBoundingClientRect().top")
    assert top == 0


def methods_explains_everything(page: Page) -> None:
    page.get_by_role("tab", name="Methods").click()
    expect(page.get_by_role("heading", name="Criteria for weights")).to_be_visible()
    expect(page.get_by_text("D-PTS in arXiv 2509.22166").first).to_be_visible()
