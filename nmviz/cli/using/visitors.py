"""`nmviz bench visitors`: many visitors at once, against the page in a process of its own."""

import asyncio
import json
import random
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from time import perf_counter
from urllib.request import urlopen

import aiohttp

from nmviz import service
from nmviz.base.benching import Row
from nmviz.base.errors import UserError
from nmviz.cli.using.own_page import READY, own_page
from nmviz.cli.using.visiting import API, Refused, Script, Visitor
from nmviz.store import OWN
from nmviz.ui.shell.view import View
from nmviz.views.published.catalogue import FIGURES

VISITORS = 200
BESIDE_A_RUN = 50
SECONDS = 90.0
LONGEST_RUN = 900.0
PAUSE = 10.0
"""Seconds between two actions of a visitor, on average."""
KINDS = {"opening": 0.1, "setting": 0.5, "tab or figure": 0.4}
PATTERNS = "Pattern: keep N of every M, or drop P%"
TABS = ("Published", "Claims")
MOST_LINKS = 14
ALONE = 7
"""Times that one visitor does each."""
CONNECTIONS = 6
IDLE = 4.0
"""Seconds that a connection is kept; the server closes it after five."""
TIMED = {"window": 512, "tokens": 2048, "corpus": "wiki-leads", "precision": 0}
UNUSUAL = ("6:16", "7:16", "9:16", "10:16", "5:16", "11:16", "4:16", "12:16", "3:16")
"""Patterns that no shipped run has, one a run that is timed."""


@dataclass(frozen=True)
class VisitorsRow(Row):
    """Of one kind of action also how many there were, the 95th percentile, and what was refused."""

    count: int
    p95: float
    refused: int


@dataclass
class Log:
    """What the actions of each kind took, in seconds, and what was refused."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    refused: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    def rows(self, title: str, alone: "Log") -> Iterator[Row]:
        """A row a kind, against the same of a visitor alone."""
        for kind, seconds in self.seconds.items():
            base = alone.seconds[kind] or seconds
            refused = len(self.refused[kind])
            if not seconds:
                raise UserError(f"No visitor got an answer to {kind}: {self.refused[kind][:1]}.")
            middle = median(seconds)
            p95 = quantiles(seconds, n=20)[-1] if len(seconds) > 1 else middle
            yield VisitorsRow(
                f"{kind}, {title}",
                middle,
                min(seconds),
                max(seconds),
                middle / median(base),
                f"{kind}, one visitor",
                len(seconds) + refused,
                p95,
                refused,
            )


@dataclass
class Acting:
    """The visitors' choices: by address, the patterns that the store answers on its text."""

    url: str
    script: Script
    answered: Mapping[str, Sequence[str]]
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    door: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))
    here: int = 0
    coming: int = 0
    resting: bool = False
    over: bool = False

    async def act(self, visitor: Visitor, kind: str) -> None:
        """One action of that kind."""
        if kind == "opening":
            await visitor.open(self.chance.choice(list(self.answered)))
        elif kind == "setting":
            now = visitor.value(self.script.named(label=PATTERNS))
            others = [one for one in self.answered[visitor.query] if one != now]
            await self.choose(visitor, self.chance.choice(others))
        elif self.chance.random() < 0.5:
            await self.draw(visitor, self.chance.choice(sorted(FIGURES)))
        else:
            await self.turn_to(visitor, self.chance.choice(TABS))

    async def choose(self, visitor: Visitor, pattern: str) -> None:
        """Another pattern, by its chip."""
        await visitor.act(self.script.named(label=PATTERNS), "input", pattern)

    async def draw(self, visitor: Visitor, figure: str) -> None:
        """A figure of the paper, by its menu."""
        await visitor.act(self.script.named(elem_id="published-ready"), "input", figure)

    async def turn_to(self, visitor: Visitor, tab: str) -> None:
        """Another tab."""
        await visitor.act(self.script.named(label=tab), "select")

    async def timed(self, visitor: Visitor, kind: str, log: Log) -> None:
        began = perf_counter()
        try:
            await self.act(visitor, kind)
            log.seconds[kind].append(perf_counter() - began)
        except (Refused, aiohttp.ClientError, TimeoutError) as error:
            log.refused[kind].append(str(error) or type(error).__name__)

    async def stay(self, log: Log, seconds: float) -> None:
        """A visitor who has the page open and acts now and then, first at any moment of a pause."""
        async with self.browser() as client:
            visitor = Visitor(client, self.script)
            async with self.door:
                await visitor.open(self.chance.choice(list(self.answered)))
            self.here += 1
            while self.here < self.coming:
                await asyncio.sleep(0.05)
            await asyncio.sleep(self.chance.random() * PAUSE)
            until = perf_counter() + seconds
            while perf_counter() < until and not self.over:
                (kind,) = self.chance.choices(list(KINDS), list(KINDS.values()))
                began = perf_counter()
                if not self.resting:
                    await self.timed(visitor, kind, log)
                await asyncio.sleep(max(0.0, PAUSE - (perf_counter() - began)))

    async def crowd(self, count: int, seconds: float) -> Log:
        """What they all did until then, from when the last of them has opened the page."""
        log = Log()
        self.here, self.coming = 0, count
        await asyncio.gather(*(self.stay(log, seconds) for _ in range(count)))
        return log

    def browser(self) -> aiohttp.ClientSession:
        """One with connections of its own, as many as a browser has."""
        connections = aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=IDLE)
        patience = aiohttp.ClientTimeout(total=LONGEST_RUN)
        return aiohttp.ClientSession(self.url, connector=connections, timeout=patience)


