"""The address carries the view; wrong addresses and wrong input become sentences."""

import pytest
from playwright.sync_api import Page, expect
from visitor import App, choose, count_runs, open_page

pytestmark = pytest.mark.browser


def test_an_address_restores_what_was_chosen(page: Page, app: App) -> None:
    open_page(page, app.address())
    choose(page, "2:4")
    page.get_by_label("Token budget").fill("1024")
    page.get_by_label("Token budget").press("Enter")
    page.get_by_label("Prompt", exact=True).fill("A clock needs & something = else")
    page.get_by_label("Prompt", exact=True).blur()
    page.get_by_role("button", name="Previous block").click()
    page.wait_for_url(lambda url: "block=0" in url and "tokens=1024" in url and "clock" in url)
    page.locator("#copy-link").click()
    expect(page.locator("#copy-link")).to_have_text("Link copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url
    expect(page.locator("#layer-head")).to_contain_text("Block 0, down")
    page.goto("about:blank")
    open_page(page, link)
    expect(page.get_by_label("or type one:")).to_have_value("2:4")
    expect(page.get_by_label("Token budget")).to_have_value("1024")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value(
        "A clock needs & something = else"
    )
    expect(page.locator("#layer-head")).to_contain_text("Block 0, down")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("pattern=9:8", "keeps more than there is"),
        ("nonsense=1", "names no setting"),
        ("projection=<b>x</b>", "has no projection"),
    ],
)
def test_a_wrong_address_says_what_to_change(page: Page, app: App, query: str, said: str) -> None:
    name = query.partition("=")[0]
    usual = "&".join(
        part for part in app.address().partition("?")[2].split("&") if not part.startswith(name)
    )
    page.goto(f"{app.url}/?{usual}&{query}")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(said, ignore_case=True)
    assert "Traceback" not in page.content()


def test_a_pattern_that_cannot_be_says_why(page: Page, app: App) -> None:
    open_page(page, app.address())
    status = page.locator("#status").get_by_role("alert")
    type_pattern(page, "8:banana")
    expect(status).to_contain_text("is not a pattern")
    count_runs(page)
    page.locator("#run").click()
    page.wait_for_function("window.runsBegun === 1")
    expect(page.locator("#run")).to_be_visible()
    expect(status).to_contain_text("is not a pattern")
    type_pattern(page, "5:7")
    expect(status).to_contain_text("is not a multiple")
    expect(page.locator("#layer-head").get_by_role("alert")).to_contain_text("is not a multiple")


def type_pattern(page: Page, pattern: str) -> None:
    page.get_by_label("or type one:").fill(pattern)
    page.get_by_label("or type one:").press("Enter")
