"""`nmviz cost`: every value of its object says how it is known; one sentence for a mistake."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import Run, in_process

from nmviz.hardware.known import KNOWLEDGE

CONFIG = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 100,
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`nmviz cost ARGUMENTS` in this process: status, stdout, stderr."""

    return in_process(monkeypatch, capsys, "cost")


def told(run: Run, *arguments: str) -> dict[str, Any]:
    status, out, err = run(*arguments, "--json")
    assert (status, err) == (0, "")
    return json.loads(out)


def values(told: Any) -> Iterator[dict[str, Any]]:
    """Every value of the object."""
    if isinstance(told, dict):
        if "value" in told:
            yield told
        for one in told.values():
            yield from values(one)
    elif isinstance(told, list):
        for one in told:
            yield from values(one)


def test_one_object_in_which_every_value_says_how_it_is_known(run: Run) -> None:
    one = told(run, "llama3.2-1b", "--pattern", "2:4", "--target", "weight", "--dtype", "fp8")
    named = "block_parameters multiply_adds_dense multiply_adds bytes bound seconds_bound measured"
    assert {*named.split(), "answer"} <= one.keys()
    every = list(values(one))
    assert all({"value", "unit", "known", "source"} <= value.keys() for value in every)
    assert {value["known"] for value in every} <= set(KNOWLEDGE)
    for name in ("multiply_adds", "multiply_adds_dense"):
        parts = one[name]["by_part"]
        assert list(parts) == ["blocks", "attention", "lm_head"]
        assert sum(part["value"] for part in parts.values()) == one[name]["value"]
    assert set(one["bytes"]) == {"weights", "activations", "metadata", "kv_cache"}
    for kind, whole in one["bytes"].items():
        assert sum(layer["bytes"][kind]["value"] for layer in one["layers"]) == whole["value"]


def test_what_was_measured_near_and_its_answer(run: Run) -> None:
    """Read by hand: H100, FP8, prefill of 2,048 tokens, 0.84 with a 1B model."""
    asked = ("--pattern", "2:4", "--target", "weight", "--dtype", "fp8", "--machine", "h100")
    one = told(run, "llama3.2-1b", *asked)
    measured = one["measured"]
    assert measured["ratio"]["value"] == 0.84 and measured["ratio"]["known"] == "published"
    assert (measured["tokens"]["value"], measured["shape"]["value"]) == (2048, "llama3.2-1b")
    assert "SlideSparse" in measured["source"]
    assert one["answer"]["value"] == "no"
    assert told(run, "qwen2.5-7b", *asked)["answer"]["value"] == "yes"
    nowhere = told(run, "qwen2.5-7b", *asked, "--phase", "decode", "--batch", "1")
    assert (nowhere["measured"], nowhere["answer"]["value"]) == (None, "unknown")


def test_units_that_no_machine_has_are_hypothetical(run: Run) -> None:
    one = told(run, "llama2-7b", "--pattern", "8:16", "--tokens", "8192")
    assert one["seconds_bound"]["value"] == one["seconds_bound_dense"]["value"]
    assert one["seconds_bound"]["known"] == "bounded"
    assert one["bound"]["value"] == "compute"
    assert one["seconds_hypothetical"]["known"] == "hypothetical"
    assert one["seconds_hypothetical"]["value"] < 0.6 * one["seconds_bound"]["value"]
    assert told(run, "llama2-7b", "--pattern", "2:4")["seconds_hypothetical"] is None


def test_both_are_pruned_each_with_its_pattern(run: Run) -> None:
    one = told(run, "llama2-7b", "--pattern", "2:4", "--target", "both", "--weight-pattern", "1:4")
    parts = one["multiply_adds"]["by_part"], one["multiply_adds_dense"]["by_part"]
    assert parts[0]["blocks"]["value"] * 8 == parts[1]["blocks"]["value"]
    assert (one["target"], one["weight_pattern"], one["measured"]) == ("both", "1:4", None)
    assert one["multiply_adds"]["known"] == parts[0]["blocks"]["known"] == "bounded"
    assert "expected of two independent masks" in one["multiply_adds"]["source"]
    assert parts[0]["lm_head"]["known"] == parts[1]["blocks"]["known"] == "counted"
    assert {kind["known"] for kind in one["bytes"].values()} == {"counted"}


