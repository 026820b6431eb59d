"""A visitor of the page without a browser: it calls what the page's script would call.

The page says in its configuration which event calls which handler with the values of which
components, and what follows; a visitor goes by that, so it stays true when the page changes.
"""

import asyncio
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import aiohttp
import orjson

API = "/gradio_api"
SAME = "(v) => v"  # the only script of an event that a visitor runs: the value is passed on
Json = dict[str, Any]


class Refused(Exception):
    """The server did not answer, or not with what was asked for."""


@dataclass(frozen=True)
class Script:
    """What the page's configuration says: components, and which event calls which handler."""

    config: Json

    @cached_property
    def components(self) -> dict[int, Json]:
        return {one["id"]: one for one in self.config["components"]}

    @cached_property
    def calls(self) -> list[Json]:
        return self.config["dependencies"]

    @cached_property
    def by_event(self) -> dict[tuple[int, str], list[Json]]:
        """The calls by component and event."""
        found: dict[tuple[int, str], list[Json]] = {}
        for one in self.calls:
            for component, event in one["targets"]:
                found.setdefault((component, event), []).append(one)
        return found

    @cached_property
    def following(self) -> dict[int, list[Json]]:
        """The calls that follow one, by its number."""
        found: dict[int, list[Json]] = {}
        for one in self.calls:
            found.setdefault(one["trigger_after"], []).append(one)
        return found

    def named(self, **props: str) -> int:
        """The id of the first component whose properties are these."""
        for number, one in self.components.items():
            if all(one["props"].get(name) == value for name, value in props.items()):
                return number
        raise Refused(f"the page has no component with {props}")

    def on(self, component: int, event: str) -> list[Json]:
        """The calls that an event of a component makes."""
        return self.by_event.get((component, event), [])

    def loading(self) -> list[Json]:
        """The calls that opening the page makes."""
        return [one for one in self.calls if any(target[1] == "load" for target in one["targets"])]

    def after(self, call: Json) -> list[Json]:
        """The calls that follow one."""
        return self.following.get(call["id"], [])


@dataclass
class Visitor:
    """One open page: its session, the values of its components, and its calls."""

    client: aiohttp.ClientSession
    script: Script
    query: str = ""
    session: str = field(default_factory=lambda: secrets.token_hex(6))
    values: dict[int, Any] = field(default_factory=dict)
    _waiting: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    _stream: asyncio.Task[None] | None = None

    async def open(self, query: str) -> None:
        """The page for an address, and all that it loads; a new session."""
        self.session, self.query, self.values = secrets.token_hex(6), query, {}
        async with self.client.get(f"/?{query}") as answer:
            await _checked(answer)
        await self._all(self.script.loading())

    async def act(self, component: int, event: str, value: Any = None) -> None:
        """An event of a component, with a new value where one is given; ends with its answers."""
        if value is not None:
            self.values[component] = value
        await self._all(self.script.on(component, event), component)

    def value(self, component: int) -> Any:
        known = self.script.components[component]["props"].get("value")
        return self.values.get(component, known)

    async def _all(self, calls: Iterable[Json], target: int | None = None) -> None:
        await asyncio.gather(*(self._call(one, target) for one in calls))

    async def _call(self, call: Json, target: int | None) -> None:
        changed: list[int] = []
        if call["backend_fn"]:
            changed = self._take(call, await self._answer(call, target))
        elif call["js"] == SAME:
            (copy,) = changed = call["outputs"]
            self.values[copy] = self.value(target or 0)
        moved = [one for number in changed for one in self.script.on(number, "change")]
        follow = [*self.script.after(call), *(one for one in moved if one["backend_fn"])]
        await self._all(follow, target)

    async def _answer(self, call: Json, target: int | None) -> Json:
        body = {
            "data": [self.value(number) for number in call["inputs"]],
            "event_data": None,
            "fn_index": call["id"],
            "trigger_id": target,
            "session_hash": self.session,
        }
        where = f"?{self.query}" if self.query else ""
        how = "queue/join" if call["queue"] else "run/predict"
        async with self.client.post(f"{API}/{how}{where}", json=body) as answer:
            told: Json = await _checked(answer)
        if not call["queue"]:
            return told
        done = asyncio.get_running_loop().create_future()
        self._waiting[told["event_id"]] = done
        if self._stream is None or self._stream.done():
            self._stream = asyncio.create_task(self._listen())
        return await done

    async def _listen(self) -> None:
        """The stream of what is queued, until nothing is waited for."""
        try:
            asked = {"session_hash": self.session}
            async with self.client.get(f"{API}/queue/data", params=asked) as stream:
                async for line in stream.content:
                    if line.startswith(b"data:"):
                        self._hear(orjson.loads(line[5:]))
        finally:
            for one in self._waiting.values():
                one.set_exception(Refused("the stream ended"))
            self._waiting.clear()

    def _hear(self, message: Json) -> None:
        if message["msg"] != "process_completed":
            return
        done = self._waiting.pop(message["event_id"], None)
        if done is None:
            return
        if message["success"]:
            done.set_result(message["output"])
        else:
            done.set_exception(Refused(str(message["output"])))

    def _take(self, call: Json, answer: Json) -> list[int]:
        """The components that an answer has changed."""
        changed = list(answer.get("changed_state_ids") or ())
        for number, given in zip(call["outputs"], answer["data"], strict=True):
            if isinstance(given, dict) and given.get("__type__") == "update":
                if "value" not in given:
                    continue
                given = given["value"]
            if self.script.components[number]["type"] != "state" and given != self.value(number):
                changed.append(number)
            self.values[number] = given
        return changed


async def _checked(answer: aiohttp.ClientResponse) -> Any:
    """What an answer holds. Refused for any but a good one."""
    body = await answer.read()
    if answer.status != 200:
        raise Refused(f"{answer.status}: {body[:200]!r}")
    return orjson.loads(body) if answer.content_type == "application/json" else None
