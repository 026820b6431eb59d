"""`nmviz bench page`: what the page's process holds in memory while a visitor uses it for long."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.request import urlopen

import aiohttp

from nmviz.base.benching import Size
from nmviz.base.errors import UserError
from nmviz.base.memory import resident
from nmviz.cli.using.own_page import READY, OwnPage, own_page
from nmviz.cli.using.visiting import Refused, Script, Visitor
from nmviz.core.experiment import Experiment
from nmviz.sources import models
from nmviz.ui.shell.view import View

ACTIONS = 300
EVERY = 100
"""Actions between two readings."""
AFTERWARDS = 60.0
"""Seconds of rest before the last one."""
SHORT = {"tokens": 256, "window": 256, "calibration_windows": 1, "new_tokens": 8}
"""Of every run and text: what is held depends on what is done, and less on how long it takes."""
PATTERNS = ("1:4", "2:4", "3:4", "4:8", "8:16", "6:16", "16:32", "50%", "60%")
CRITERIA = {
    "criterion": ("magnitude", "clact", "amber", "wina"),
    "weight_criterion": ("magnitude", "wanda", "ria"),
}
MITIGATIONS = ((), ("d-pts", "var"), ("s-pts",))
FEWEST_BLOCKS = 3
PATIENCE = 600.0
"""Seconds that one action may take."""
SHARES = {
    "setting": 30,
    "run": 25,
    "layer": 15,
    "texts": 10,
    "calibration": 8,
    "cancel": 7,
    "model": 5,
}
"""How often a kind of action is chosen, in parts of 100."""


@dataclass
class Using:
    """One visitor who does this and that, the same under the same seed."""

    visitor: Visitor
    script: Script
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    refused: list[str] = field(default_factory=list)

    @property
    def kinds(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What it can do."""
        return {
            "setting": self.set,
            "run": self.run,
            "layer": self.look,
            "texts": lambda: self.press("write"),
            "calibration": self.calibrate,
            "cancel": self.cancel,
            "model": self.switch,
        }

    async def act(self, kind: str | None = None) -> None:
        """One action, of a kind that is drawn where none is named."""
        kind = kind or self.chance.choices(list(SHARES), list(SHARES.values()))[0]
        try:
            await asyncio.wait_for(self.kinds[kind](), PATIENCE)
        except (Refused, aiohttp.ClientError, TimeoutError) as error:
            self.refused.append(f"{kind}: {str(error) or type(error).__name__}")

    async def press(self, button: str) -> None:
        await self.visitor.act(self.script.named(elem_id=button), "click")

    async def set(self) -> None:
        """Another pattern, or another method."""
        if self.chance.random() < 0.5:
            return await self._input("field-pattern", "submit", self.chance.choice(PATTERNS))
        name = self.chance.choice(list(CRITERIA))
        await self._input(f"field-{name.replace('_', '-')}", "input", self._other(CRITERIA[name]))

    async def run(self) -> None:
        """A pattern that may be new, with other mitigations, measured."""
        await self.set()
        mitigations = list(self.chance.choice(MITIGATIONS))
        await self._input("field-mitigations", "input", mitigations)
        await self.press("run")

    async def look(self) -> None:
        """One of the blocks that every model has."""
        await self._input("field-block", "input", self.chance.randrange(FEWEST_BLOCKS))

    async def calibrate(self) -> None:
        """A criterion that is calibrated on text, and its calibration."""
        await self._input("field-weight-criterion", "input", self._other(("wanda", "ria")))
        await self.press("calibrate")

    async def cancel(self) -> None:
        """A run that is stopped after a moment."""
        await self._input("field-pattern", "submit", self.chance.choice(PATTERNS))
        running = asyncio.create_task(self.press("again"))
        await asyncio.sleep(1)
        await self.press("cancel")
        await running

    async def switch(self) -> None:
        """The other of the pinned models."""
        model = self._with_class("field-model")
        others = [name for name in models.MODELS if name != self.visitor.value(model)]
        await self.visitor.act(model, "input", self.chance.choice(others))

    async def _input(self, place: str, event: str, value: object) -> None:
        await self.visitor.act(self._with_class(place), event, value)

    def _other(self, choices: tuple[str, ...]) -> str:
        return self.chance.choice(choices)

    def _with_class(self, name: str) -> int:
        for number, one in self.script.components.items():
            if name in (one["props"].get("elem_classes") or ()):
                return number
        raise Refused(f"the page has no component of the class {name}")


def long_use(actions: int = ACTIONS, afterwards: float = AFTERWARDS) -> Iterator[Size]:
    """Bytes resident before the first action, after every hundredth, and after some rest."""
    with own_page() as page:
        yield from asyncio.run(_used(page, actions, afterwards))


async def _used(page: OwnPage, actions: int, afterwards: float) -> list[Size]:
    with urlopen(f"{page.url}/config", timeout=READY) as config:
        script = Script(json.load(config))
    held: dict[str, int] = {}
    patience = aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(page.url, timeout=patience) as client:
        using = Using(Visitor(client, script), script)
        await using.visitor.open(View.build({**SHORT, "model": Experiment().model}).to_query())
        await using.press("run")
        held["after the first run"] = _resident(page.process)
        for number in range(1, actions + 1):
            await using.act()
            if number % EVERY == 0 or number == actions:
                held[f"after {number} actions"] = _resident(page.process)
        await asyncio.sleep(afterwards)
        held[f"{afterwards:.0f} s later"] = _resident(page.process)
    if len(using.refused) > actions // 10:
        raise UserError(f"The page refused {len(using.refused)} actions: {using.refused[0]}")
    first = next(iter(held.values()))
    return [
        Size(name, size, size, size, size / first, "after the first run")
        for name, size in held.items()
    ]


def _resident(process: int) -> int:
    size = resident(process)
    if size is None:
        raise UserError("This system does not tell what a process holds: run it on Linux.")
    return size
