"""The page as a visitor uses it, on a tiny model."""

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from visitor import (
    FIGURES,
    App,
    appears,
    back_at,
    be_at,
    card,
    choose,
    count_runs,
    open_page,
    run,
    runs_begun,
)

from nmviz.ui.shell.limits import LONGEST_TEXT

pytestmark = pytest.mark.browser

LEVEL = re.compile(r"\d[\d,.]* perplexity")


def test_a_run_fills_the_page_and_is_then_in_the_store(
    page: Page, app: App, tiny_model: Path
) -> None:
    open_page(page, app.address())
    count_runs(page)
    run(page)
    the_three_columns_are_filled(page)
    another_layer_runs_nothing(page)
    what_is_not_run_dims_the_old_figures(page)
    page.goto(app.address())
    a_stored_result_is_there_at_once(page)
    run_again_measures_again(page)
    a_text_of_ones_own_is_measured(page)
    a_text_from_a_file_is_measured(page)
    a_model_of_ones_own_is_chosen(page, tiny_model)


def the_three_columns_are_filled(page: Page) -> None:
    expect(page.locator("#status .headline")).to_contain_text("At 8:16, pruning")
    expect(page.locator("#status .origin")).to_contain_text("512 tokens of WikiText-2 test")
    for column in ("dense", "weight", "activation"):
        assert LEVEL.search(card(page, column).replace("\n", " ")), column
    for column in ("weight", "activation"):
        assert "±" in card(page, column)
        assert "top-1 agreement" in card(page, column)
    for figure in FIGURES:
        appears(page.locator(f"#{figure} .main-svg").first)


def another_layer_runs_nothing(page: Page) -> None:
    assert runs_begun(page) == 1
    origin = page.locator("#status .origin").inner_text()
    expect(page.locator("#layer-head")).to_contain_text("Block 1, down")
    page.get_by_role("button", name="Next block").click()
    expect(page.locator("#layer-head")).to_contain_text("Block 2, down")
    page.wait_for_url(re.compile("block=2"))
    assert page.locator("#status .origin").inner_text() == origin
    page.locator("#depth-table summary").first.click()
    page.locator("#depth-table .pick", has_text="0").click()
    expect(page.locator("#layer-head")).to_contain_text("Block 0, down")
    assert runs_begun(page) == 1


def what_is_not_run_dims_the_old_figures(page: Page) -> None:
    before = card(page, "weight")
    first = page.locator("#figures > :not(.freshness, #hand)").first
    choose(page, "1:4")
    expect(page.locator("#status .stale")).to_contain_text("Not run yet")
    expect(first).to_have_css("filter", "grayscale(1)")
    expect(page.locator("#figures > .freshness")).to_contain_text("8:16, magnitude")
    assert card(page, "weight") == before
    choose(page, "8:16")
    expect(page.locator("#status .stale")).to_have_count(0)
    expect(page.locator("#figures > .freshness")).to_be_hidden()
    expect(first).to_have_css("filter", "none")


def a_stored_result_is_there_at_once(page: Page) -> None:
    expect(page.locator("#status .origin")).to_contain_text("From the store")
    assert LEVEL.search(card(page, "activation").replace("\n", " "))


def run_again_measures_again(page: Page) -> None:
    page.locator("#again").click()
    expect(page.locator("#status .origin")).to_contain_text("Measured here")
    appears(page.locator("#run"))
    assert LEVEL.search(card(page, "activation").replace("\n", " "))


def a_text_of_ones_own_is_measured(page: Page) -> None:
    page.get_by_label("Text to measure on").click()
    page.get_by_role("option", name="your own text").click()
    page.get_by_role("textbox", name="Your own text").fill("The river runs to the sea. " * 200)
    run(page)
    expect(page.locator("#status .origin")).to_contain_text("your own text")


