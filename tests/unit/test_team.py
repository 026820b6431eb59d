"""Work of our own on the threads that torch multiplies with."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from nmviz.base.errors import UserError
from nmviz.engine.prune import kernels
from nmviz.engine.prune.kernels import team

MATRIX = torch.randn(64, 4096, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def a_team() -> None:
    if team.each(1, str) is None:
        pytest.skip("torch has no libgomp of its own here")


@pytest.mark.parametrize("parts", [1, 2, 5, 40])
def test_a_team_does_every_part_once(parts: int, a_team: None) -> None:
    done: list[int] = []

    def square(number: int) -> int:
        done.append(number)
        return number**2

    assert team.each(parts, square) == [number**2 for number in range(parts)]
    assert sorted(done) == list(range(parts))


def test_what_a_part_raises_is_raised_once_the_others_have_ended(a_team: None) -> None:
    done: list[int] = []

    def fails(number: int) -> None:
        if number == 1:
            raise UserError("one is too many")
        done.append(number)

    with pytest.raises(UserError, match="one is too many"):
        team.each(4, fails)
    assert sorted(done) == [0, 2, 3]


def test_teams_of_several_callers_do_not_mix() -> None:
    wanted = kernels.prune(MATRIX, None, 8, 16)
    with ThreadPoolExecutor(4) as pool:
        for made in pool.map(lambda _: kernels.prune(MATRIX, None, 8, 16), range(40)):
            assert torch.equal(made, wanted)


def test_without_torchs_threads_there_are_others(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = kernels.prune(MATRIX, None, 8, 16)
    monkeypatch.setattr(team, "_team", lambda: None)
    assert team.each(2, str) is None
    assert torch.equal(kernels.prune(MATRIX, None, 8, 16), wanted)
