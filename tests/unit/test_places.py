"""Live work in turns: first come first served, and whoever is stopped while waiting is gone."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest
from loops import ran

from nmviz.base.errors import UserError
from nmviz.ui.shell import places
from nmviz.ui.shell.places import Places, in_turn
from nmviz.ui.shell.sessions import Turn


def test_the_first_come_are_first_served() -> None:
    one, two, three, four = map(Turn, range(4))
    live = Places(2)
    assert [live.before(turn) for turn in (one, two, three, four)] == [0, 0, 1, 2]
    assert live.before(one) == 0  # it keeps its place
    live.leave(three)
    assert live.before(four) == 1
    live.leave(one)
    assert live.before(four) == 0 and live.before(three) == 1
    live.leave(Turn(9))  # nobody


def test_of_too_many_the_last_is_told_to_come_later() -> None:
    live = Places(1)
    turns = list(map(Turn, range(places.MOST_WAITING + 2)))
    for turn in turns[:-1]:
        live.before(turn)
    with pytest.raises(UserError, match="try again later"):
        live.before(turns[-1])
    live.leave(turns[3])
    assert live.before(turns[-1]) == places.MOST_WAITING


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> tuple[Places, Turn]:
    """One place, and who has it."""
    live, busy = Places(1), Turn(1)
    assert live.before(busy) == 0
    monkeypatch.setattr(places, "LIVE", live)
    monkeypatch.setattr(places, "SECONDS_BETWEEN_LOOKS", 0.001)
    return live, busy


def steps(turn: Turn) -> Iterator[str]:
    yield "stopped" if turn.is_set() else "worked"


async def collected(turn: Turn, stop: Turn | None = None) -> list[str]:
    said = []
    async for step in in_turn(turn, lambda: steps(turn), lambda before: f"{before} before"):
        said.append(step)
        if stop is not None:
            stop.set()
    return said


def test_cancel_ends_the_waiting_at_once_and_frees_the_place(full: tuple[Places, Turn]) -> None:
    live, busy = full
    waiting = Turn(2)
    assert ran(collected(waiting, stop=waiting)) == ["1 before", "stopped"]
    assert live.before(Turn(3)) == 1  # nobody else waits
    assert not busy.is_set()


def test_work_begins_when_a_place_is_free(full: tuple[Places, Turn]) -> None:
    live, busy = full

    async def both() -> list[str]:
        waiting = asyncio.create_task(collected(Turn(2)))
        await asyncio.sleep(0.05)
        live.leave(busy)
        return await waiting

    assert ran(both()) == ["1 before", "worked"]
    assert live.before(Turn(4)) == 0  # what has ended has left


def test_a_page_that_is_full_says_so_in_one_sentence(full: tuple[Places, Turn]) -> None:
    live, _ = full
    for number in range(places.MOST_WAITING):
        live.before(Turn(10 + number))
    with pytest.raises(gr.Error, match="try again later") as told:
        ran(collected(Turn(2)))
    assert not told.value.print_exception


def test_whoever_goes_while_it_works_leaves_the_place(full: tuple[Places, Turn]) -> None:
    live, busy = full
    live.leave(busy)

    async def gone() -> None:
        turn = Turn(2)
        working = in_turn(turn, lambda: steps(turn), str)
        await anext(working)
        await working.aclose()

    ran(gone())
    assert live.before(Turn(5)) == 0


def test_memory_is_given_back_after_live_work(monkeypatch: pytest.MonkeyPatch) -> None:
    given = threading.Event()
    monkeypatch.setattr(places, "give_back", given.set)
    monkeypatch.setattr(places, "SECONDS_UNTIL_LET_GO", 0)

    async def work() -> list[int]:
        return [step async for step in in_turn(Turn(0), lambda: iter([1, 2]), lambda before: 0)]

    assert ran(work()) == [1, 2]
    assert given.wait(5)


@pytest.mark.parametrize("another", [False, True])
def test_after_a_rest_what_waited_for_more_work_is_let_go_of(
    another: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[float, Any]] = []
    monkeypatch.setattr(places, "_later", lambda seconds, do: done.append((seconds, do)))
    monkeypatch.setattr(places, "LIVE", Places(2))
    rested: list[bool] = []
    monkeypatch.setattr(places.holding, "rest", lambda: rested.append(True))

    async def work() -> list[int]:
        return [step async for step in in_turn(Turn(0), lambda: iter([1]), lambda before: 0)]

    ran(work())
    if another:
        assert places.LIVE.before(Turn(1)) == 0
    (rest,) = (do for seconds, do in done if seconds == places.SECONDS_UNTIL_REST)
    rest()
    assert bool(rested) is not another