def visitors(count: int = VISITORS, seconds: float = SECONDS) -> Iterator[Row]:
    """One visitor, then many, then a live run alone and beside some."""
    answered = answered_from_the_store()
    with own_page() as page:
        yield from asyncio.run(_measured(page.url, answered, count, seconds))


def answered_from_the_store() -> dict[str, list[str]]:
    """Addresses whose experiments are both stored, each with the patterns that are stored on its
    text. UserError without any."""
    found = service.store().find(sites=False, source=OWN, target="activation")
    asked = {
        (one.experiment.corpus, one.experiment.tokens, one.experiment.pattern) for one in found
    }
    by_text: dict[Hashable, dict[str, str]] = {}  # addresses by pattern
    for corpus, tokens, pattern in sorted(asked, key=str):
        try:
            view = View.build({"corpus": corpus, "tokens": tokens, "pattern": pattern})
            stored = all(service.lookup(one) for one in view.experiments())
        except UserError:
            continue
        if stored:
            by_text.setdefault((corpus, tokens), {})[pattern] = view.to_query()
    links = {link: sorted(on) for on in by_text.values() for link in on.values()}
    if not links:
        raise UserError("The store answers no experiment: run `nmviz store build` first.")
    several = {link: patterns for link, patterns in links.items() if len(patterns) > 1}
    return dict(list(several.items())[:MOST_LINKS])


async def _measured(
    url: str, answered: Mapping[str, Sequence[str]], count: int, seconds: float
) -> list[Row]:
    with urlopen(f"{url}/config", timeout=READY) as config:
        script = Script(json.load(config))
    acting = Acting(url, script, answered)
    async with acting.browser() as client:
        visitor = Visitor(client, script)
        await _warmed(acting, visitor)
        alone = Log()
        for kind in KINDS:
            for _ in range(ALONE):
                await acting.timed(visitor, kind, alone)
        rows = list(alone.rows("one visitor", alone))
        many = await acting.crowd(count, seconds)
        rows += many.rows(f"{count} visitors", alone)
        return [*rows, *await _beside_a_run(acting, client)]


async def _warmed(acting: Acting, visitor: Visitor) -> None:
    """The model is loaded, and everything was asked once, as on a page that runs since a while."""
    for link, patterns in acting.answered.items():
        await visitor.open(link)
        for pattern in patterns:
            await acting.choose(visitor, pattern)
        await acting.choose(visitor, patterns[0])
    for figure in (None, *FIGURES):
        if figure:
            await acting.draw(visitor, figure)
        for tab in TABS:
            await acting.turn_to(visitor, tab)


async def _beside_a_run(acting: Acting, client: aiohttp.ClientSession) -> list[Row]:
    """Live runs by turns alone and beside visitors; the first one loads what every later one has.
    Of two in a row the one beside visitors comes first every other time."""
    crowd = asyncio.create_task(acting.crowd(BESIDE_A_RUN, LONGEST_RUN))
    while acting.here < BESIDE_A_RUN:
        await asyncio.sleep(0.1)
    first, *patterns = UNUSUAL
    acting.resting = True
    await _run(client, first)
    times: dict[bool, list[float]] = {True: [], False: []}
    for number, pattern in enumerate(patterns):
        acting.resting = number % 4 in (0, 3)
        times[acting.resting].append(await _run(client, pattern))
    acting.over = True
    await crowd
    base, name = median(times[True]), "live run, alone"
    cases = {name: times[True], f"live run, {BESIDE_A_RUN} visitors": times[False]}
    return [
        Row(case, median(one), min(one), max(one), median(one) / base, name)
        for case, one in cases.items()
    ]


async def _run(client: aiohttp.ClientSession, pattern: str) -> float:
    """Seconds that measuring one experiment takes, through the endpoint."""
    began = perf_counter()
    asked = {"data": [{"pattern": pattern, **TIMED}]}
    async with client.post(f"{API}/call/run", json=asked) as answer:
        event = (await answer.json())["event_id"]
    async with client.get(f"{API}/call/run/{event}") as answer:
        said = await answer.text()
    if "event: error" in said or '"done"' not in said:
        raise UserError(f"The live run failed: {said[-200:]}")
    return perf_counter() - began
