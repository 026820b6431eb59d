"""Write what a user of commit 8bff173 has, with the code of that commit. README.md says how.

Nothing of today's code is imported: the modules below have their names of 8bff173.
"""

import hashlib
import io
import json
import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import describing

HERE = Path(__file__).parent
FOLDER = HERE / "of_8bff173"
SMALL = "--tokens 128 --window 64 --blocks 0 --sites q,down"
CALIBRATED = f"{SMALL} --calibration-windows 2"
RUNS = (
    SMALL,
    f"{SMALL} --rerun",
    f"{SMALL} --target weight --pattern 2:4",
    f"{CALIBRATED} --target weight --criterion ria(power=0.3)",
    f"{CALIBRATED} --target weight --pattern 50% --criterion sparsegpt --seed 3",
    f"{SMALL} --pattern 12.5% --criterion teal",
    f"{CALIBRATED} --criterion amber --mitigate d-pts,var",
    f"{CALIBRATED} --pattern 2:4 --mitigate r-sparse(rank=16),var",
    f"{SMALL} --text {FOLDER}/own_text.txt --pattern 2:4 --bos once",
    f"{SMALL} --tokens 2048 --precision 0.5 --pattern 6:8",
    "--tasks piqa --limit 4 --pattern 8:16 --blocks 0",
    "--tasks piqa --limit 2 --chat --target weight --blocks 0",
)
LOOKS: tuple[dict[str, Any], ...] = (
    {},
    {"tokens": 128, "window": 64, "blocks": "0", "projections": "q,down", "precision": 0},
    {"pattern": "2:4", "model": "gemma-3-270m"},
    {"pattern": "16:32", "model": "llama2-7b"},
    {"pattern": "60%", "criterion": "teal", "mitigations": "var"},
    {"pattern": "1:4", "weight_criterion": "ria(power=0.3)", "calibration_windows": 3},
    {"mitigations": "r-sparse(rank=128),var", "blocks": "0-3,7", "seed": 5},
    {"criterion": "amber", "mitigations": "d-pts", "projections": "k,o,gate,down"},
    {"mitigations": "ls(epochs=2),l-pts(epochs=2),var"},
    {"corpus": "wikitext-2", "tokens": 8192, "bos": "once", "precision": 0.2},
    {"corpus": "text", "tokens": 512, "window": 128},
    {"block": 4, "projection": "gate", "first_row": 8, "rows": 12, "first_column": 96},
    {"block": 0, "projection": "q", "columns": 128},
    {"prompt": "Naïve? 3 & 4 = 7; +1%\n— yes", "new_tokens": 7, "temperature": 0.7},
    {"real_speed": True},
)
WRITTEN_BY_HAND = (
    "?__theme=dark&pattern=2:4",
    "target=weight&criterion=wanda&pattern=4:8",
    "mitigations=d-pts, var&blocks=7,0-3",
    "pattern=9:8",
    "colour=red",
)
QUESTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"pattern": "dense", "seed": 4},
    {"target": "weight", "criterion": "wanda", "calibration_windows": 3, "blocks": "3,0-2"},
    {"model": "example/small@main", "tokens": 8192, "window": 1024, "corpus": "wikitext-2"},
    {"criterion": "wina", "mitigations": "var", "projections": "q,k,v"},
    {"mitigations": "smooth", "pattern": "60%"},
    {"tasks": "piqa,arc_easy", "limit": 100, "chat": True},
    {"corpus": None, "tokens": None, "window": None, "bos": None, "seed": None},
    {"mitigations": "r-sparse(rank=?)", "calibration_windows": None},
    {"artefacts": {"model": "a" * 64, "corpus": "b" * 64}},
)


def nmviz(*arguments: str) -> str:
    """Run the command in this process; what it prints."""
    from nmviz.cli import main

    said = io.StringIO()
    sys.argv = ["nmviz", *arguments]
    with redirect_stdout(said), suppress(SystemExit):
        main()
    return said.getvalue()


def make_store(folder: Path) -> list[dict[str, Any]]:
    """Measure, import and fail; the arguments of every run and the key it printed."""
    from foreign import lm_eval_document, log_document

    runs = []
    for typed in RUNS:
        key = json.loads(nmviz("run", "--json", *typed.split()))["key"]
        runs.append({"arguments": typed.replace(str(FOLDER), "."), "key": key})
    for name, document in (("lm_eval", lm_eval_document()), ("log", log_document())):
        (folder / f"{name}.json").write_text(json.dumps(document))
        nmviz("store", "import", str(folder / f"{name}.json"))
    nmviz("sweep", str(FOLDER / "grid.yaml"))
    nmviz("sweep", str(FOLDER / "grid.yaml"))
    return runs


def without_what_ships(store: Path) -> str:
    """The database as SQL, its tables as they are, with the rows that are a user's own."""
    with closing(sqlite3.connect(store)) as connection:
        connection.executescript("""
            PRAGMA foreign_keys = ON;
            DELETE FROM result WHERE NOT own;
            DELETE FROM experiment WHERE key NOT IN (SELECT experiment_key FROM result);
            DELETE FROM artefact WHERE id NOT IN (SELECT artefact_id FROM result_artefact);
            DELETE FROM source WHERE id NOT IN (SELECT source_id FROM result);
            DELETE FROM seed_state;
        """)
        return "\n".join(connection.iterdump()) + "\n"


