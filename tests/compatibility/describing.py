"""What scripts hold on to, as plain data: commands with their options, endpoints, forms."""

from collections.abc import Iterator
from typing import Any

ENDPOINT = ("parameter_name", "parameter_has_default", "parameter_default", "python_type")


def commands(command: Any, name: str = "nmviz") -> Iterator[tuple[str, Any]]:
    """A command of typer and all below it, each with its options and arguments."""
    options = {one.name: _option(one) for one in command.params}
    yield name, {"help": command.help, "options": options}
    for below, part in getattr(command, "commands", {}).items():
        yield from commands(part, f"{name} {below}")


def _option(parameter: Any) -> dict[str, Any]:
    """How it is typed, what it is when it is left out, and whether it takes a value."""
    return {
        "typed": [*parameter.opts, *parameter.secondary_opts],
        "default": getattr(parameter.default, "value", parameter.default),
        "required": parameter.required,
        "is_flag": getattr(parameter, "is_flag", False),
        "has_help": bool(getattr(parameter, "help", None)),
    }


def endpoints(page: Any) -> dict[str, Any]:
    """The named endpoints of a page of gradio, as it describes them to a script."""
    return {
        name: {
            "parameters": [{key: one.get(key) for key in ENDPOINT} for one in told["parameters"]],
            "returns": [one["python_type"] for one in told["returns"]],
        }
        for name, told in page.get_api_info()["named_endpoints"].items()
    }


def form_of(page: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """What every control of the form holds, where the page gives a value or a control."""
    return {name: getattr(page[name], "value", page[name]) for name in names}


def keys_shown(page: dict[str, Any]) -> dict[str, str]:
    """The keys of the results that a page shows, by column, as of the rules there were: where one
    with ties at random is stored too, it is shown before the one by index."""
    found = page["shown"].results if "shown" in page else {}
    return {column: _key_of_then(result.experiment) for column, result in found.items()}


def _key_of_then(experiment: Any) -> str:
    drawn = getattr(experiment, "ties", "index") == "random"
    return str((experiment.but(ties="index") if drawn else experiment).key)
