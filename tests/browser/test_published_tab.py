"""The tab of published results as a visitor uses it."""

import csv
import json
import re
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, TimeoutError, expect
from visitor import App, appears

pytestmark = pytest.mark.browser

WHOLE = re.compile(r"^(\d+) rows? from")


def open_published(page: Page, app: App) -> None:
    page.goto(app.address())
    page.get_by_role("tab", name="Published").click()
    appears(page.locator("#published-plot .main-svg").first)
    expect(page.locator("#published-count")).to_contain_text("rows from")


def chip(page: Page, group: str, text: str) -> Locator:
    labels = page.locator(f"#published-{group} label")
    return labels.filter(has=page.get_by_text(text, exact=True))


def pick(page: Page, menu: str, option: str) -> None:
    """Choose from a menu, opened anew where the page has moved away from its open list."""
    field = page.locator(f"#published-{menu} input").first
    for _ in range(5):
        field.click()
        with suppress(TimeoutError):
            page.get_by_role("option", name=option).click(timeout=10_000)
            return
        field.blur()
    pytest.fail(f"{option} cannot be chosen")


def words(page: Page) -> Locator:
    return page.locator("#published-words textarea, #published-words input").first


def count(page: Page) -> int:
    said = WHOLE.match(page.locator("#published-count").inner_text())
    return int(said[1]) if said else 0


def headline(page: Page) -> Locator:
    return page.locator("#published-head .headline")


def rows_in_table(page: Page) -> int:
    rows = page.locator("#published-table [role=grid]").get_attribute("aria-rowcount")
    return int(rows or 1) - 1  # the names of the columns are one


def save(page: Page, name: str, folder: Path) -> str:
    with page.expect_download() as caught:
        page.locator(f"#published-{name}").click()
    file = folder / caught.value.suggested_filename
    caught.value.save_as(file)
    return file.read_text(encoding="utf-8")


def test_figure_table_sources_files_and_what_is_laid_over(
    page: Page, app: App, tmp_path: Path
) -> None:
    open_published(page, app)
    figure_and_table_agree(page)
    the_whole_audit_can_be_read(page)
    names_and_sources_are_there(page)
    files_hold_exactly_the_rows_shown(page, tmp_path)
    what_leaves_nothing_says_what_to_widen(page)
    words(page).fill("")
    page.keyboard.press("Enter")
    live_runs_are_said_to_be_another_model(page)
    out_is_drawn_at_the_edge_and_listed_without_a_number(page)


def figure_and_table_agree(page: Page) -> None:
    expect(headline(page)).to_contain_text("Pruning activations loses less accuracy than")
    assert page.locator("#published-plot .ytick").count() == 12
    assert rows_in_table(page) == count(page) > 40
    expect(page.locator("#published-table")).to_contain_text("Llama 2 7B")
    expect(page.locator("#published-count")).to_contain_text("the paper, version 1 (Tables 2,")


def the_whole_audit_can_be_read(page: Page) -> None:
    page.locator("#published-all-findings button").first.click()
    whole = page.locator("#published-all-findings")
    expect(whole.locator(".findings li")).to_have_count(35)
    expect(whole).to_contain_text("noise alone gives 0.65")  # marks no number, so no row shows it
    tables = whole.locator("tbody")
    expect(tables.nth(0).locator("tr")).to_have_count(13)
    expect(tables.nth(1).locator("tr")).to_have_count(10)


def names_and_sources_are_there(page: Page) -> None:
    page.get_by_role("button", name="Names and sources").click()
    names = page.locator("#published-names")
    expect(names).to_contain_text("Llama3-8B")
    expect(names.get_by_role("link", name="The paper, version 1")).to_be_visible()


def files_hold_exactly_the_rows_shown(page: Page, tmp_path: Path) -> None:
    words(page).fill("table 10, gemma, recomputed")
    page.keyboard.press("Enter")
    expect(page.locator("#published-count")).to_contain_text("2 rows from")
    (weight, activation) = csv.DictReader(save(page, "csv", tmp_path).splitlines())
    assert {weight["model"], activation["model"]} == {"Gemma 3 4B"}
    assert (weight["method"], activation["method"]) == ("WT", "ACT")
    assert weight["place"] == "Table 10"
    told = json.loads(save(page, "json", tmp_path))
    assert [str(one["value"]) for one in told] == [weight["value"], activation["value"]]
    latex = save(page, "latex", tmp_path)
    assert latex.partition(r"\endhead")[2].count("Gemma 3 4B") == 2
    assert r"\toprule" in latex


def what_leaves_nothing_says_what_to_widen(page: Page) -> None:
    words(page).fill("no such words")
    page.keyboard.press("Enter")
    expect(page.locator("#published-head")).to_contain_text("widen the words of the filter")
    expect(page.locator("#published-count")).to_have_text("0 rows.")


def live_runs_are_said_to_be_another_model(page: Page) -> None:
    page.locator("#published-live input").check()
    head = page.locator("#published-head")
    expect(head).to_contain_text("Live runs are another model, text and protocol")
    expect(head).to_contain_text("in 11 of 11 pairs")  # none of theirs is counted
    pick(page, "metric", "perplexity")
    expect(page.locator("#published-head")).to_contain_text("another model, text and protocol")
    expect(page.locator("#published-count")).to_contain_text("live runs of another model")
    chip(page, "kind", "over patterns").click()
    expect(page.locator("#published-plot .annotation", has_text="live:").first).to_be_visible()
    page.locator("#published-live input").uncheck()
    expect(page.locator("#published-plot .annotation", has_text="live:")).to_have_count(0)


def out_is_drawn_at_the_edge_and_listed_without_a_number(page: Page) -> None:
    """Of perplexities, over patterns."""
    chip(page, "patterns", "70%").click()
    expect(page.locator("#published-plot .legendtext", has_text="OUT")).to_be_visible()
    pick(page, "order", "most value first")
    words(page).fill("70%")
    page.keyboard.press("Enter")
    table = page.locator("#published-table")
    expect(table.get_by_role("row").last).to_contain_text("OUT (above a cut-off)")


def test_what_is_chosen_changes_figure_table_and_command(page: Page, app: App) -> None:
    open_published(page, app)
    another_choice_changes_figure_and_table(page)
    a_figure_of_the_paper_sets_the_choice(page)


def another_choice_changes_figure_and_table(page: Page) -> None:
    before, said = count(page), headline(page).inner_text()
    for pattern in ("2:4", "50%"):  # faster than the answers come
        chip(page, "patterns", pattern).click()
    expect(page.locator("#published-plot .ytick")).to_have_count(4)
    expect(headline(page)).not_to_have_text(said)
    assert rows_in_table(page) == count(page) < before
    chip(page, "kind", "models x methods").click()
    expect(headline(page)).to_contain_text("Accuracy lost against dense goes from")
    expect(page.locator("#published-plot .barlayer .point path")).to_have_count(8)


def a_figure_of_the_paper_sets_the_choice(page: Page) -> None:
    pick(page, "ready", "Every method at 8:16")
    expect(page.locator("#published-command")).to_contain_text("nmviz figure methods-8-16 --out")
    expect(page.locator("#published-count")).to_contain_text("60 rows from")
    expect(page.locator("#published-findings summary").first).to_be_visible()
    chip(page, "patterns", "2:4").click()
    expect(page.locator("#published-command")).not_to_contain_text("nmviz figure")
