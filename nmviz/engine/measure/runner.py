"""One run: experiments on the same model and text, measured together, streamed window by window."""

import time
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime
from threading import Event
from typing import TypeVar, cast

import torch

from nmviz.base.errors import Cancelled, UserError, check_of
from nmviz.base.memory import give_back
from nmviz.base.stepping import each
from nmviz.core.experiment import Experiment
from nmviz.core.provenance import SPECIAL_TOKENS, as_text, collect
from nmviz.core.results import Progress, Result
from nmviz.core.rules import DRAWS
from nmviz.core.running import Running
from nmviz.core.settings import BLOCKS
from nmviz.core.tokenwise.floor import NoiseFloor
from nmviz.engine.calibrate.apart import calibrate_apart
from nmviz.engine.calibrate.calibration import Bound, Stage, draw_again, prepare
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.refusals import enough_memory
from nmviz.engine.load.sites import find_sites
from nmviz.engine.load.tokens import written_out
from nmviz.engine.load.windows import Windows, windows_read
from nmviz.engine.measure import depth
from nmviz.engine.measure.dense import text_key
from nmviz.engine.measure.evaluate import Batch, Comparison, at_once, compare_windows
from nmviz.engine.measure.noise import Floor
from nmviz.engine.measure.room import check_room
from nmviz.engine.measure.tails import Tails
from nmviz.engine.measure.trial import Trial
from nmviz.engine.prune.noise import NoiseOfErrors
from nmviz.engine.prune.sparsify import Pruned
from nmviz.sources.corpora import CORPORA

AS_USUAL = Running()
T = TypeVar("T")
FEWEST_UNITS = 15  # with fewer the error itself is not known well enough to stop by it