def a_text_from_a_file_is_measured(page: Page) -> None:
    """The browser reads it, or says in one sentence why not; nothing is uploaded."""
    field, said = page.locator(".field-text textarea"), page.locator(".from-file p")
    before = field.input_value()
    expect(page.locator(".from-file label")).to_contain_text(f"at most {LONGEST_TEXT:,} characters")
    for name, content, why in (
        ("page.html", b"words", "is no .txt file"),
        ("latin.txt", "Gr\u00fc\u00dfe".encode("latin-1"), "is not UTF-8 text"),
        ("nul.txt", b"a\0b", "contains zero bytes"),
        ("empty.txt", b" \n", "is empty"),
        ("long.txt", b"a" * (LONGEST_TEXT + 1), f"at most {LONGEST_TEXT:,} characters"),
    ):
        file = {"name": name, "mimeType": "text/plain", "buffer": content}
        page.locator("#text-file").set_input_files(files=[file])
        expect(said).to_contain_text(why)
        assert said.get_attribute("role") == "alert" and said.inner_text().count(". ") == 0
        assert field.input_value() == before
    words = "Two rivers run to the sea.\n" * 150
    file = {
        "name": "rivers.txt",
        "mimeType": "text/plain",
        "buffer": b"\xef\xbb\xbf" + words.encode(),
    }
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("#text-file").set_input_files(files=[file])
    expect(said).to_contain_text(f"{len(words):,} characters")
    assert field.input_value() == words
    expect(page.locator("#status .stale")).to_contain_text("Not run yet")
    run(page)
    expect(page.locator("#status .origin")).to_contain_text("your own text")
    assert not [url for url in asked if "upload" in url or "rivers" in url]
    page.goto(page.url)
    expect(page.locator("#status .note")).to_contain_text("does not carry your own text")


def a_model_of_ones_own_is_chosen(page: Page, tiny_model: Path) -> None:
    """Added in the field it is in the menu, its layer is shown, and an address may name it."""
    copy = tiny_model.parent / "copy-of-tiny"
    shutil.copytree(tiny_model, copy, dirs_exist_ok=True)
    page.get_by_role("button", name="A model of your own").click()
    field, said = page.get_by_label("Hub id or folder"), page.locator("#own-model-said")
    field.fill("/no/such/folder")
    page.locator("#add-model").click()
    expect(said).to_contain_text("There is no folder or GGUF file /no/such/folder")
    field.fill(str(copy))
    field.press("Enter")
    expect(said).to_contain_text("copy-of-tiny is in the menu")
    expect(page.get_by_label("Model", exact=True)).to_have_value("copy-of-tiny")
    page.wait_for_url(re.compile("model=[^&]*copy-of-tiny"))
    appears(page.locator("#weight-mask .main-svg").first)
    page.goto(page.url)
    expect(page.get_by_label("Model", exact=True)).to_have_value("copy-of-tiny")


def test_the_texts_differ_and_say_where(kept: Page, app: App) -> None:
    page = kept
    be_at(page, app.address())
    choose(page, "2:4")
    run(page)
    texts = page.locator("#texts .card .text")
    assert len(set(texts.all_inner_texts())) > 1
    expect(page.locator("#texts .card mark.first").first).to_be_visible()
    expect(page.locator("#texts .card.dense mark")).to_have_count(0)
    choose(page, "8:16")
    back_at(page, app.address())


def test_cancel_ends_a_run(page: Page, app: App) -> None:
    long = app.address("tokens=60000&window=256&seed=1&precision=0").replace("&tokens=512", "")
    open_page(page, long)
    page.locator("#run").click()
    page.locator("#cancel").click()
    expect(page.locator("#status")).to_contain_text("Cancelled")
    appears(page.locator("#run"))
    page.reload()
    expect(page.locator("#status")).to_contain_text("Not run yet")


def test_the_mask_can_be_read_entry_by_entry(page: Page, app: App) -> None:
    open_page(page, app.address("pattern=2:4&rows=4&columns=8"))
    expect(page.locator("#weight-mask .heatmaplayer text")).to_have_count(32)
    page.get_by_role("button", name="Closer").click()
    expect(page.locator("#weight-mask .heatmaplayer text")).to_have_count(8)
    page.get_by_role("button", name="Closer").click()  # not closer than one block of 4
    expect(page.locator("#weight-mask .heatmaplayer text")).to_have_count(4)
    page.get_by_role("button", name="Right", exact=True).click()
    expect(page.get_by_label("First column")).to_have_value("4")


def test_two_visitors_do_not_meet(kept: Page, app: App, browser: Browser) -> None:
    page = kept
    be_at(page, app.address())
    other = browser.new_page()
    open_page(other, app.address("pattern=50%25"))
    choose(page, "2:4")
    expect(other.get_by_label("or type one:")).to_have_value("50%")
    other.locator("#run").click()
    expect(other.locator("#status .headline")).to_contain_text("At 50%")
    assert "50%" not in page.locator("#status").inner_text()
    other.close()
    choose(page, "8:16")
    back_at(page, app.address())
