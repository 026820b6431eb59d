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


def test_every_setting_is_in_the_link_at_once(page: Page, app: App) -> None:
    """Typed and copied with no other change between."""
    open_page(page, app.address())
    typed = {"Prompt": "A clock", "Tokens to write": "7", "Temperature": "0.5", "Rows": "8"}
    named = ("prompt=A+clock", "new_tokens=7", "temperature=0.5", "rows=8")
    for (label, value), part in zip(typed.items(), named, strict=True):
        page.get_by_label(label, exact=True).fill(value)
        page.wait_for_url(lambda url, part=part: part in url)
    page.get_by_role("button", name="Down", exact=True).click()
    page.wait_for_url(lambda url: "first_row=8" in url)
    page.locator("#tasks-chosen label", has_text="RTE").click()
    page.locator("#tasks-limit input").fill("30")
    page.get_by_label("prompts in the chat template").check()
    page.wait_for_url(lambda url: "rte" in url and "limit=30" in url and "chat=True" in url)
    link = page.url
    page.goto("about:blank")
    open_page(page, link)
    for label, value in typed.items():
        expect(page.get_by_label(label, exact=True)).to_have_value(value)
    expect(page.locator("#tasks-limit input")).to_have_value("30")
    expect(page.get_by_label("prompts in the chat template")).to_be_checked()
    expect(page.locator("#tasks-chosen .selected")).to_have_count(5)


def test_a_link_opens_the_tab_it_was_copied_in(page: Page, app: App) -> None:
    page.goto(app.address())
    for tab, seen in (
        ("Published", "#published-plot .main-svg"),
        ("Claims", "#claim-main-targets .main-svg"),
        ("Methods", ".methods"),
    ):
        page.get_by_role("tab", name=tab).click()
        page.locator("#copy-link").click()
        expect(page.locator("#copy-link")).to_have_text("Link copied")
        link = page.evaluate("navigator.clipboard.readText()")
        page.goto("about:blank")
        page.goto(link)
        expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
        expect(page.locator(seen).first).to_be_visible()
    page.get_by_role("tab", name="Explore").click()
    expect(page.get_by_label("Token budget")).to_have_value("512")
    assert "tab=" not in page.url
    drawn_as_wide_as_their_place(page)


def drawn_as_wide_as_their_place(page: Page) -> None:
    """Figures that were drawn while the tab was hidden."""
    expect(page.locator("#weight-inputs .main-svg").first).to_be_visible()
    page.wait_for_function(
        """() => {
            const place = document.querySelector("#weight-inputs").getBoundingClientRect();
            const svg = document.querySelector("#weight-inputs .main-svg").getBoundingClientRect();
            return Math.abs(place.width - svg.width) < 2;
        }"""
    )


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("pattern=9:8", "keeps more than there is"),
        ("nonsense=1&utm_source=x", "names no setting 'nonsense'"),
        ("projection=<b>x</b>", "has no projection"),
    ],
)
def test_a_wrong_address_says_what_to_change(page: Page, app: App, query: str, said: str) -> None:
    name = query.partition("=")[0]
    usual = "&".join(
        part for part in app.address().partition("?")[2].split("&") if not part.startswith(name)
    )
    page.goto(f"{app.url}/?{usual}&{query}")
    expect(page.locator("#status")).to_contain_text(said, ignore_case=True)
    expect(page.get_by_label("Token budget")).to_have_value("512")  # nothing else is lost
    assert "utm_source" not in page.locator("#status").inner_text()
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
