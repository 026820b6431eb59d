"""Tabs of one browser, which has six connections to a server for all of them together."""

import json
import time
from collections.abc import Iterator
from urllib.parse import quote

import gradio as gr
import pytest
from playwright.sync_api import BrowserContext, expect
from serving import served_here
from visitor import PATIENCE, appears, open_page

from nmviz.ui.shell import places
from nmviz.ui.shell.sessions import SESSIONS, Turn

pytestmark = pytest.mark.browser

IDLE = "() => new Promise((idle) => requestIdleCallback(() => idle()))"
"""A page whose script is busy for longer than Chromium waits for it is closed without a word."""


@pytest.fixture(scope="module")
def served(tiny: str) -> Iterator[gr.Blocks]:
    """The page in this process, so that the test sees what it keeps."""
    with served_here() as page:
        yield page


def test_a_closed_tab_is_forgotten_and_an_open_one_is_not(
    context: BrowserContext, served: gr.Blocks, tiny: str
) -> None:
    address = f"{served.local_url}?model={quote(tiny, safe='')}&corpus=wikitext-2"
    visits = served.state_holder.session_data
    before = set(visits)
    tabs, sessions = [], []
    for _ in range(2):
        tabs.append(context.new_page())
        open_page(tabs[-1], address)
        appears(tabs[-1].locator("#methods-plot .main-svg").first)
        tabs[-1].wait_for_load_state("networkidle")
        said = tabs[-1].locator("#leaving [data-said]")
        expect(said).to_be_attached()
        sessions.append(json.loads(said.get_attribute("data-said") or "")["session_hash"])
    staying, closing = map(SESSIONS.start, sessions)
    tabs[1].evaluate(IDLE)
    tabs[1].close()
    assert closing.wait(PATIENCE)
    until = time.monotonic() + PATIENCE
    while sessions[1] in visits and time.monotonic() < until:
        time.sleep(0.1)
    assert set(visits) - before == {sessions[0]} and not staying.is_set()
    tabs[0].close()


def test_three_tabs_run_at_once_and_each_is_answered_meanwhile(
    context: BrowserContext, served: gr.Blocks, tiny: str
) -> None:
    """A run holds a connection of the browser's few until it ends, here while others have all the
    places: settings and published figures go past both."""
    address = f"{served.local_url}?model={quote(tiny, safe='')}&corpus=wikitext-2&window=64"
    address += "&tokens=512&new_tokens=4"
    tabs = {pattern: context.new_page() for pattern in ("2:4", "4:8", "1:4")}
    others = [Turn(number) for number in range(2)]
    for pattern, tab in tabs.items():
        open_page(tab, f"{address}&pattern={quote(pattern)}")
    assert [places.LIVE.before(turn) for turn in others] == [0, 0]
    for tab in tabs.values():
        tab.locator("#run").click()
        expect(tab.locator("#run")).to_be_hidden()
    for tab in tabs.values():
        tab.get_by_role("tab", name="Published").click()
        appears(tab.locator("#published-plot .main-svg").first)
        tab.get_by_role("tab", name="Explore").click()
        expect(tab.locator("#run")).to_be_hidden()
    for turn in others:
        places.LIVE.leave(turn)
    for pattern, tab in tabs.items():
        appears(tab.locator("#run"))
        measured = tab.locator("#cards .card.activation")
        expect(measured).to_contain_text(pattern)
        expect(measured).to_contain_text("Here n is 8 windows")
        tab.close()
