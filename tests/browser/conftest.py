"""The real app in a process of its own, and a Chromium to look at it with."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, Page, ViewportSize, expect
from serving import free_port, wait_for
from visitor import PATIENCE, App, Visit

ROOT = Path(__file__).parents[2]
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser")
"""The first is Chromium without the windows and menus of a desktop: a third less work."""
SIZE: ViewportSize = {"width": 1280, "height": 900}

expect.set_options(timeout=1000 * PATIENCE)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of Chromium; without one the tests skip, or fail where it is required."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None and os.environ.get("NMVIZ_REQUIRE_BROWSER") == "1":
        pytest.fail("NMVIZ_REQUIRE_BROWSER=1, but there is no chromium on the path")
    if found is None:
        pytest.skip("there is no chromium on the path")
    return found


@pytest.fixture(scope="session")
def browser_type_launch_args(chromium: str) -> dict[str, object]:
    quiet = ("background-networking", "component-update", "sync", "gpu")
    return {
        "executable_path": chromium,
        "args": ["--no-sandbox", *(f"--disable-{name}" for name in quiet)],
    }


@pytest.fixture(scope="session")
def app(
    chromium: str, tiny_model: Path, shipped: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[App]:
    """The app with the tiny model, a corpus in a folder and a store of what ships.

    Afterwards nothing may have gone wrong in it.
    """
    folder = tmp_path_factory.mktemp("app")
    _write_corpus(folder)
    shutil.copy(shipped, folder / "store.sqlite")
    port = free_port()
    environment = {
        **os.environ,
        "NMVIZ_MODELS": str(tiny_model),
        "NMVIZ_WIKITEXT2": str(folder),
        "NMVIZ_CACHE": str(_own_cache(folder)),
        "NMVIZ_STORE_URL": f"sqlite:///{folder / 'store.sqlite'}",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_SERVER_PORT": str(port),
        "PYTHONPATH": str(ROOT),
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py")],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(url, process, folder / "log", PATIENCE)
            yield App(url, str(tiny_model))
            said = (folder / "log").read_text()
            assert "Traceback" not in said, said
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.fixture(scope="session")
def context(
    browser_type: BrowserType,
    browser_type_launch_args: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[BrowserContext]:
    """A browser with a light theme and a clipboard; it has the page's files from the first test.

    It has a folder, since only then Chromium keeps what it compiled of the page's scripts too.
    """
    made = browser_type.launch_persistent_context(
        tmp_path_factory.mktemp("chromium"),
        **browser_type_launch_args,
        viewport=SIZE,
        color_scheme="light",
        reduced_motion="reduce",  # what moves while it waits is drawn 60 times a second
        permissions=["clipboard-read", "clipboard-write"],
    )
    made.set_default_timeout(1000 * PATIENCE)
    yield made
    made.close()


@pytest.fixture(scope="session")
def browser(context: BrowserContext) -> Browser:
    """The same, for visitors who share nothing with those of `context`."""
    assert context.browser is not None
    return context.browser


@pytest.fixture
def visit(context: BrowserContext, app: App) -> Iterator[Visit]:
    """A visitor's page; afterwards nothing may have gone wrong in the browser."""
    others = list(context.pages)
    visit = Visit(context.new_page(), app.url)
    visit.watch()
    yield visit
    faults = list(visit.faults)
    visit.page.evaluate("localStorage.clear()")
    for page in context.pages:
        if page not in others:
            page.close()
    assert faults == []


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit.page


@pytest.fixture(scope="session")
def staying(context: BrowserContext, app: App) -> Iterator[Visit]:
    """A visitor who stays: opening the page is most of what a short test would wait for."""
    visit = Visit(context.new_page(), app.url)
    visit.watch()
    yield visit
    visit.page.close()
    assert visit.faults == []


@pytest.fixture
def kept(staying: Visit, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page of the visitor who stays, for tests that say with `be_at` where it has to be.

    Afterwards nothing may have gone wrong in the browser, and what no address has is as it was. A
    test that fails leaves the page to no other.
    """
    page, failed = staying.page, request.session.testsfailed
    yield page
    faults = list(staying.faults)
    staying.faults.clear()
    page.set_viewport_size(SIZE)
    page.evaluate("localStorage.clear()")
    if request.session.testsfailed > failed or faults:
        page.goto("about:blank")
    assert faults == []


def _write_corpus(folder: Path) -> None:
    from tiny import PARAGRAPHS

    text = "\n\n".join(PARAGRAPHS * 200)
    for name in ("wiki.test.raw", "wiki.valid.raw"):
        (folder / name).write_text(text, encoding="utf-8")


def _own_cache(folder: Path) -> Path:
    """What was fetched before, without what was calibrated before."""
    from nmviz.base.cache import cache_dir

    own = folder / "cache"
    own.mkdir()
    for entry in cache_dir().glob("*"):
        if entry.name != "calibrated":
            (own / entry.name).symlink_to(entry)
    return own
