"""Models that a test damages, and what is said of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from nmviz.base.errors import UserError
from nmviz.engine.load import loading


def change_config(folder: Path, **changes: Any) -> None:
    """Entries of a config.json added or exchanged."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


def refusal_of(path: Path) -> str:
    """The one sentence in which a model is refused."""
    with pytest.raises(UserError) as refusal:
        loading.load(str(path))
    assert "\n" not in str(refusal.value)
    return str(refusal.value)
