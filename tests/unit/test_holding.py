"""The budget of what is kept in memory, who holds what, and what is given back."""

import subprocess
import sys

import pytest

from nmviz.base import holding
from nmviz.base.errors import UserError
from nmviz.base.memory import resident


@pytest.mark.parametrize(
    ("said", "size"),
    [
        ("", holding.USUAL),
        ("512M", 512 * 2**20),
        ("2G", 2**31),
        (" 1.5 gib ", 3 * 2**29),
        ("300KB", 300 * 2**10),
        ("4096", 4096),
        ("0", 0),
    ],
)
def test_the_budget_is_a_size(said: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(holding.MEMORY, said)
    assert holding.budget() == size
    assert holding.of_captures() + holding.of_passes() == size
    assert holding.of_captures() <= min(size, 2**28)


@pytest.mark.parametrize("said", ["much", "-1G", "1e9", "2 G B", "G", "1,5G", "inf"])
def test_what_is_no_size_is_refused(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(holding.MEMORY, said)
    with pytest.raises(UserError, match=r"NMVIZ_MEMORY is .*: give a size such as 512M or 2G"):
        holding.budget()


def test_whoever_holds_something_is_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "_held", {})
    kept = [bytes(10)]
    holding.holds("letters", lambda: sum(map(len, kept)))
    assert holding.held() == {"letters": 10}
    holding.holds("words", lambda: 7, None)
    holding.rest()  # nobody said how to let go
    assert holding.held() == {"letters": 10, "words": 7}
    holding.holds("letters", lambda: sum(map(len, kept)), kept.clear)
    holding.rest()
    assert holding.held() == {"letters": 0, "words": 7}


FREED = """
from nmviz.base.memory import give_back, resident

before = resident()
kept = [bytearray(4000) for _ in range(50_000)]  # 200 MB in pieces, which the heap keeps
last = kept[-1]  # and what lies behind holds all the others there
full = resident()
del kept
give_back()
print(before, full, resident())
"""


def test_what_is_let_go_of_is_given_back() -> None:
    if resident() is None:
        pytest.skip("nobody tells what is resident here")
    done = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)
    before, full, after = map(int, done.stdout.split())
    assert full - before > 150e6
    assert after - before < 50e6
