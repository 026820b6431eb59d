"""What scripts written for commit 8bff173 hold on to: commands, endpoints, names, columns.

More may be there than was; what was there is there, and means the same.
"""

import json
from pathlib import Path
from typing import Any

import describing
import pytest
import typer

from nmviz.cli.main import app
from nmviz.published.listing import Selection, to_csv, to_json
from nmviz.service.listing import explore
from nmviz.ui import api
from nmviz.ui.launch import build

Described = tuple[str, dict[str, Any]]


@pytest.fixture(scope="module")
def commands() -> dict[str, Any]:
    return dict(describing.commands(typer.main.get_command(app)))


@pytest.fixture(scope="module")
def endpoints(old_store: Path) -> dict[str, Any]:
    return describing.endpoints(build())


def test_a_command_takes_what_it_took(said: Described, commands: dict[str, Any]) -> None:
    name, then = said
    assert name in commands
    now = commands[name]
    assert bool(now["help"]) >= bool(then["help"])
    typed = {name: told for told in now["options"].values() for name in told["typed"]}
    for told in then["options"].values():
        (there,) = {id(typed[name]): typed[name] for name in told["typed"]}.values()
        assert (there["default"], there["is_flag"]) == (told["default"], told["is_flag"])
        assert there["required"] <= told["required"]
        assert there["has_help"] >= told["has_help"]
    taken = {name for told in then["options"].values() for name in told["typed"]}
    assert not any(told["required"] for name, told in typed.items() if name not in taken)


def test_arguments_are_in_the_order_they_were(said: Described, commands: dict[str, Any]) -> None:
    name, then = said
    was, now = _arguments(then), _arguments(commands[name])
    assert now[: len(was)] == was


def _arguments(command: dict[str, Any]) -> list[str]:
    return [
        name for name, told in command["options"].items() if not told["typed"][0].startswith("-")
    ]


def test_an_endpoint_takes_and_gives_what_it_did(
    endpoint: Described, endpoints: dict[str, Any]
) -> None:
    name, then = endpoint
    assert name in endpoints
    taken = endpoints[name]["parameters"]
    for place, told in enumerate(then["parameters"]):
        assert taken[place] == told
    assert all(told["parameter_has_default"] for told in taken[len(then["parameters"]) :])
    assert endpoints[name]["returns"] == then["returns"]


def test_the_catalogue_offers_what_it_did(old_store: Path, seen: dict[str, Any]) -> None:
    told, then = api.catalogue(), seen["offered"]["catalogue"]
    for name in ("models", "corpora", "patterns", "mitigations"):
        assert set(told[name]) >= set(then[name])
    for target, names in then["criteria"].items():
        assert set(told["criteria"][target]) >= set(names)


def test_methods_have_the_settings_they_had(command: Any, seen: dict[str, Any]) -> None:
    told = json.loads(command("methods", "--json")[1])
    for group, methods in seen["offered"]["methods"].items():
        there = {one["name"]: one["parameters"] for one in told[group]}
        for name, settings in methods.items():
            assert {setting: there[name].get(setting) for setting in settings} == settings


@pytest.mark.parametrize(("typed", "kind"), [("figure", "figures"), ("bench", "benches")])
def test_every_name_of_a_list_is_there(
    command: Any, seen: dict[str, Any], typed: str, kind: str
) -> None:
    told = {line.split()[0] for line in command(typed, "--list")[1].splitlines()}
    assert told >= set(seen["offered"][kind])


def test_every_task_is_there(command: Any, seen: dict[str, Any]) -> None:
    told = {task["name"] for task in json.loads(command("tasks", "--json")[1])}
    assert told >= set(seen["offered"]["tasks"])


def test_a_saved_table_has_the_columns_it_had(old_store: Path, seen: dict[str, Any]) -> None:
    rows, then = explore(Selection()), seen["published_columns"]
    assert to_csv(rows).splitlines()[0].split(",")[: len(then["csv"])] == then["csv"]
    assert set(json.loads(to_json(rows))[0]) >= set(then["json"])


def test_a_request_finds_what_the_old_store_has(old_store: Path, old: Path) -> None:
    found = api.lookup({"tokens": 128, "window": 64, "blocks": "0", "projections": "q,down"})
    lines = map(json.loads, (old / "export.jsonl").open(encoding="utf-8"))
    made = found["provenance"]["started"]
    (line,) = (line for line in lines if line["provenance"].get("started") == made)
    told = [one["value"] for one in found["measurements"]]
    assert told == [one["value"] for one in line["measurements"]]
    assert line["experiment"]["pattern"] == found["experiment"]["pattern"] == "8:16"
