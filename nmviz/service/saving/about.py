"""What a pruned model says of itself: nmviz.json, for people, for tools, and for nmviz again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmviz.base.cache import file_sha256
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.methods import BY_TARGET, MITIGATIONS
from nmviz.methods.method import Call, parse_call
from nmviz.service.schedules import pruned_in_words
from nmviz.sources import models
from nmviz.sources.model_info import ModelInfo
from nmviz.sources.saved import FORMAT, RECIPE

UNHASHED = ("README.md", "apply_recipe.py")
"""Files of the folder that may be changed: nothing is read from them."""


@dataclass(frozen=True)
class Made:
    """A pruned model that was written, all but what says so.

    `info` is of the model that was pruned and `sha256` that model's; `sites` are the layers with
    their pattern; `type` is what the weights are stored in, empty for a recipe. `result` has what
    it costs: of `nmviz run`, or `of_files`, where that measures other weights than were written.
    `command` is what was typed.
    """

    info: ModelInfo
    sha256: str
    experiment: Experiment
    sites: Mapping[str, str]
    result: Result
    type: str = ""
    of_files: bool = False
    command: str = ""

    @property
    def is_recipe(self) -> bool:
        """Whether activations are pruned, so that the weights stay as they are."""
        return self.experiment.target == "activation"

    @property
    def is_local(self) -> bool:
        """Whether the model that was pruned lies in a folder of the user's."""
        return models.is_local(self.info.id)

    @property
    def words(self) -> str:
        """What was done, such as `weight 2:4 magnitude`."""
        return pruned_in_words(self.experiment)


def as_json(told: Mapping[str, Any]) -> str:
    """The text of the file. UserError for a number that is not finite, which is no JSON."""
    try:
        return json.dumps(told, indent=1, allow_nan=False)
    except ValueError:
        raise UserError(
            "The pruned model gives numbers that are not finite, so its cost cannot be said: "
            "choose another pattern or criterion."
        ) from None


def about(made: Made, folder: Path) -> dict[str, Any]:
    """The object of nmviz.json, for what lies in the folder by now. Numbers are plain JSON."""
    experiment, result = made.experiment, made.result
    covered = result.provenance.coverage
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    names = [file.relative_to(folder).as_posix() for file in files]
    return {
        "format": FORMAT,
        "kind": "recipe" if made.is_recipe else "weights",
        "pruned": made.words,
        "source": {"model": experiment.model, "sha256": made.sha256, "licence": made.info.licence},
        **({"dtype": made.type} if made.type else _methods(experiment)),
        "command": made.command,
        "experiment": experiment.model_dump(mode="json"),
        "key": experiment.key,
        "measured": {
            "of": "the files" if made.of_files else "nmviz run",
            "measurements": [
                one.model_dump(mode="json", exclude_none=True) for one in result.measurements
            ],
        },
        "coverage": covered.model_dump(mode="json") if covered else None,
        "provenance": result.provenance.model_dump(
            mode="json", exclude_none=True, exclude={"coverage"}
        ),
        "files": {n: file_sha256(folder / n) for n in names if n not in UNHASHED},
        "sites": dict(made.sites),
    }


def _methods(experiment: Experiment) -> dict[str, Any]:
    """The criterion and the mitigations with every setting, for who applies the recipe."""
    criterion = parse_call(experiment.criterion, BY_TARGET[experiment.target])
    steps = [parse_call(text, MITIGATIONS) for text in experiment.mitigations]
    return {
        "tensors": f"{RECIPE}: site|method|name",
        "criterion": _method(criterion),
        "mitigations": [_method(one) for one in steps],
    }


def _method(call: Call) -> dict[str, Any]:
    return {"name": call.method.name, "formula": call.method.formula, "settings": call.settings}
