"""Looking at one layer and at what the models say: from a capture, or word by word."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from threading import Event

from nmviz.base.errors import UserError
from nmviz.core.budget import Budget, at_equal_budget
from nmviz.core.experiment import Experiment
from nmviz.core.results import GenerationProgress, MethodError, SiteLook
from nmviz.core.settings import TARGETS
from nmviz.methods import BY_TARGET, MITIGATIONS
from nmviz.methods.costs import Added
from nmviz.methods.method import parse_call
from nmviz.service.at_hand.models import Looked, load, looking, why_no_texts
from nmviz.service.choices import canonical
from nmviz.service.kept_looks import kept_or

DEFAULT_WINDOWS = 16


@dataclass(frozen=True)
class Window:
    """The part of a mask that is asked for."""

    first_row: int = 0
    rows: int = 32
    first_column: int = 0
    columns: int = 64

    @property
    def named(self) -> dict[str, int]:
        """As `look` takes it."""
        return asdict(self)

    def inside(self, rows: int, columns: int) -> "Window":
        """The same inside a mask of that size: moved where it reaches over an edge, and cut where
        it is larger."""
        return Window(
            max(0, min(self.first_row, rows - self.rows)),
            min(self.rows, rows),
            max(0, min(self.first_column, columns - self.columns)),
            min(self.columns, columns),
        )


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
    keep: bool = False,
) -> SiteLook:
    """One site under an experiment, on the dense inputs of a prompt (captured on first use).

    With `keep`, for a prompt that ships, it is kept on disk: the next process that asks for it
    needs no model."""
    experiment, window = canonical(experiment), (first_row, rows, first_column, columns)
    made = partial(_look, experiment, prompt, block, projection, window)
    if not keep:
        return made()
    return kept_or(made, experiment, prompt, block, projection, *window)


def _look(
    experiment: Experiment,
    prompt: str,
    block: int,
    projection: str,
    window: tuple[int, int, int, int],
) -> SiteLook:
    from nmviz.engine.calibrate.calibration import bind_site
    from nmviz.engine.look.capture import Part
    from nmviz.engine.look.capture import look as look_at

    with looking(experiment.model, prompt, block, projection) as at:
        pruned = bind_site(at.loaded, experiment, at.site)
        return look_at(at.capture, pruned, at.site, Part(*window))


def sweep_layer(
    experiment: Experiment,
    prompt: str,
    block: int,
    projection: str,
    *,
    windows: int = DEFAULT_WINDOWS,
) -> tuple[MethodError, ...]:
    """The local error of every criterion, and of every mitigation alone, at one site.

    All from one capture, at the experiment's model, pattern and scope; mitigations repair
    magnitude. What would first have to be calibrated (on that many `windows`, where the experiment
    does not say), or does not fit the pattern, says so. UserError where the pattern does not fit
    the site.
    """
    with looking(experiment.model, prompt, block, projection) as at:
        return tuple(_errors(at, experiment, windows))


def _errors(at: Looked, experiment: Experiment, windows: int) -> Iterator[MethodError]:
    """A row of `sweep_layer` a method."""
    from nmviz.engine.calibrate.calibration import bind_site
    from nmviz.engine.look.capture import local_error

    site = at.site
    site.mask_in(experiment).check_divides(site.d_in, site.name)
    x = at.capture.of(site)
    y = site.dense(x)  # once for all rows

    def error_of(chosen: Experiment) -> float:
        return local_error(bind_site(at.loaded, chosen, site), site, x, y)

    def at_equal_budget_of(chosen: Experiment, spent: Budget) -> float | None:
        if not spent.added.multiply_adds:
            return None
        equal = at_equal_budget(chosen, spent)
        return 0.0 if equal is None else error_of(equal)

    for row in every_method():
        try:
            chosen = alone(experiment, row, windows)
            kept = site.mask_in(chosen).density
            spent = Budget(site.d_out * site.d_in, kept, _added(row, site.d_out, site.d_in))
            row = replace(
                row, added=spent.added_share, equal_error=at_equal_budget_of(chosen, spent)
            )
            yield replace(row, rel_error=error_of(chosen))
        except UserError as reason:
            yield replace(row, reason=str(reason))


def _added(row: MethodError, d_out: int, d_in: int) -> Added:
    """What the method of the row adds at one layer."""
    return parse_call(row.name, row.registry).adds(d_out, d_in)


def every_method() -> Iterator[MethodError]:
    """A row without its error for every criterion of both targets, then every mitigation."""
    for target in TARGETS:
        yield from (MethodError(target, "criterion", name) for name in BY_TARGET[target])
    yield from (MethodError("activation", "mitigation", name) for name in MITIGATIONS)


def alone(experiment: Experiment, row: MethodError, windows: int = DEFAULT_WINDOWS) -> Experiment:
    """The experiment with one method in place of its own: a criterion, or magnitude repaired.

    UserError when the method does not fit the pattern.
    """
    repaired = row.kind == "mitigation"
    return canonical(
        experiment.but(
            target=row.target,
            criterion="magnitude" if repaired else row.name,
            mitigations=(row.name,) if repaired else (),
            ties=experiment.ties if row.target == experiment.target else "auto",
            calibration_windows=experiment.calibration_windows or windows or DEFAULT_WINDOWS,
        )
    )


def generate(
    experiments: Sequence[Experiment],
    prompt: str,
    *,
    max_new_tokens: int = 60,
    temperature: float = 0.0,
    seed: int = 0,
    chat: bool = True,
    real_speed: bool = False,
    cancel: Event | None = None,
) -> Iterator[GenerationProgress]:
    """The dense model and each experiment's model continue the prompt, a token each in turns.

    UserError for a model that does not fit into memory. When `cancel` is set the texts stay as they
    are. With `real_speed` the weights of dropped inputs
    are really skipped, and the last step says how many bytes each model read a token.
    """
    from nmviz.engine.write.generate import Sampling
    from nmviz.engine.write.generate import generate as continue_prompt

    if why := why_no_texts(experiments[0].model):
        raise UserError(why)
    sampling = Sampling(max_new_tokens, temperature, seed, chat)
    loaded = load(experiments[0].model)
    experiments = [canonical(experiment) for experiment in experiments]
    stop = cancel or Event()
    yield from continue_prompt(loaded, experiments, prompt, sampling, stop, real_speed)
