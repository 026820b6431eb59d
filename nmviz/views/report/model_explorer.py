"""The layers of a result for Model Explorer (google-ai-edge/model-explorer): a graph, and numbers
on its nodes.

A graph is a collection as its adapters give it, node data what its `node_data_builder` writes:
`{graph: {"results": {node: {"value": x}}, "gradient": [...]}}`. A node is a pruned layer, under the
path of its module, or a block, under the path that its layers share. Model Explorer opens the graph
as a file and takes the node data beside it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from posixpath import commonpath
from typing import Any

from nmviz.core.attribution.parts import Attribution
from nmviz.core.results import Result, SiteError

GRAPH = "layers"
GRADIENT = ({"stop": 0, "bgColor": "#fff7ec"}, {"stop": 1, "bgColor": "#d7301f"})
"""From the least of the values to the largest."""
ORDER = (("q", "k", "v"), ("o",), ("gate", "up"), ("down",))
"""Projections of a block that are given the same input stand together; others follow one by one."""


def graph_of(result: Result, title: str) -> str:
    """The layers in the order of the model, block by block, as JSON."""
    nodes, before = [], list[str]()
    for number, sites in _blocks(result.layers).items():
        for group in _groups(sites):
            nodes += [_node(site, before) for site in group]
            before = [site.name for site in group]
        path = _path(sites)
        nodes.append(
            {
                "id": path,
                "label": f"block {number}",
                "namespace": path.replace(".", "/"),
                "incomingEdges": _edges(before),
            }
        )
        before = [path]
    return json.dumps({"label": title, "graphs": [{"id": GRAPH, "nodes": nodes}]}, indent=1)


def errors_of(result: Result) -> str:
    """The relative output error of every layer as node data."""
    return _node_data({site.name: site.rel_error for site in result.layers})


def drift_of(result: Result) -> str:
    """How far the hidden state behind every block is from the dense model's, as node data."""
    paths = {number: _path(sites) for number, sites in _blocks(result.layers).items()}
    drift = {paths[one.block]: one.drift for one in result.drift if one.block in paths}
    return _node_data(drift)


def costs_of(result: Result, found: Attribution) -> str:
    """What every layer or block costs pruned alone, in nats a token, as node data."""
    paths = {number: _path(sites) for number, sites in _blocks(result.layers).items()}
    costs = {}
    for part in found.parts:
        cost = part.get("delta_nll")
        of_block = found.by == "block" and part.block in paths
        if cost is not None:
            costs[paths[part.block or 0] if of_block else part.site] = cost.value
    return _node_data(costs)


def _node_data(values: Mapping[str, float]) -> str:
    results = {name: {"value": value} for name, value in values.items()}
    return json.dumps({GRAPH: {"results": results, "gradient": GRADIENT}}, indent=1)


def _node(site: SiteError, before: Sequence[str]) -> dict[str, Any]:
    within, _, name = site.name.rpartition(".")
    told = {
        "relative error": f"{site.rel_error:.6g}",
        "standard error": None if site.stderr is None else f"{site.stderr:.2g}",
        "tokens drawn": None if site.n is None else str(site.n),
        "entries kept": f"{site.kept:.4g}",
    }
    return {
        "id": site.name,
        "label": name,
        "namespace": within.replace(".", "/"),
        "attrs": [{"key": key, "value": value} for key, value in told.items() if value is not None],
        "incomingEdges": _edges(before),
    }


def _edges(before: Sequence[str]) -> list[dict[str, str]]:
    return [
        {"sourceNodeId": name, "sourceNodeOutputId": "0", "targetNodeInputId": str(place)}
        for place, name in enumerate(before)
    ]


def _blocks(layers: Sequence[SiteError]) -> dict[int, list[SiteError]]:
    blocks: dict[int, list[SiteError]] = {}
    for site in layers:
        blocks.setdefault(site.block, []).append(site)
    return dict(sorted(blocks.items()))


def _groups(sites: Sequence[SiteError]) -> Iterator[list[SiteError]]:
    known = {name for names in ORDER for name in names}
    for names in ORDER:
        yield from filter(None, [[site for site in sites if site.projection in names]])
    yield from ([site] for site in sites if site.projection not in known)


def _path(sites: Sequence[SiteError]) -> str:
    """What the names of a block's layers begin with: its module."""
    paths = [site.name.split(" ")[0].rpartition(".")[0].replace(".", "/") for site in sites]
    shared = commonpath(paths).split("/")
    number = str(sites[0].block)
    within = shared[: shared.index(number) + 1] if number in shared else shared
    return ".".join(within)
