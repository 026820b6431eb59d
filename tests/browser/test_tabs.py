"""Tabs of one browser, which has six connections to a server for all of them together."""

import time
from collections.abc import Iterator
from urllib.parse import quote

import gradio as gr
import pytest
from playwright.sync_api import BrowserContext, expect

from nmviz.ui.launch import build, launch_kwargs
from nmviz.ui.shell.sessions import SESSIONS

pytestmark = pytest.mark.browser

PATIENCE = 120


@pytest.fixture
def served(tiny: str) -> Iterator[gr.Blocks]:
    """The page in this process, so that the test sees what it keeps."""
    page = build()
    page.launch(prevent_thread_lock=True, server_name="127.0.0.1", **launch_kwargs())
    yield page
    page.close()


def test_a_closed_tab_is_forgotten_and_an_open_one_is_not(
    context: BrowserContext, served: gr.Blocks, tiny: str
) -> None:
    address = f"{served.local_url}?model={quote(tiny, safe='')}&corpus=wikitext-2"
    visits = served.state_holder.session_data
    tabs, sessions = [], []
    for _ in range(2):
        known = set(visits)
        tabs.append(context.new_page())
        tabs[-1].goto(address)
        expect(tabs[-1].locator("#leaving [data-said]")).to_be_attached()
        sessions += set(visits) - known
    staying, closing = map(SESSIONS.start, sessions)
    tabs[1].close()
    assert closing.wait(PATIENCE)
    until = time.monotonic() + PATIENCE
    while sessions[1] in visits and time.monotonic() < until:
        time.sleep(0.1)
    assert set(visits) == {sessions[0]} and not staying.is_set()
    tabs[0].close()
