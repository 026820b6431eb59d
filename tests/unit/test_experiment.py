"""Experiment: canonical form, key, address and back, and every refusal."""

import json
import pickle
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.rules import as_stored
from nmviz.methods.scopes import read_blocks, write_blocks
from nmviz.store.transfer.jsonl import read_packed


def test_the_key_is_the_hash_of_the_canonical_json() -> None:
    experiment = Experiment()
    assert json.loads(experiment.canonical_json())["pattern"] == "8:16"
    assert len(experiment.key) == 64
    assert experiment.key == Experiment(pattern=" 8:16").key
    assert experiment.key != Experiment(pattern="2:4").key


def test_the_key_holds_the_hashes_of_what_is_read() -> None:
    assert Experiment(artefacts={"model": "a" * 64}).key != Experiment().key


def test_the_default_key_never_changes_by_accident() -> None:
    assert Experiment().canonical_json() == (
        '{"artefacts":{},"bos":"window","calibration_windows":0,"corpus":"wiki-leads",'
        '"criterion":"magnitude","mitigations":[],"model":"smollm2-135m","pattern":"8:16","seed":0,'
        '"target":"activation","tokens":2048,"window":512}'
    )


def test_what_nothing_reads_is_no_part_of_the_key() -> None:
    dense = Experiment(pattern="dense")
    assert Experiment(pattern="dense", target="weight", blocks="0-3").key == dense.key
    assert Experiment(calibration_windows=99).key == Experiment().key


def test_tasks_are_run_instead_of_a_text() -> None:
    tasks = Experiment(tasks="piqa,arc_easy", limit=50)
    assert tasks.canonical_json() == (
        '{"artefacts":{},"calibration_windows":0,"chat":false,"criterion":"magnitude","limit":50,'
        '"mitigations":[],"model":"smollm2-135m","pattern":"8:16","seed":0,"target":"activation",'
        '"tasks":["arc_easy","piqa"]}'
    )
    assert tasks.unknown == ()
    with pytest.raises(UserError, match="runs tasks and reads no text"):
        _ = tasks.reading


def test_what_tasks_do_not_read_is_no_part_of_their_key() -> None:
    tasks = Experiment(tasks=("piqa",))
    text = {"corpus": "wikitext-2", "tokens": 4096, "window": 256, "bos": "once"}
    assert Experiment(tasks=("piqa",), **text).key == tasks.key
    assert Experiment(limit=9, chat=True).key == Experiment().key
    for changes in ({"limit": 9}, {"chat": True}, {"seed": 1}, {"tasks": "piqa,rte"}):
        assert tasks.but(**changes).key != tasks.key
    dense = tasks.but(pattern="dense", seed=5)
    assert dense.key == tasks.but(pattern="dense").key


def test_calibration_is_part_of_the_key_of_tasks() -> None:
    tasks = Experiment(tasks=("piqa",), mitigations=("s-pts",))
    assert tasks.drawn == (16, 0)
    assert tasks.but(calibration_windows=4).key != tasks.key


RUNS = sorted((Path(__file__).parents[2] / "results" / "runs").glob("*.jsonl"))


@pytest.mark.parametrize("file", RUNS, ids=[file.name for file in RUNS])
def test_results_that_ship_keep_their_keys_and_their_text(file: Path) -> None:
    for line, packed in zip(file.read_text().splitlines(), read_packed(file), strict=True):
        assert packed.result.experiment.to_json() == json.loads(line)["experiment"]
        assert packed.text == line


