"""A report opened from a file, as somebody gets it who has no Python."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

import nmviz

EIGHT, WEIGHTS = "pattern=8:16", "pattern=8:16&target=weight"


@pytest.mark.browser
@pytest.mark.usefixtures("module_store")
def test_a_report_opens_from_a_file_and_asks_for_nothing(browser: Browser, tmp_path: Path) -> None:
    file = nmviz.report(EIGHT, WEIGHTS, out=tmp_path / "report.html")
    page = browser.new_page(viewport={"width": 390, "height": 800})
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_selector(".js-plotly-plot .main-svg")
    assert page.locator(".js-plotly-plot").count() == 4
    assert page.locator("#results td").first.inner_text() == "activations 8:16, magnitude"
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    outside = [one for one in asked if not one.startswith(("file:", "data:", "blob:"))]
    assert (said, outside) == ([], [])
    page.close()
