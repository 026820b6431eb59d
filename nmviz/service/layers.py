"""Looking at one layer and at what the models say: from a capture, or word by word."""

from collections.abc import Iterator, Sequence
from functools import cache
from threading import Event
from typing import TYPE_CHECKING, Any

from nmviz.errors import UserError
from nmviz.experiment import TARGETS, Experiment
from nmviz.methods import BY_TARGET, MITIGATIONS
from nmviz.results import GenerationProgress, MethodError, SiteLook
from nmviz.service.runs import load
from nmviz.service.scope import canonical

if TYPE_CHECKING:
    from nmviz.engine.capture import Capture, Captures
    from nmviz.engine.loading import LoadedModel
    from nmviz.engine.sites import Site

DEFAULT_WINDOWS = 16


def look(
    experiment: Experiment,
    prompt: str,
    block: int,
    projection: str,
    *,
    first_row: int = 0,
    rows: int = 32,
    first_column: int = 0,
    columns: int = 64,
) -> SiteLook:
    """One site under an experiment, on the dense inputs of a prompt (captured on first use)."""
    from nmviz.engine.calibration import bind_site
    from nmviz.engine.capture import Part
    from nmviz.engine.capture import look as look_at
    from nmviz.engine.sites import find_site

    loaded = load(experiment.model)
    site = find_site(loaded.model, block, projection)
    pruned = bind_site(loaded, canonical(experiment), site)
    part = Part(first_row, rows, first_column, columns)
    return look_at(_captures().get(loaded, prompt), pruned, site, part)


def sweep_layer(
    experiment: Experiment, prompt: str, block: int, projection: str
) -> tuple[MethodError, ...]:
    """The local error of every criterion, and of every mitigation alone, at one site.

    All from one capture, at the experiment's model, pattern and scope; mitigations repair
    magnitude. What would first have to be calibrated, or does not fit the pattern, says so.
    """
    from nmviz.engine.sites import find_site

    loaded = load(experiment.model)
    site = find_site(loaded.model, block, projection)
    capture = _captures().get(loaded, prompt)
    rows = []
    for target in TARGETS:
        for name in BY_TARGET[target]:
            fields = {"target": target, "criterion": name, "mitigations": ()}
            rows.append(_method_error(loaded, capture, site, experiment, fields))
    for name in MITIGATIONS:
        fields = {"target": "activation", "criterion": "magnitude", "mitigations": (name,)}
        rows.append(_method_error(loaded, capture, site, experiment, fields))
    return tuple(rows)


def generate(
    experiments: Sequence[Experiment],
    prompt: str,
    *,
    max_new_tokens: int = 60,
    temperature: float = 0.0,
    seed: int = 0,
    chat: bool = True,
    cancel: Event | None = None,
) -> Iterator[GenerationProgress]:
    """The dense model and each experiment's model continue the prompt, a token each in turns.

    When `cancel` is set the texts stay as they are.
    """
    from nmviz.engine.generate import Sampling
    from nmviz.engine.generate import generate as continue_prompt

    sampling = Sampling(max_new_tokens, temperature, seed, chat)
    loaded = load(experiments[0].model)
    experiments = [canonical(experiment) for experiment in experiments]
    yield from continue_prompt(loaded, experiments, prompt, sampling, cancel or Event())


@cache
def _captures() -> "Captures":
    from nmviz.engine.capture import Captures

    return Captures()


def _method_error(
    loaded: "LoadedModel",
    capture: "Capture",
    site: "Site",
    experiment: Experiment,
    fields: dict[str, Any],
) -> MethodError:
    from nmviz.engine.calibration import bind_site
    from nmviz.engine.capture import local_error

    mitigations = fields["mitigations"]
    named = {
        "target": fields["target"],
        "kind": "mitigation" if mitigations else "criterion",
        "name": mitigations[0] if mitigations else fields["criterion"],
    }
    try:
        windows = experiment.calibration_windows or DEFAULT_WINDOWS
        one = canonical(experiment.but(calibration_windows=windows, **fields))
        error = local_error(capture, bind_site(loaded, one, site), site)
        return MethodError(rel_error=error, **named)
    except UserError as reason:
        return MethodError(reason=str(reason), **named)
