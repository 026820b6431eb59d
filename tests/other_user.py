"""Places that cannot be written, for root too, whom the bits of a file do not stop."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65_534


@contextmanager
def unwritable(*places: Path) -> Iterator[None]:
    """Files and folders that this process may read and not write, until the end of the block. Root
    acts as another user meanwhile."""
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
