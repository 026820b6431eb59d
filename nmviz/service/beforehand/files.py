"""The files of results/lessons, for reading and writing: what was made beforehand, and how."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nmviz.store.database import results_folder

FOLDER = "lessons"


def entries(name: str) -> list[dict[str, Any]]:
    """What `name`.json of what ships lists; nothing where it is not there."""
    folder = results_folder()
    file = None if folder is None else folder / FOLDER / f"{name}.json"
    if file is None or not file.is_file():
        return []
    return list(json.loads(file.read_text(encoding="utf-8"))[name])


def write(results: Path, name: str, listed: Sequence[Any], models: Mapping[str, str]) -> None:
    """Write them below a folder of results, a line each, with the hashes of the models, the time,
    and the command."""
    about = {
        "models": models,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": f"python tools/write_{name}.py",
    }
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in listed)
    file = results / FOLDER / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    text = f'{{"about": {json.dumps(about)}, "{name}": [\n{lines}\n]}}\n'
    file.write_text(text, encoding="utf-8")
