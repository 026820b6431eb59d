"""The visitor of `nmviz bench page`, who uses a page for long, on a real one."""

import json
import os
from urllib.request import urlopen

import aiohttp
import pytest
from loops import ran
from serving import served_here

from nmviz import service
from nmviz.base.memory import resident
from nmviz.cli.using.long_use import SHARES, SHORT, Using
from nmviz.cli.using.visiting import Script, Visitor
from nmviz.store import OWN
from nmviz.ui.shell.view import View

pytestmark = pytest.mark.real  # the calibration text is fetched on first use


async def used(url: str, model: str) -> Using:
    """Every kind of action once but another model, which the test does not have."""
    with urlopen(f"{url}config") as config:
        script = Script(json.load(config))
    async with aiohttp.ClientSession(url) as client:
        using = Using(Visitor(client, script), script)
        asked = {**SHORT, "model": model, "corpus": "wikitext-2", "window": 128}
        await using.visitor.open(View.build(asked).to_query())
        for kind in SHARES:
            if kind != "model":
                await using.act(kind)
        return using


def test_a_visitor_who_acts_is_answered_and_what_ran_is_stored(tiny: str) -> None:
    with served_here() as page:
        using = ran(used(page.local_url or "", tiny))
    assert using.refused == []
    assert service.store().find(sites=False, model=tiny, source=OWN)


def test_what_a_process_holds_is_read() -> None:
    size = resident(os.getpid())
    assert size is not None and 10e6 < size < 1e12