def links() -> Iterator[dict[str, Any]]:
    """Addresses, each with the form it fills, the address that form has, and what is shown. Of the
    form the first, which is the usual one, is whole; the others are what differs from it."""
    from nmviz.ui.state import View

    addresses = [View.build(fields).to_query() for fields in LOOKS]
    usual = opened("")["form"]
    for query in (*addresses, *WRITTEN_BY_HAND):
        told = opened(query)
        changed = {name: one for name, one in told["form"].items() if one != usual[name]}
        yield {"address": query, **told, "form": changed if query else usual}


def opened(query: str) -> dict[str, Any]:
    """What an address gives: the values of the form, its own address, keys asked and shown."""
    from nmviz.ui.controls import FIELDS
    from nmviz.ui.handlers import view_of
    from nmviz.ui.restore import restored

    page = restored(query)
    values = describing.form_of(page, FIELDS)
    view = view_of(list(values.values()))
    return {
        "form": values | describing.form_of(page, ("scope", "chips")),
        "has_own_text": page["text"].visible,
        "form_address": view.to_query(),
        "keys": [experiment.key for experiment in view.experiments()],
        "shown": describing.keys_shown(page),
    }


def experiments() -> Iterator[dict[str, Any]]:
    """Questions with their canonical text, key and query."""
    from nmviz.experiment import Experiment

    for fields in QUESTIONS:
        one = Experiment.build(**fields)
        yield {"canonical": one.canonical_json(), "key": one.key, "query": one.to_query()}


def interfaces() -> dict[str, Any]:
    """Commands and endpoints."""
    import typer

    from nmviz.cli import app
    from nmviz.ui.launch import build

    return {
        "commands": dict(describing.commands(typer.main.get_command(app))),
        "endpoints": describing.endpoints(build()),
    }


def offered() -> dict[str, Any]:
    """What may be named: on the command line, in an address, in a request."""
    from nmviz.ui.api import catalogue

    told = catalogue()
    return {
        "catalogue": {k: list(v) if k in ("models", "corpora") else v for k, v in told.items()},
        "tasks": [task["name"] for task in json.loads(nmviz("tasks", "--json"))],
        "methods": {
            group: {one["name"]: one["parameters"] for one in methods}
            for group, methods in json.loads(nmviz("methods", "--json")).items()
            if group != "patterns"
        },
        "figures": [line.split()[0] for line in nmviz("figure", "--list").splitlines()],
        "benches": [line.split()[0] for line in nmviz("bench", "--list").splitlines()],
    }


def published_columns() -> dict[str, list[str]]:
    """The names in the files that Published saves."""
    from nmviz.explorer import Selection, to_csv, to_json
    from nmviz.service.explore import explore

    rows = explore(Selection())
    return {
        "csv": to_csv(rows).splitlines()[0].split(","),
        "json": list(json.loads(to_json(rows))[0]),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["NMVIZ_STORE_URL"] = f"sqlite:///{folder}/nmviz.sqlite"
        seen = {
            "runs": make_store(folder),
            "plan": json.loads(nmviz("sweep", "--plan", "--json", str(FOLDER / "grid.yaml"))),
            "links": list(links()),
            "experiments": list(experiments()),
            **interfaces(),
            "offered": offered(),
            "published_columns": published_columns(),
        }
        trim(folder, seen)


def trim(folder: Path, seen: dict[str, Any]) -> None:
    """Leave out what ships, then export, and write everything."""
    from nmviz.store import open_store
    from nmviz.store.transfer.exporting import export_file

    own = without_what_ships(folder / "nmviz.sqlite")
    (FOLDER / "store.sql").write_text(own)
    with closing(sqlite3.connect(folder / "own.sqlite")) as connection:
        connection.executescript(own)
    with open_store(folder / "own.sqlite") as store:
        export_file(store, FOLDER / "export.jsonl", everything=True)
        export_file(store, folder / "export.csv", everything=True)
    lines = (folder / "export.csv").read_text().splitlines(keepends=True)
    (FOLDER / "export.csv").write_text("".join(lines[:12]))
    seen["csv_sha256"] = hashlib.sha256("".join(lines).encode()).hexdigest()
    seen["content_hashes"] = content_hashes(folder / "own.sqlite")
    (journal,) = folder.glob("nmviz.sqlite.*.jsonl")
    (FOLDER / journal.name).write_bytes(journal.read_bytes())
    (FOLDER / "seen.json").write_text(json.dumps(seen, indent=1, ensure_ascii=False) + "\n")


def content_hashes(store: Path) -> list[str]:
    with closing(sqlite3.connect(store)) as connection:
        found = connection.execute("SELECT content_hash FROM result ORDER BY content_hash")
        return [digest for (digest,) in found]


if __name__ == "__main__":
    main()
