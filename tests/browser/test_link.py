"""The link is the view: every control of every tab, shared and embedded."""

import csv
import io
import json
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Page, expect
from visitor import App, appears, show

pytestmark = pytest.mark.browser

CONTROLS = {
    "explore.measure": ["drift"],
    "explore.flips_target": ["weight"],
    "explore.flips_kind": ["wrong to right"],
    "explore.flips_words": ["the"],
    "explore.each_by": ["block"],
    "explore.plan_pattern": ["1:4"],
    "explore.answers_words": ["a clock"],
    "published.kind": ["heatmap"],
    "published.patterns": ["16:32", "2:4"],
    "published.models": [""],
    "published.each_task": ["true"],
    "published.words": ["table 10"],
    "published.live": ["true"],
    "claims.pattern": ["4:32"],
    "tradeoffs.d_in": ["2048"],
    "tradeoffs.quality": ["kl"],
    "tradeoffs.models": ["smollm2-135m", "gemma-3-270m"],
    "tradeoffs.criteria": ["magnitude"],
    "tradeoffs.equal_in": ["bytes"],
    "tradeoffs.together": ["gemma-3-270m"],
    "hand": ["0,3,own,wanda,1111000011110000,whole"],
}
"""By name: values, none as they are at first."""


def told(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query, keep_blank_values=True)


def test_every_control_of_every_tab_is_in_the_link(page: Page, app: App) -> None:
    """Each tab writes all that is its own once anything moves there: what a control did not take
    from the link would be gone."""
    page.goto(app.address(urlencode(CONTROLS, doseq=True) + "&utm_source=x&seen=1"))
    appears(page.locator("#methods-plot .main-svg").first)
    assert page.locator("#left-out p").count() == 0
    expect(page.locator("#status")).to_contain_text("names no setting 'seen'")
    moved = {
        "Explore": (page.locator("#measure label").first, "explore.measure"),
        "Published": (page.locator("#published-live input"), "published.live"),
        "Trade-offs": (page.locator("#tradeoffs-d-in input"), "tradeoffs.d_in"),
        "Claims": (page.locator("#claim-pattern").locator("input, textarea"), "claims.pattern"),
    }
    left = dict(CONTROLS)
    for tab, (control, name) in moved.items():
        show(page, tab)
        if tab in ("Explore", "Published"):
            control.click()
            page.wait_for_url(lambda url, name=name: name not in url)
            del left[name]
        else:
            left[name] = ["1024" if "d_in" in name else "3:7"]
            control.fill(left[name][0])
            control.press("Enter")
            page.wait_for_url(lambda url, name=name, left=left: f"{name}={left[name][0]}" in url)
    expect(page.locator("#claim-bits")).to_contain_text("35 patterns")
    link = told(page)
    assert {name: link.get(name) for name in left} == left
    assert link["utm_source"] == ["x"] and link["seen"] == ["1"] and link["v"] == ["2"]


def test_what_the_link_has_wrong_is_said_on_every_tab_and_dropped(page: Page, app: App) -> None:
    wrong = "claims.model=nope&published.order=&at=claim-metadata"
    page.goto(app.address(f"tab=claims&{wrong}&v=9&claims.pattern=1:2"))
    expect(page.locator("#left-out")).to_contain_text("there is no 'nope' in it")
    page.wait_for_url(lambda url: "nope" not in url and "published" not in url)
    assert told(page)["claims.pattern"] == ["1:2"]
    # The part that was read comes into view.
    appears(page.locator("#claim-main-metadata .main-svg").first)
    page.wait_for_function(
        "Math.abs(document.querySelector('#claim-metadata').getBoundingClientRect().top) < 200"
    )
    show(page, "Explore")
    expect(page.locator("#status")).to_contain_text("is of version '9'")
    page.wait_for_url(lambda url: "at=" not in url)


def test_a_view_is_shared(page: Page, app: App) -> None:
    page.goto(app.address("pattern=2:4&criterion=clact"))
    appears(page.locator("#cards .card").first)
    page.locator("#share").click()
    dialog = page.locator("#share-box")
    expect(dialog).to_contain_text("@software{nmviz")
    assert dialog.locator("pre").first.inner_text() == page.url
    command = dialog.locator("pre", has_text="--criterion clact")
    assert command.inner_text().startswith("nmviz run --model ")
    command.locator("+ .copy").click()
    expect(command.locator("+ .copy")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == command.inner_text()
    dialog.get_by_label("Figure").select_option("mask:activation")
    with page.expect_download() as saved:
        dialog.get_by_role("button", name="Save", exact=True).click()
    assert saved.value.path().read_bytes().startswith(b"%PDF")
    dialog.locator(".share-panel select").select_option("depth")
    embedded = dialog.locator("pre").last.inner_text()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    one_panel_stands_alone(page, embedded.partition('src="')[2].partition('"')[0])


def one_panel_stands_alone(page: Page, address: str) -> None:
    page.goto(address.replace("&amp;", "&"))
    appears(page.locator("#depth #embed-whole"))
    expect(page.locator("#depth h2")).to_be_visible()
    for elsewhere in ("#header", "#controls", "#cards", "#texts", "footer", "#tray"):
        expect(page.locator(elsewhere).first).to_be_hidden()
    whole = page.locator("#embed-whole a").get_attribute("href") or ""
    assert "pattern=2" in whole and "embed" not in whole and "panel" not in whole


def test_a_long_table_is_filtered_and_taken_along(page: Page, app: App) -> None:
    """By words, a range and an expression; the link has it, and files have the rows shown."""
    page.goto(app.address("tab=methods"))
    tools = page.locator(".methods .table-tools").first
    tools.locator("summary").click()
    rows = tools.locator("+ .scroll tbody tr")
    whole = rows.count()
    for text, count in (("kept 0..30", 2), ("pattern ~ /^(1|2):4$/", 2), ("16:32", 1)):
        tools.locator("input").fill(text)
        shown = [row for row in rows.all() if row.is_visible()]
        assert 0 < count < whole and len(shown) == count, text
    tools.locator("input").fill("nothing > 3")
    expect(tools.locator("[role=status]")).to_contain_text("There is no column “nothing”")
    tools.locator("input").fill("pattern ~ /^(1|2):4$/")
    expect(tools.locator("[role=status]")).to_have_text(f"2 of {whole} rows")
    files = {}
    for kind in ("CSV", "JSON", "LaTeX"):
        with page.expect_download() as saved:
            tools.get_by_role("button", name=kind).click()
        files[kind] = saved.value.path().read_text(encoding="utf-8")
    assert [one["pattern"] for one in json.loads(files["JSON"])] == ["1:4", "2:4"]
    table = list(csv.reader(io.StringIO(files["CSV"])))
    assert [row[0] for row in table] == ["pattern", "1:4", "2:4"]
    assert files["LaTeX"].count(r" \\") == 3 and r"25\%" in files["LaTeX"]
    page.reload()
    expect(tools.locator("input")).to_have_value("pattern ~ /^(1|2):4$/")
    expect(tools.locator("[role=status]")).to_have_text(f"2 of {whole} rows")
