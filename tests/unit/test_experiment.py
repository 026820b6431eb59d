"""Experiment: canonical form, key, address and back, and every refusal."""

import json
import pickle
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmviz.errors import UserError
from nmviz.experiment import Experiment
from nmviz.scopes import read_blocks, write_blocks


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


def test_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Experiment().pattern = "2:4"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"pattern": "5:4"}, "more than there is"),
        ({"pattern": "0:4"}, "keeps nothing"),
        ({"tokens": 100}, "shorter than one window of 512"),
        ({"tokens": "many"}, "tokens: input should be a valid integer"),
        ({"tokens": 10**9}, "tokens"),
        ({"window": 1}, "window"),
        ({"criterion": "magnitud"}, "did you mean magnitude"),
        ({"criterion": "magnitude(power=2)"}, "no setting of magnitude"),
        ({"criterion": "a(b(c"}, "write the activation criterion as name"),
        ({"mitigations": "vart"}, "did you mean var"),
        ({"mitigations": "var,var"}, "named twice"),
        ({"mitigations": "var", "target": "weight"}, "leave them out for weights"),
        ({"target": "gradients"}, "target"),
        ({"projections": ""}, "scope is empty"),
        ({"blocks": ""}, "not a range"),
        ({"blocks": "5-3"}, "not a range"),
        ({"blocks": "a"}, "not a range"),
        ({"bos": "never"}, "bos"),
        ({"seed": -1}, "seed"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_each_mistake_has_its_own_sentence(fields: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        Experiment.build(**fields)
    assert "\n" not in str(caught.value)


blocks_text = st.lists(st.integers(0, 40), min_size=1, max_size=6).map(write_blocks)
experiments = st.builds(
    Experiment.build,
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
