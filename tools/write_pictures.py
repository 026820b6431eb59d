"""Write the pictures of the README, docs/pictures/: the page as it is, in Chromium.

    python tools/write_pictures.py

A page of its own serves what ships; nothing of a model is run but the layer that is looked at.
"""

import io
import shutil
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from nmviz.cli.using.own_page import own_page

PLACE = Path(__file__).parents[1] / "docs" / "pictures"
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser")
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 780}
COLOURS = 128
"""Of a picture's palette: the page has few, and a repository keeps every picture for ever."""
SLOWEST = 120_000  # milliseconds
FRAME = 900  # milliseconds a picture of the moving one


def main() -> None:
    PLACE.mkdir(exist_ok=True)
    chromium = next(filter(None, map(shutil.which, BROWSERS)))
    with own_page() as served, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, (query, prepare, size) in PICTURES.items():
            page = opened(browser, f"{served.url}/?{query}", size)
            prepare(page)
            save(page, name)
            page.close()
        first_minute(browser, served.url)
        browser.close()


def opened(browser: Browser, address: str, size: dict[str, int]) -> Page:
    page = browser.new_page(viewport=size, reduced_motion="reduce")  # type: ignore[arg-type]
    page.set_default_timeout(SLOWEST)
    page.goto(address)
    page.locator("#first-paint").wait_for(state="detached")
    page.wait_for_timeout(1500)
    return page


def explore(page: Page) -> None:
    page.locator("#depth-plot .main-svg").first.wait_for()


def layer(page: Page) -> None:
    page.locator("#activation-mask .main-svg").first.wait_for()
    page.locator("#layer").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('#layer').scrollIntoView()")
    page.wait_for_timeout(1500)


def tradeoffs(page: Page) -> None:
    page.locator("#tradeoffs-plot .main-svg").first.wait_for()
    page.evaluate("document.querySelector('#tradeoffs-frontier').scrollIntoView()")
    page.wait_for_timeout(1500)


def tray(page: Page) -> None:
    page.locator("#cards .pin").nth(1).click()
    page.locator("#cards .pin").nth(2).click()
    page.locator("#tray .tray-open").click()
    page.locator("#tray table").first.wait_for()
    page.wait_for_timeout(1500)


def lesson(page: Page) -> None:
    page.locator("#lessons .step:not([hidden])").first.wait_for()
    page.wait_for_timeout(1500)


PICTURES: dict[str, tuple[str, Callable[[Page], None], dict[str, int]]] = {
    "explore": ("__theme=light", explore, WIDE),
    "layer": ("pattern=2:4&__theme=dark", layer, WIDE),
    "tray": ("__theme=light", tray, WIDE),
    "trade-offs": ("tab=trade-offs&__theme=dark", tradeoffs, WIDE),
    "lesson": ("tab=lessons&lesson=1&step=2&__theme=light", lesson, PHONE),
}
"""By name: what is opened, what is done there, and the size of the window."""


def first_minute(browser: Browser, url: str) -> None:
    """The hand is played, another pattern chosen, and the figure of errors looked at."""
    page = opened(browser, f"{url}/?__theme=light", {"width": 960, "height": 640})
    explore(page)
    frames = [frame(page)]
    for place in (3, 7, 10):
        page.locator("#hand button.cell").nth(place).click()
        frames.append(frame(page))
    page.locator("#hand button.chip", has_text="By size").first.click()
    frames.append(frame(page))
    for pattern in ("2:4", "50%"):
        page.locator(".chips label", has_text=pattern).first.click()
        page.wait_for_timeout(2500)
        frames.append(frame(page))
    page.evaluate("document.querySelector('#depth').scrollIntoView()")
    page.wait_for_timeout(1000)
    frames.append(frame(page))
    first, *rest = frames
    first.save(
        PLACE / "first-minute.gif", save_all=True, append_images=rest, duration=FRAME, loop=0
    )
    page.close()


def frame(page: Page) -> Image.Image:
    return _few_colours(page.screenshot())


def save(page: Page, name: str) -> None:
    _few_colours(page.screenshot()).save(PLACE / f"{name}.png", optimize=True)


def _few_colours(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS)


if __name__ == "__main__":
    main()
