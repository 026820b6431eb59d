"""Rows of tasks: read as they lie, or rebuilt from what another harness asked."""

import gzip
import io
import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyarrow as pa
import pytest

from nmviz.sources import task_rows


def arrow(rows: list[dict[str, Any]]) -> bytes:
    table, sink = pa.Table.from_pylist(rows), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def requests(*docs: dict[str, Any]) -> bytes:
    """Two requests a document, and again without the question, as they lie in the wheel."""
    lines = [
        json.dumps({"doc_id": number + extra, "doc": doc})
        for extra in (0, task_rows.UNCONDITIONED)
        for number, doc in enumerate(docs)
        for _ in range(2)
    ]
    return gzip.compress("\n".join(lines).encode())


@pytest.fixture
def archive(tmp_path: Path) -> ZipFile:
    return ZipFile(tmp_path / "rows.zip", "w")


def read(rows: task_rows.Rows, archive: ZipFile) -> dict[str, list[dict[str, Any]]]:
    return {name: table.to_pylist() for name, table in rows(archive)}


def ask(archive: ZipFile, *docs: dict[str, Any]) -> None:
    archive.writestr(f"{task_rows.REQUESTS}/asked/requests.jsonl.gz", requests(*docs))


def test_stored_rows_are_read_as_they_lie(archive: ZipFile) -> None:
    place = f"{task_rows.SETS}/piqa/plain_text/validation/data-00000-of-00001.arrow"
    archive.writestr(place, arrow([{"goal": "g", "label": 1}]))
    found = read(task_rows.stored("piqa/plain_text/validation"), archive)
    assert found == {"validation": [{"goal": "g", "label": 1}]}


def test_parts_are_read_by_name(archive: ZipFile) -> None:
    for part in ("law", "art"):
        for split in ("dev", "test", "other"):
            place = f"{task_rows.SETS}/exams/{part}/{split}/data-00000-of-00001.arrow"
            archive.writestr(place, arrow([{"question": f"{part} {split}"}]))
    found = read(task_rows.parts("exams", "dev", "test"), archive)
    assert list(found) == ["art/dev", "art/test", "law/dev", "law/test"]
    assert found["law/test"] == [{"question": "law test"}]


def test_a_question_of_arc_is_rebuilt_once_without_its_frame(archive: ZipFile) -> None:
    first = {"query": "Question: Why?\nAnswer:", "choices": ["a", "b", "c"], "gold": 2, "id": "x"}
    ask(archive, first, {**first, "id": "y", "gold": 0})
    rows = read(task_rows.rebuilt("asked", "test", task_rows.science), archive)["test"]
    assert [(row["id"], row["question"], row["answerKey"]) for row in rows] == [
        ("x", "Why?", "C"),
        ("y", "Why?", "A"),
    ]
    assert rows[0]["choices"] == {"text": ["a", "b", "c"], "label": ["A", "B", "C"]}


def test_a_question_of_boolq_keeps_title_and_every_line(archive: ZipFile) -> None:
    passage = "Title -- one\nQuestion: two"
    doc = {"query": f"{passage}\nQuestion: is it\nAnswer:", "choices": ["yes", "no"], "idx": 3}
    doc["query"] = f"{passage}\nQuestion: is it?\nAnswer:"
    ask(archive, {**doc, "gold": 0}, {**doc, "gold": 1})
    yes, no = read(task_rows.rebuilt("asked", "validation", task_rows.yes_no), archive)[
        "validation"
    ]
    assert yes == {"question": "is it", "passage": passage, "idx": 3, "label": 1}
    assert no["label"] == 0


def test_a_passage_of_lambada_ends_with_its_word(archive: ZipFile) -> None:
    ask(archive, {"query": "It was a", "choices": ["sign"]})
    found = read(task_rows.rebuilt("asked", "test", task_rows.last_word), archive)
    assert found == {"test": [{"text": "It was a sign"}]}