def test_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Experiment().pattern = "2:4"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"pattern": "5:4"}, "more than there is"),
        ({"pattern": "0:4"}, "keeps nothing"),
        ({"tokens": 100}, "shorter than one window of 512"),
        ({"tokens": "many"}, r"Token budget \(tokens\) is a whole number"),
        ({"tokens": 10**9}, "at most 10,000,000; given: 1000000000"),
        ({"window": 1}, "Window is at least 2; given: 1"),
        ({"criterion": "magnitud"}, "did you mean magnitude"),
        ({"criterion": "magnitude(power=2)"}, "no setting of magnitude"),
        ({"criterion": "a(b(c"}, "write the activation criterion as name"),
        ({"mitigations": "vart"}, "did you mean var"),
        ({"mitigations": "var,var"}, "named twice"),
        ({"mitigations": "var", "target": "weight"}, "leave them out for weights"),
        ({"target": "gradients"}, "Target is 'activation', 'weight' or 'blocks'"),
        ({"projections": ""}, "scope is empty"),
        ({"blocks": ""}, "not a range"),
        ({"blocks": "5-3"}, "not a range"),
        ({"blocks": "a"}, "not a range"),
        ({"bos": "never"}, "bos"),
        ({"seed": -1}, "Seed is at least 0; given: -1"),
        ({"nonsense": 1}, "'nonsense' is no setting"),
        ({"tasks": "pika"}, "no task 'pika'; did you mean piqa"),
        ({"tasks": 5}, "Tasks are a list of names"),
        ({"tasks": "piqa", "limit": 1}, r"\(limit\) is at least 2"),
    ],
)
def test_each_mistake_has_its_own_sentence(fields: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        Experiment.build(**fields)
    assert "\n" not in str(caught.value)


blocks_text = st.lists(st.integers(0, 40), min_size=1, max_size=6).map(write_blocks)
experiments = st.builds(
    Experiment.build,
    tasks=st.sampled_from([(), ("piqa",), ("piqa", "core")]),
    limit=st.none() | st.integers(2, 100),
    chat=st.booleans(),
    pattern=st.sampled_from(["2:4", "8:16", "1:4", "12.5%", "50%", "3:7"]),
    mitigations=st.sampled_from([(), ("var",), ("d-pts", "var"), ("var", "d-pts")]),
    projections=st.none() | st.sampled_from([("q",), ("down", "q")]),
    blocks=st.none() | blocks_text,
    window=st.integers(2, 512),
    tokens=st.integers(512, 10**6),
    seed=st.integers(0, 100),
)


@given(experiments)
def test_the_address_gives_the_experiment_back(experiment: Experiment) -> None:
    assert Experiment.from_query(experiment.to_query()) == experiment
    assert Experiment.from_query("?" + experiment.to_query()).key == experiment.key


@given(experiments)
def test_json_and_pickle_give_the_experiment_back(experiment: Experiment) -> None:
    assert Experiment.model_validate_json(experiment.canonical_json()) == experiment
    assert pickle.loads(pickle.dumps(experiment)) == experiment


@given(st.text(max_size=80))
def test_any_address_is_an_experiment_or_a_user_error(query: str) -> None:
    with suppress(UserError):
        Experiment.from_query(query)


def test_the_address_names_only_what_differs() -> None:
    assert Experiment().to_query() == ""
    assert Experiment(pattern="2:4", tokens=1024).to_query() == "pattern=2%3A4&tokens=1024"


def test_blocks_are_read_and_written() -> None:
    assert read_blocks("0-3,7") == [0, 1, 2, 3, 7]
    assert write_blocks([7, 3, 2, 1, 0]) == "0-3,7"
    assert Experiment(blocks="7, 0-2,3").blocks == "0-3,7"


def test_ties_at_random_and_an_exact_share_are_told_in_the_key_and_nothing_else_is() -> None:
    plain = Experiment(target="weight", pattern="8:16")
    assert plain.ties == "auto"
    assert {plain.key, plain.but(ties="index").key} == {plain.key}
    drawn = plain.but(ties="random")
    assert drawn.canonical_json() == plain.canonical_json().replace(
        '"tokens"', '"ties":"random","tokens"'
    )
    assert "dropping" not in drawn.canonical_json()
    share = plain.but(pattern="50%")
    assert share.canonical_json().replace('"dropping":"exact",', "") == (
        plain.canonical_json().replace("8:16", "50%")
    )
    for criterion, is_told in (("wanda", False), ("wanda(over=matrix)", True), ("sparsegpt", True)):
        one = share.but(criterion=criterion, calibration_windows=2)
        assert ("dropping" in one.canonical_json()) == is_told
    assert "dropping" not in Experiment(pattern="50%").canonical_json()


def test_what_is_stored_without_a_rule_is_under_the_one_of_then() -> None:
    for asked in (
        Experiment(target="weight"),
        Experiment(target="weight", pattern="50%"),
        Experiment(target="weight", ties="random", pattern="50%"),
        Experiment(pattern="50%"),
        Experiment(pattern="dense"),
    ):
        told = json.loads(asked.canonical_json())
        back = Experiment.model_validate(as_stored(told))
        assert back.key == asked.key
        assert back == asked.answers[-1]
    told = json.loads(Experiment(target="weight", pattern="50%").canonical_json())
    del told["dropping"]
    before = Experiment.model_validate(as_stored(told))
    assert before.dropping == "every tie" and before.ties == "index"
    assert json.loads(before.canonical_json()) == told


def test_a_rule_left_to_the_scores_may_become_either() -> None:
    weight = Experiment(target="weight")
    assert [one.ties for one in weight.answers] == ["random", "index"]
    assert weight.but(ties="index").answers == (weight.but(ties="index"),)
    sparsegpt = weight.but(criterion="sparsegpt", calibration_windows=2)
    assert [one.ties for one in sparsegpt.answers] == ["index"]
    assert Experiment().answers == (Experiment(),)


def test_leaving_blocks_out_has_fields_of_its_own_and_masks_nothing() -> None:
    one = Experiment.build(target="blocks", drop=3, pattern="2:4", criterion="wina", blocks="1")
    assert (one.pattern, one.criterion, one.by, one.blocks) == ("dense", "magnitude", "cost", None)
    assert not one.is_dense and Experiment.build(pattern="dense").is_dense
    assert one.calibration_windows == 16 and one.but(by="last").calibration_windows == 0
    assert Experiment.from_query(one.to_query()) == one
    named = Experiment.build(target="blocks", by="9,7-8")
    assert (named.drop, named.by) == (3, "7-9")
    assert not {"drop", "by"} & Experiment.build(pattern="2:4").to_json().keys()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"drop": 3}, "left out with the target blocks"),
        ({"by": "last"}, "left out with the target blocks"),
        ({"target": "blocks"}, "Say how many blocks"),
        ({"target": "blocks", "drop": 0}, "at least 1"),
        ({"target": "blocks", "drop": 2, "by": "x"}, "says not which blocks"),
        ({"target": "blocks", "drop": 3, "by": "1,2"}, "2 blocks are named, and 3"),
        ({"target": "blocks", "drop": 1, "tasks": "piqa"}, "measured on a text"),
    ],
)
def test_blocks_that_do_not_go_together_are_one_sentence(
    fields: dict[str, object], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        Experiment.build(**fields)
