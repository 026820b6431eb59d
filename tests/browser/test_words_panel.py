"""Words that changed, as a visitor looks for them: filtered, and taken along as a file."""

import csv
import io
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from visitor import App, appears, nothing_scrolls_sideways, open_page, run

pytestmark = pytest.mark.browser


def table(page: Page) -> list[list[str]]:
    """What stands in the rows."""
    return page.locator("#flips-table tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )


def saved(page: Page, folder: Path) -> list[dict[str, str]]:
    """The rows of the file that the button gives."""
    with page.expect_download() as caught:
        page.locator("#flips-csv").click()
    file = folder / caught.value.suggested_filename
    caught.value.save_as(file)
    return list(csv.DictReader(io.StringIO(file.read_text("utf-8"))))


def same(rows: list[list[str]], file: list[dict[str, str]]) -> bool:
    """Whether the file has the rows of the table, in their order."""
    shown = [(cells[0], cells[2], cells[6], cells[7]) for cells in rows]
    return shown == [
        (
            one["before"].removeprefix("'"),
            one["right"].removeprefix("'"),
            one["what_changed"],
            f"{one['window']}, {one['token']}",
        )
        for one in file
    ]


def chip(page: Page, group: str, text: str) -> None:
    page.locator(f"#flips-{group} label").filter(has=page.get_by_text(text, exact=True)).click()


def test_words_that_changed_are_listed_filtered_and_saved(
    page: Page, app: App, tmp_path: Path
) -> None:
    open_page(page, app.address("pattern=2:4&seed=31"))
    expect(page.locator("#flips-head")).to_contain_text("Nothing is measured here yet")
    expect(page.locator("#flips-table")).to_be_hidden()
    run(page)
    appears(page.locator("#flips-table table"))
    whole = table(page)
    assert len(whole) == 200 and {cells[1] for cells in whole} == {"weights", "activations"}
    assert same(whole, saved(page, tmp_path))
    chip(page, "target", "weights")
    expect(page.locator("#flips-table caption")).to_contain_text("100 of the words")
    assert {cells[1] for cells in table(page)} == {"weights"}
    word = whole[0][2]
    chip(page, "target", "both")
    expect(page.locator("#flips-table caption")).to_contain_text("200 of the words")
    page.locator("#flips-words :is(input, textarea)").fill(word)
    page.locator("#flips-words :is(input, textarea)").press("Enter")
    expect(page.locator("#flips-table caption")).not_to_contain_text("200 of")
    few = table(page)
    assert 0 < len(few) < 200 and same(few, saved(page, tmp_path))
    assert all(word.casefold() in "".join(cells[:5]).casefold() for cells in few)
    chip(page, "kind", "wrong to wrong")
    expect(page.locator("#flips-table")).not_to_contain_text("wrong to right")
    page.set_viewport_size({"width": 390, "height": 844})
    nothing_scrolls_sideways(page)
