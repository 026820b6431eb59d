"""Questions and answers on the page: run, found again, compared with another method, cancelled."""

import pytest
from playwright.sync_api import Page, expect
from visitor import App, appears, choose, open_page

pytestmark = [pytest.mark.browser, pytest.mark.real]  # the rows of tasks are fetched on first use


def ask(page: Page, task: str, limit: int) -> None:
    """Choose that task alone and so many examples, and wait until the panel speaks of them."""
    box = page.locator("#tasks-chosen")
    box.get_by_label(task, exact=True).check()
    for other in ("ARC-Easy", "BoolQ", "PIQA", "WinoGrande"):
        if other != task:
            box.get_by_label(other, exact=True).uncheck()
    page.locator("#tasks-limit input").fill(str(limit))
    page.locator("#tasks-limit input").press("Enter")
    expect(page.locator("#tasks-head")).to_contain_text(f"{limit * 3:,} examples")


def run_tasks(page: Page) -> None:
    page.locator("#run-tasks").click()
    expect(page.locator("#tasks-bar")).to_be_hidden()
    expect(page.locator("#run")).to_be_enabled()


def test_tasks_are_run_compared_and_cancelled(page: Page, app: App) -> None:
    open_page(page, app.address())
    tasks_are_run_and_two_methods_compared(page)
    choose(page, "1:4")
    a_run_of_tasks_can_be_cancelled(page)


def tasks_are_run_and_two_methods_compared(page: Page) -> None:
    expect(page.locator("#tasks-head")).to_contain_text("Not run yet for dense, weights")
    ask(page, "PIQA", 4)
    run_tasks(page)
    expect(page.locator("#tasks-head")).to_contain_text("On PIQA, right answers: dense")
    appears(page.locator("#tasks-plot .main-svg").first)
    expect(page.get_by_role("columnheader", name="activations minus dense")).to_be_visible()
    choose(page, "2:4")
    expect(page.locator("#tasks-head")).to_contain_text("8 examples. Time: about")
    run_tasks(page)
    page.locator("#tasks-with input").click()
    page.get_by_role("option", name="activation 8:16 magnitude").click()
    said = page.locator("#tasks-compared")
    expect(said).to_contain_text("activation 2:4 magnitude, minus activation 8:16 magnitude")
    expect(said).to_contain_text("p = ")
    choose(page, "8:16")
    expect(said).to_be_empty()
    expect(page.locator("#tasks-head")).to_contain_text("On PIQA, right answers: dense")
    expect(page.locator("#tasks-bar")).to_be_hidden()


def a_run_of_tasks_can_be_cancelled(page: Page) -> None:
    ask(page, "WinoGrande", 900)
    page.locator("#run-tasks").click()
    expect(page.locator("#run")).to_be_disabled()
    expect(page.locator("#tasks-progress")).to_contain_text("of 2,700 examples")
    page.locator("#stop-tasks").click()
    appears(page.locator("#run-tasks"))
    expect(page.locator("#tasks-head")).to_contain_text("Cancelled")
