"""`nmviz mcp`, asked by the protocol's own client over stdin and stdout."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from loops import ran
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from nmviz.base.errors import UserError
from nmviz.library import tools
from nmviz.library.tools import TOOLS, server

TWO, EIGHT = {"pattern": "2:4"}, {"pattern": "8:16"}
STORED = {"model": "smollm2-135m", "corpus": "wikitext-2", "tokens": 8192, **TWO}
Call = Callable[..., Awaitable[Any]]


def asked(store: Path, what: Callable[[ClientSession, Call], Awaitable[None]]) -> None:
    """Start the command, and ask it."""
    environment = {**os.environ, "NMVIZ_STORE_URL": f"sqlite:///{store}"}
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "nmviz", "mcp"], env=environment
    )

    async def ask() -> None:
        async with stdio_client(command) as streams, ClientSession(*streams) as session:
            await session.initialize()

            async def call(name: str, **arguments: Any) -> Any:
                answer = await session.call_tool(name, arguments)
                said = [one.text for one in answer.content if one.type == "text"]
                if answer.isError:
                    return " ".join(said)
                told = (answer.structuredContent or {}).get("result", answer.structuredContent)
                return json.loads(said[0]) if told is None else told

            await what(session, call)

    ran(asyncio.wait_for(ask(), timeout=120))


def test_an_assistant_finds_compares_and_is_told_what_is_wrong(own_store: Path) -> None:
    async def what(session: ClientSession, call: Call) -> None:
        offered = (await session.list_tools()).tools
        assert [one.name for one in offered] == [one.__name__ for one in TOOLS]
        assert all(one.description for one in offered)
        found = await call("lookup", experiment=STORED)
        figures = {one["metric"]: one for one in found["figures"]}
        assert found["found"] and figures["delta_nll"]["stderr"] > 0
        again = await call("run", experiment=STORED)  # from the store, at once
        assert again["key"] == found["key"]
        apart = await call("compare", a=found["key"], b={**STORED, **EIGHT})
        row = next(one for one in apart["rows"] if one["metric"] == "delta_nll")
        assert row["verdict"] == "real" and row["a"] == figures["delta_nll"]["value"]
        assert (await call("lookup", experiment={**STORED, "seed": 77, "criterion": "random"})) == {
            "found": False
        }
        wrong = await call("lookup", experiment={"pattern": "plan.yaml"})
        assert "plan.yaml" in wrong and "Traceback" not in wrong
        assert any(one["name"] == "wanda" for one in await call("methods"))
        assert any(one["id"] == "smollm2-135m" for one in await call("models"))
        printed = await call("published", choice={"patterns": "2:4", "metric": "perplexity"})
        assert 0 < len(printed) <= tools.MOST_ROWS
        priced = await call("cost", model="smollm2-135m", settings={"pattern": "2:4"})
        assert {"model", "machine", "phase"} <= priced.keys()

    asked(own_store, what)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp.server.fastmcp", None)
    with pytest.raises(UserError, match=r"pip install 'nmviz\[mcp\]'"):
        server()