class Run:
    """Experiments that differ only in what is pruned, on one model and one text.

    Iterating measures and yields Progress; the last one holds the finished results. When `cancel`
    is set, the next site ends the run with a Progress of stage "cancelled" and partial results.
    With a `precision`, in nats a token, the run ends once the standard error of every cost is at
    most that: its results are those of experiments with the budget that was spent, and say so.
    A `floor` is what is known of the dense model's on the text, which is else measured where asked.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        experiments: Sequence[Experiment],
        text: str,
        cancel: Event | None = None,
        how: Running = AS_USUAL,
        floor: NoiseFloor | None = None,
    ) -> None:
        self.how, self._known_floor = how, floor
        self._floor = Floor("dense") if how.noise_floor and floor is None else None
        self.loaded, self._check = loaded, check_of(cancel or Event())
        self.windows = self._read(experiments[0], text)
        self.settings = loaded.computing
        if experiments[0].reading.corpus not in CORPORA:
            self.settings[SPECIAL_TOKENS] = as_text(written_out(loaded, text))
        self.note: str | None = None
        self.experiments = experiments
        self.trials: list[Trial] = []
        self.started, self.began = datetime.now(UTC), time.perf_counter()
        self.clock = self.began
        self.passes = 0.0  # of a window through the whole model
        self.measured = 0  # tokens, of which every model has read all

    def _read(self, experiment: Experiment, text: str) -> Windows:
        return windows_of(self.loaded, experiment, text)

    def __iter__(self) -> Iterator[Progress]:
        try:
            with enough_memory(self.loaded.info.id):
                yield from self._measure()
        except Cancelled:
            yield self._progress("cancelled", partial=True)

    def _measure(self) -> Iterator[Progress]:
        yield from self._prepare()
        key, done = text_key(self.windows.ids), 0
        comparisons = self._comparisons
        alone = any(site.is_expert for site in find_sites(self.loaded.model))
        for ids in at_once(self.windows.ids, alone):
            uncounted = self.windows.uncounted[done : done + len(ids)]
            batch = Batch(key, ids, uncounted, self.how.keep_passes)
            steps = compare_windows(self.loaded, batch, comparisons, self._check, self._floor)
            for _ in steps:
                self.passes += len(ids)
                yield self._progress("measuring", partial=True)
            give_back()
            self._check_measured()
            done += len(ids)
            self.measured = self.windows.spent(done)
            if done < len(self.windows) and self._is_precise():
                self._stop_at(done)
                break
        yield self._progress("done", partial=False)

    def _check_measured(self) -> None:
        """UserError for a run that compares the model with itself: none of the layers it prunes was
        given a token."""
        if any(trial.comparison.is_blank for trial in self.trials):
            raise UserError(
                "No layer of the scope is given a token of this text, so nothing was pruned: "
                "choose other layers or another text."
            )

    @property
    def _comparisons(self) -> list[Comparison]:
        return [one for trial in self.trials for one in trial.all]

    def _is_precise(self) -> bool:
        """Whether every cost is known as well as was asked, from enough units to tell."""
        if not self.how.precision:
            return False
        costs = [trial.tokens.cost() for trial in self.trials]
        return all(
            (cost.n or 0) >= FEWEST_UNITS and (cost.stderr or 0.0) <= self.how.precision
            for cost in costs
        )

    def _stop_at(self, done: int) -> None:
        """What was measured is the experiment with the budget spent so far: the same windows."""
        asked, spent = self._budget, self.windows.spent(done)
        self.windows = self.windows.first(done)
        self.note = (
            f"Stopped after {spent:,} of {asked:,} tokens: every standard error of a cost was "
            f"{self.how.precision} nats a token or less."
        )
        for trial in self.trials:
            trial.spent = spent

    def _prepare(self) -> Iterator[Progress]:
        yield from self._staged(calibrate_apart(self.loaded, self.experiments, self._check))
        for experiment in self.experiments:
            if experiment.target == BLOCKS:
                steps = depth.prepare(self.loaded, experiment, self._check)
            else:
                steps = prepare(self.loaded, experiment, self._check, packed=True)
            bound = yield from self._staged(steps)
            trial = self._try(bound)
            for number in range(1, DRAWS) if trial.experiment.ties == "random" else ():
                redrawn = yield from self._staged(draw_again(bound, number, self._check))
                trial.redrawn.append(Comparison(redrawn.pruned, watched=False))
        give_back()
        self._begin()

    def _begin(self) -> None:
        """The time left is told from the passes alone."""
        self.clock = time.perf_counter()

    def _try(self, bound: Bound) -> Trial:
        """Add a trial of what is bound, with its control where that is asked for."""
        sampled, floor = not self.how.exact_errors, self.how.noise_floor
        compared = Comparison(bound.pruned, sampled=sampled, floor=floor)
        trial = Trial(compared, bound.figures, bound.coverage, bound.given)
        self.trials.append(trial)
        if self.how.control and bound.pruned.sites:
            # Not watched: it is only asked what it computes.
            noise = cast(Pruned, NoiseOfErrors(bound.pruned))
            trial.control = Comparison(noise, watched=False)
        return trial

    def _staged(self, steps: Generator[Stage, None, T]) -> Generator[Progress, None, T]:
        def told(stage: Stage) -> Progress:
            return Progress(stage.words, total=self._budget, share=stage.share)

        return each(steps, told)

    @property
    def _budget(self) -> int:
        """Tokens of the text that the windows reach over."""
        return self.windows.spent(len(self.windows))

    def _progress(self, stage: str, partial: bool) -> Progress:
        """Tokens are done once every model has read them, in each of its draws."""
        floors = [self._floor, *(one.floor for one in self._comparisons)]
        drawn = sum(len(one.draws) for one in floors if one is not None)
        passes_a_window = 1 + len(self._comparisons) + drawn
        share = self.passes / (passes_a_window * len(self.windows))
        seconds = time.perf_counter() - self.clock
        left = seconds / share - seconds if share else None
        total = self._budget
        whole = time.perf_counter() - self.began
        told = not partial or stage == "cancelled" or self.how.partial_results
        trials = self.trials if told else ()
        results = tuple(self._result(trial, whole, partial) for trial in trials)
        done = total if stage == "done" else self.measured
        return Progress(stage, done, total, left, results, share=share)

    def _floors_of(self, trial: Trial) -> tuple[NoiseFloor, ...]:
        known = None if trial.spent else self._known_floor  # which is of the whole budget
        dense = known if self._floor is None else self._floor.told()
        return tuple(one for one in (dense, trial.floor) if one is not None)

    def _result(self, trial: Trial, seconds: float, partial: bool) -> Result:
        experiment = trial.experiment
        tails = Tails() if partial else trial.tails()
        return Result(
            experiment=experiment,
            measurements=(*trial.measurements(), *tails.measurements),
            sites=trial.comparison.sites(trial.calibrated),
            drift=trial.comparison.drift(
                len({site.block for site in find_sites(self.loaded.model)})
            ),
            unit_costs=trial.tokens.unit_costs(),
            noise_floors=() if partial else self._floors_of(trial),
            by_confidence=tails.by_confidence,
            token_counts=tails.counts,
            flips=None if partial else trial.flips,
            provenance=collect(
                started=self.started,
                seconds=seconds,
                device=self.loaded.device,
                threads=torch.get_num_threads(),
                settings={**self.settings, **trial.settings()},
                artefacts=experiment.artefacts.model_dump(exclude_none=True),
                note=self.note,
                coverage=trial.coverage,
            ),
            partial=partial,
        )


def windows_of(
    loaded: LoadedModel, experiment: Experiment, text: str, whole: bool = True
) -> Windows:
    """The windows that are read. UserError when a window is longer than the model reads, or than
    fits into memory where the `whole` model is run at once."""
    reading = experiment.reading
    if 0 < loaded.info.context < reading.window:
        raise UserError(
            f"A window of {reading.window} tokens is longer than the {loaded.info.context} "
            "tokens the model reads at once: shorten the window."
        )
    if whole:
        check_room(loaded, reading.window)
    return windows_read(loaded, experiment, text)
