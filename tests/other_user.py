"""Places that cannot be written, for root too, whom the bits of a file do not stop."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65_534
ROOT = Path(__file__).resolve().parents[1]


def others_enter() -> None:
    """Where root acts as another user, who must reach this checkout: in a folder that is root's
    alone the test skips, or fails where it is required."""
    closed = [one for one in (ROOT, *ROOT.parents) if not one.stat().st_mode & 0o001]
    if os.geteuid() != 0 or not closed:
        return
    said = f"only root enters {closed[-1]}: put the checkout elsewhere, or run as another user"
    (pytest.fail if os.environ.get("NMVIZ_REQUIRE_OTHERS") == "1" else pytest.skip)(said)


@contextmanager
def unwritable(*places: Path) -> Iterator[None]:
    """Files and folders that this process may read and not write, until the end of the block. Root
    acts as another user meanwhile."""
    others_enter()
    before = {place: place.stat().st_mode for place in places}
    for place in places:
        place.chmod(0o555 if place.is_dir() else 0o444)
    as_root = os.geteuid() == 0
    try:
        if as_root:
            os.seteuid(NOBODY)
        yield
    finally:
        if as_root:
            os.seteuid(0)
        for place, mode in before.items():
            place.chmod(mode)
