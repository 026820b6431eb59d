"""Tabs of one browser, which has six connections to a server for all of them together."""

import json
import time
from collections.abc import Iterator
from urllib.parse import quote

import gradio as gr
import pytest
from playwright.sync_api import BrowserContext, expect
from serving import served_here
from visitor import open_page

from nmviz.ui.shell.sessions import SESSIONS

pytestmark = pytest.mark.browser

PATIENCE = 120
IDLE = "() => new Promise((idle) => requestIdleCallback(() => idle()))"
"""A page whose script is busy for longer than Chromium waits for it is closed without a word."""


@pytest.fixture
def served(tiny: str) -> Iterator[gr.Blocks]:
    """The page in this process, so that the test sees what it keeps."""
    with served_here() as page:
        yield page


def test_a_closed_tab_is_forgotten_and_an_open_one_is_not(
    context: BrowserContext, served: gr.Blocks, tiny: str
) -> None:
    address = f"{served.local_url}?model={quote(tiny, safe='')}&corpus=wikitext-2"
    visits = served.state_holder.session_data
    tabs, sessions = [], []
    for _ in range(2):
        tabs.append(context.new_page())
        open_page(tabs[-1], address)
        expect(tabs[-1].locator("#methods-plot .main-svg").first).to_be_visible()
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
    assert set(visits) == {sessions[0]} and not staying.is_set()
    tabs[0].close()
