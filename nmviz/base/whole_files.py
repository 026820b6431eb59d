"""Writing files so that no reader ever sees half of one."""

import os
from pathlib import Path


def replace_with(path: Path, data: bytes) -> None:
    """Write beside the place and rename, which is one step. OSError where it cannot be."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        beside.write_bytes(data)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
