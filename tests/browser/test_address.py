"""The address carries the view; wrong addresses and wrong input become sentences."""

import pytest
from playwright.sync_api import Page, expect
from visitor import App, appears, back_at, be_at, choose, count_runs, open_page

pytestmark = pytest.mark.browser


def test_a_link_opens_the_tab_it_was_copied_in(kept: Page, app: App) -> None:
    page = kept
    be_at(page, app.address())
    for tab, seen in (
        ("Published", "#published-plot .main-svg"),
        ("Claims", "#claim-main-targets .main-svg"),
        ("Trade-offs", "#tradeoffs-plot .main-svg"),
        ("Methods", ".methods"),
    ):
        page.get_by_role("tab", name=tab).click()
        page.locator("#copy-link").click()
        expect(page.locator("#copy-link")).to_have_text("Link copied")
        link = page.evaluate("navigator.clipboard.readText()")
        page.goto("about:blank")
        page.goto(link)
        expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
        appears(page.locator(seen).first)
    page.get_by_role("tab", name="Explore").click()
    expect(page.get_by_label("Token budget")).to_have_value("512")
    assert "tab=" not in page.url
    drawn_as_wide_as_their_place(page)


def drawn_as_wide_as_their_place(page: Page) -> None:
    """Figures that were drawn while the tab was hidden."""
    appears(page.locator("#weight-inputs .main-svg").first)
    page.wait_for_function(
        """() => {
            const place = document.querySelector("#weight-inputs").getBoundingClientRect();
            const svg = document.querySelector("#weight-inputs .main-svg").getBoundingClientRect();
            return Math.abs(place.width - svg.width) < 2;
        }"""
    )


TYPED = {
    "Prompt": ("A clock needs & something = else", "prompt=A+clock"),
    "Tokens to write": ("7", "new_tokens=7"),
    "Temperature": ("0.5", "temperature=0.5"),
    "Rows": ("8", "rows=8"),
}
"""By label: what is typed, and what the address has of it."""


@pytest.mark.parametrize("where", ["blocks=0-1", "projections=q:0;k:1"])
def test_a_link_with_layers_of_its_own_opens_without_a_fault(
    page: Page, app: App, where: str
) -> None:
    """The form is sent once all of it is filled: before, its menus hold what they do not list."""
    open_page(page, app.address(where))
    count = {"blocks=0-1": "14 of 21", "projections=q:0;k:1": "2 of 21"}[where]
    expect(page.locator("#plan-head")).to_contain_text(f"{count} layers are pruned")
    page.get_by_label("Token budget").fill("256")
    page.wait_for_url(lambda url: "tokens=256" in url)


def test_an_address_restores_what_was_chosen(kept: Page, app: App) -> None:
    be_at(kept, app.address())
    choose(kept, "2:4")
    kept.get_by_label("Token budget").fill("1024")
    kept.get_by_label("Token budget").press("Enter")
    kept.get_by_role("button", name="Previous block").click()
    kept.wait_for_url(lambda url: "block=0" in url and "tokens=1024" in url)
    every_setting_is_in_the_link_at_once(kept)
    kept.locator("#copy-link").click()
    expect(kept.locator("#copy-link")).to_have_text("Link copied")
    link = kept.evaluate("navigator.clipboard.readText()")
    assert link == kept.url
    expect(kept.locator("#layer-head")).to_contain_text("Block 0, down")
    kept.goto("about:blank")
    open_page(kept, link)
    expect(kept.get_by_label("or type one:")).to_have_value("2:4")
    expect(kept.get_by_label("Token budget")).to_have_value("1024")
    expect(kept.locator("#layer-head")).to_contain_text("Block 0, down")
    for label, (value, _) in TYPED.items():
        expect(kept.get_by_label(label, exact=True)).to_have_value(value)
    expect(kept.locator("#tasks-limit input")).to_have_value("30")
    expect(kept.get_by_label("prompts in the chat template")).to_be_checked()
    expect(kept.locator("#tasks-chosen .selected")).to_have_count(5)


def every_setting_is_in_the_link_at_once(page: Page) -> None:
    """Typed and there with no other change between."""
    for label, (value, part) in TYPED.items():
        page.get_by_label(label, exact=True).fill(value)
        page.wait_for_url(lambda url, part=part: part in url)
    page.get_by_role("button", name="Down", exact=True).click()
    page.wait_for_url(lambda url: "first_row=8" in url)
    page.locator("#tasks-chosen label", has_text="RTE").click()
    page.locator("#tasks-limit input").fill("30")
    page.get_by_label("prompts in the chat template").check()
    page.wait_for_url(lambda url: "rte" in url and "limit=30" in url and "chat=True" in url)


WRONG = {
    "pattern=9:8": "keeps more than there is",
    "nonsense=1&utm_source=x": "names no setting 'nonsense'",
    "projection=<b>x</b>": "has no projection",
}


def test_a_wrong_address_says_what_to_change(page: Page, app: App) -> None:
    """Everything that is wrong at once; each by itself is in tests/integration."""
    page.goto(app.address("&".join(WRONG)))
    for said in WRONG.values():
        expect(page.locator("#status")).to_contain_text(said, ignore_case=True)
    expect(page.get_by_label("Token budget")).to_have_value("512")  # nothing else is lost
    assert "utm_source" not in page.locator("#status").inner_text()
    assert "Traceback" not in page.content()


def test_a_pattern_that_cannot_be_says_why(kept: Page, app: App) -> None:
    page = kept
    be_at(page, app.address())
    status = page.locator("#status .error")
    type_pattern(page, "8:banana")
    expect(status).to_contain_text("is not a pattern")
    count_runs(page)
    page.locator("#run").click()
    page.wait_for_function("window.runsBegun === 1")
    appears(page.locator("#run"))
    expect(status).to_contain_text("is not a pattern")
    type_pattern(page, "5:7")
    expect(status).to_contain_text("is not a multiple")
    expect(page.locator("#layer-head .error")).to_contain_text("is not a multiple")
    type_pattern(page, "8:16")
    expect(page.locator("#layer-head")).to_contain_text("8:16, magnitude")
    back_at(page, app.address())


def type_pattern(page: Page, pattern: str) -> None:
    page.get_by_label("or type one:").fill(pattern)
    page.get_by_label("or type one:").press("Enter")