def test_blocks_that_are_left_out_take_no_units(run: Run) -> None:
    """15 of 30 blocks of one shape: half of their products, whatever the machine skips."""
    found = told(run, "smollm2-135m", "--target", "blocks", "--drop", "15")
    assert found["left_out"] == list(range(14, 29)) and found["seconds_hypothetical"] is None
    left, dense = found["multiply_adds"], found["multiply_adds_dense"]
    for part in ("blocks", "attention"):
        assert 2 * left["by_part"][part]["value"] == dense["by_part"][part]["value"]
    assert found["seconds_bound"]["value"] < 0.6 * found["seconds_bound_dense"]["value"]
    named = told(run, "smollm2-135m", "--target", "blocks", "--by", "0,7-8")
    assert named["left_out"] == [0, 7, 8] and named["measured"] is None


def test_a_config_of_ones_own_and_a_machine_of_ones_own(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    machines = tmp_path / "machines.toml"
    machines.write_text('[mine]\nsource = "bench"\nbandwidth = 1\npeak = { bf16 = 1 }')
    for model in (tmp_path, tmp_path / "config.json"):
        one = told(run, str(model), "--machine", "mine", "--machines", str(machines))
        assert one["block_parameters"]["value"] == 2 * (4 * 64 * 64 + 3 * 64 * 128)
        assert one["seconds_bound"]["source"] == "bench"


def test_lines_to_read_say_how_each_number_is_known(run: Run) -> None:
    status, out, _ = run("llama2-7b", "--pattern", "8:16")
    assert status == 0
    lines = out.splitlines()
    assert "weights of the blocks' layers: 6,476,005,376 [counted]" in out
    assert all(line.endswith("]") for line in lines[2:])
    assert "[hypothetical]" in out and "Not known: there is no measurement near" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("llama9",), "There is no model 'llama9': choose one of llama2-7b"),
        (("./absent/config.json",), "There is no file ./absent/config.json"),
        (("llama2-7b", "--tokens", "0"), "tokens is from 1"),
        (("llama2-7b", "--batch", "-3"), "batch is from 1"),
        (("llama2-7b", "--pattern", "2:3"), "Pattern 2:3 does not fit q of Llama 2 7B"),
        (("llama2-7b", "--pattern", "x"), "'x' is not a pattern"),
        (("llama2-7b", "--target", "cache"), "no target 'cache'"),
        (("llama2-7b", "--target", "both"), "--weight-pattern 2:4"),
        (("llama2-7b", "--drop", "3"), "--drop and --by are for --target blocks"),
        (("llama2-7b", "--target", "blocks"), "Say how many blocks"),
        (("llama2-7b", "--target", "blocks", "--drop", "32"), "leave out 31 at most"),
        (("llama2-7b", "--target", "blocks", "--by", "40"), "40 is none of them"),
        (("gemma3-4b", "--target", "blocks", "--drop", "2"), "are of several shapes"),
        (("llama2-7b", "--weight-pattern", "2:4"), "is for --target both"),
        (("llama2-7b", "--machine", "z80"), "no machine 'z80'"),
        (("llama2-7b", "--dtype", "fp64"), "no data type 'fp64'"),
        (("llama2-7b", "--phase", "train"), "no phase 'train'"),
        (("llama2-7b", "--metadata", "zip"), "no scheme of metadata 'zip'"),
        (("llama2-7b", "--pattern", "2:4", "--sites", "fc"), "has no layer 'fc'"),
    ],
)
def test_a_mistake_is_one_sentence(run: Run, arguments: tuple[str, ...], said: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert said in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "of no model_type"),
        ("[1]", "is no config.json"),
        ("{", "is no config.json"),
        ('{"model_type": "llama"}', "has no num_hidden_layers"),
        (json.dumps({**CONFIG, "hidden_size": 0}), "hidden_size = 0: a size is above 0"),
    ],
)
def test_a_config_that_cannot_be_counted_is_one_sentence(
    run: Run, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "config.json"
    file.write_text(text)
    status, _, err = run(str(file))
    assert status == 2 and said in err and err.count("\n") == 1
    assert run(str(tmp_path / "nothing"))[0] == 2
