"""The app under test, a visitor of it, and what visitors do all the time."""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlsplit

from playwright.sync_api import Locator, Page, Request, expect

PATIENCE = 120
"""Seconds: how fast the page is here is no test, and other tests run beside these."""

LEAVING = ("AbortError: signal is aborted", "Unexpected error Connection errored out")
"""What Gradio logs when a page is left while a request is under way."""

FIGURES = (
    *("depth-plot", "weight-inputs", "activation-inputs", "weight-mask", "activation-mask"),
    "methods-plot",
)

LIGHT_TEXT, DARK_TEXT = "rgb(31, 41, 51)", "rgb(229, 231, 235)"

COUNT_RUNS = """() => {
    window.runsSeen?.disconnect();
    window.runsBegun = 0;
    let shown = true;
    window.runsSeen = new MutationObserver(() => {
        const button = document.querySelector("#run");
        const now = Boolean(button && button.offsetParent);
        if (shown && !now) window.runsBegun += 1;
        shown = now;
    });
    window.runsSeen.observe(document.body, { subtree: true, childList: true, attributes: true });
}"""
"""While something runs Cancel stands where Run was, however short it is."""


OPENS_AT = {"block": "1", "projection": "down"}
"""The middle of the tiny model, which the page writes into the address with the first change."""


@dataclass(frozen=True)
class App:
    """A running app and the id of its tiny model."""

    url: str
    model: str

    def address(self, query: str = "") -> str:
        """A page of the tiny model on the small corpus; `query` comes on top."""
        usual = f"model={quote(self.model, safe='')}&corpus=wikitext-2"
        usual += "&tokens=512&window=64&new_tokens=12"
        return f"{self.url}/?{usual}" + (f"&{query}" if query else "")


@dataclass
class Visit:
    """One page, with everything it should not have done."""

    page: Page
    home: str
    faults: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Note console errors, exceptions, and requests that leave this machine."""
        self.page.on("console", lambda m: self._fault(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self._fault(str(error)))
        self.page.on("request", self._check)

    def _fault(self, text: str) -> None:
        if not text.strip().startswith(LEAVING):
            self.faults.append(text)

    def _check(self, request: Request) -> None:
        if not request.url.startswith((self.home, "data:", "blob:")):
            self.faults.append(f"asked {request.url}")


def appears(what: Locator) -> None:
    """Wait until it is there and visible.

    While it is not there, `expect` describes the whole page to itself at every look: a tenth of the
    browser's work while a page opens.
    """
    what.wait_for(timeout=1000 * PATIENCE)


def open_page(page: Page, address: str) -> None:
    """Open an address and wait until the layer's pictures are there: the model is loaded."""
    page.goto(address)
    appears(page.locator("#weight-mask .main-svg").first)


def be_at(page: Page, address: str, seen: str = "#methods-plot") -> None:
    """As `open_page`, but a page that was opened there and has all its settings back stays.

    The address has every setting and the tab, so one that left anything changed is opened anew.
    `seen` is the figure of that tab which comes last.
    """
    if settings_of(page.url) != settings_of(address):
        page.goto(address)
    appears(page.locator(f"{seen} .main-svg").first)


def back_at(page: Page, address: str) -> None:
    """Wait until the page has all settings of that address again."""
    page.wait_for_url(lambda url: settings_of(url) == settings_of(address))


def settings_of(address: str) -> dict[str, str]:
    """What an address says in whatever order, and the layer that is shown where it names none; the
    version of the link says nothing."""
    told = dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))
    return OPENS_AT | {name: value for name, value in told.items() if name != "v"}


def show(page: Page, tab: str) -> None:
    """Press a tab."""
    page.get_by_role("tab", name=tab).click()


def run(page: Page) -> None:
    """Press Run, and wait for the figures and the texts."""
    page.locator("#run").click()
    expect(page.locator("#run")).to_be_hidden()
    appears(page.locator("#run"))


def count_runs(page: Page) -> None:
    """From now on the page counts how often anything is begun in place of Run."""
    page.evaluate(COUNT_RUNS)


def runs_begun(page: Page) -> int:
    return int(page.evaluate("window.runsBegun"))


def choose(page: Page, pattern: str) -> None:
    """Press the button of a preset pattern, and wait until the address has it."""
    page.locator(".chips label", has_text=pattern).first.click()
    page.wait_for_url(lambda url: settings_of(url).get("pattern", "8:16") == pattern)


def nothing_scrolls_sideways(page: Page) -> None:
    width = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1]


def card(page: Page, column: str) -> str:
    """The text of the card of dense, weight or activation."""
    return page.locator(f"#cards .card.{column}").inner_text()
