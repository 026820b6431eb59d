"""Layers for Model Explorer: the graph is one that it reads, and every number has its node."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from nmviz.core.attribution.parts import Attribution, Part
from nmviz.core.results import Result
from nmviz.store.database import results_folder
from nmviz.store.transfer.jsonl import read_jsonl
from nmviz.views.report.model_explorer import costs_of, drift_of, errors_of, graph_of


@pytest.fixture(scope="module")
def shipped() -> Result:
    folder = results_folder()
    assert folder is not None
    runs = read_jsonl(Path(folder) / "runs" / "smollm2-135m.jsonl")
    return next(one for one in runs if one.drift and one.experiment.pattern == "8:16")


def nodes_of(result: Result) -> dict[str, dict[str, Any]]:
    collection = json.loads(graph_of(result, "8:16"))
    assert set(collection) == {"label", "graphs"} and len(collection["graphs"]) == 1
    nodes = collection["graphs"][0]["nodes"]
    assert len({node["id"] for node in nodes}) == len(nodes)
    return {node["id"]: node for node in nodes}


def values_of(text: str) -> dict[str, float]:
    (data,) = json.loads(text).values()
    assert [stop["stop"] for stop in data["gradient"]] == [0, 1], "both ends are to be there"
    return {name: found["value"] for name, found in data["results"].items()}


def test_a_node_a_layer_and_one_a_block(shipped: Result) -> None:
    nodes = nodes_of(shipped)
    blocks = {site.block for site in shipped.layers}
    assert set(nodes) == {
        *(site.name for site in shipped.layers),
        *(f"model.layers.{number}" for number in blocks),
    }
    query = nodes["model.layers.3.self_attn.q_proj"]
    assert (query["label"], query["namespace"]) == ("q_proj", "model/layers/3/self_attn")
    assert all(isinstance(one["value"], str) for one in query["attrs"])


def test_edges_go_through_the_model_in_its_order(shipped: Result) -> None:
    nodes = nodes_of(shipped)

    def before(name: str) -> list[str]:
        return [edge["sourceNodeId"] for edge in nodes[name]["incomingEdges"]]

    attention, mlp = "model.layers.3.self_attn", "model.layers.3.mlp"
    assert before(f"{attention}.o_proj") == [f"{attention}.{name}_proj" for name in "qkv"]
    assert before(f"{mlp}.down_proj") == [f"{mlp}.gate_proj", f"{mlp}.up_proj"]
    assert before(f"{attention}.k_proj") == ["model.layers.2"]
    assert before("model.layers.0.self_attn.q_proj") == []
    places = {name: place for place, name in enumerate(nodes)}
    for name in nodes:
        assert all(places[other] < places[name] for other in before(name))


def test_every_number_is_that_of_its_node(shipped: Result) -> None:
    nodes = nodes_of(shipped)
    errors, drift = values_of(errors_of(shipped)), values_of(drift_of(shipped))
    assert errors == {site.name: site.rel_error for site in shipped.layers}
    assert drift == {f"model.layers.{one.block}": one.drift for one in shipped.drift}
    assert {*errors, *drift} == set(nodes)


@pytest.mark.parametrize(("way", "count"), [("block", 30), ("site", 210)])
def test_costs_stand_at_the_part_that_was_pruned(shipped: Result, way: Any, count: int) -> None:
    parts: dict[Any, Result] = {}
    for site in shipped.sites:
        key = site.block if way == "block" else site.name
        known = parts.get(key, shipped.model_copy(update={"sites": ()}))
        parts[key] = known.model_copy(update={"sites": (*known.sites, site)})
    found = Attribution(way, shipped, tuple(map(Part, parts.values())))
    costs = values_of(costs_of(shipped, found))
    assert len(costs) == count and set(costs) <= set(nodes_of(shipped))
    assert set(costs.values()) == {shipped.get("delta_nll").value}


def test_a_graph_of_some_blocks_goes_from_one_to_the_next(shipped: Result) -> None:
    some = tuple(site for site in shipped.sites if site.block in (2, 7))
    nodes = nodes_of(shipped.model_copy(update={"sites": some}))
    ends = [name for name in nodes if name.count(".") == 2]
    assert ends == ["model.layers.2", "model.layers.7"]
    for one, other in pairwise(ends):
        first = nodes[f"{other}.self_attn.q_proj"]["incomingEdges"]
        assert [edge["sourceNodeId"] for edge in first] == [one]
