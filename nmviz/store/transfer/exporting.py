"""Results out of the store into a file: JSONL, which is read back, CSV, for reading, or a zip of
records of Every Eval Ever."""

from pathlib import Path

from nmviz.base.errors import UserError
from nmviz.base.wording import listed
from nmviz.core.provenance import OWN
from nmviz.core.results import Result
from nmviz.store import looks, records
from nmviz.store.looks import Beside
from nmviz.store.store import Store
from nmviz.store.transfer.csv_file import PLAIN, Dialect, write_csv
from nmviz.store.transfer.every_eval_ever import writing as every_eval_ever
from nmviz.store.transfer.files import shown, write_bytes
from nmviz.store.transfer.jsonl import write_jsonl

KINDS = (".jsonl", ".csv", ".zip")


def export_file(
    store: Store, path: Path, *, everything: bool = False, dialect: Dialect = PLAIN
) -> str:
    """Write this program's runs and what was imported, or every result there is, published ones
    too, and say how many in one line.

    The `dialect` is that of a CSV. The order does not depend on when a result came in. UserError
    for another kind of file, and when it cannot be written.
    """
    kind, name = path.suffix.lower(), shown(path.name or path)
    if kind not in KINDS:
        raise UserError(f"{name} ends in none of {listed(KINDS)}: name the file accordingly.")
    if kind != ".csv" and dialect != PLAIN:
        raise UserError(f"{name} is no CSV, which alone has a separator and a decimal.")
    own = [OWN, *(source.id for source in store.imported_sources())]
    found = store.find() if everything else store.find(source=own)
    results = sorted(found, key=_order)
    if kind == ".jsonl":
        kept = _looks(store, results)
        write_jsonl(results, path, kept)
        beside = f", {len(kept)} with looks at the layers" if kept else ""
        return f"{_count(len(results), 'result')} written to {name}{beside}."
    if kind == ".zip":
        data, written = every_eval_ever.zipped(results)
        write_bytes(path, data)
        said = f"{_count(written, 'result')} written to {name}, a record each."
        left = len(results) - written
        return f"{said} Left out as without a number that can be better: {left}." if left else said
    lines = write_csv(results, path, dialect)
    return f"{_count(len(results), 'result')}, {_count(lines, 'line')} written to {name}."


def _looks(store: Store, results: list[Result]) -> list[Beside]:
    """What the store has beside them. Looks that ship are files, and go with every copy."""
    with store.reading() as connection:
        return looks.beside(connection, [records.pack(one).digest for one in results])


def _order(result: Result) -> tuple[str, str, str, str]:
    made = result.provenance
    place = made.printed.place if made.printed else ""
    return made.source, place, result.key, records.utc(made.started)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
