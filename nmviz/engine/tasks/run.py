"""One run of tasks: experiments on one model, each task through lm-eval, one after another."""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from threading import Event
from typing import Any

import torch
from torch import Tensor

from nmviz.base.errors import Cancelled, check_of
from nmviz.base.stepping import each
from nmviz.core.experiment import Experiment
from nmviz.core.provenance import TASK_PACKAGES, collect, cut_in_words, cut_of
from nmviz.core.results import Progress, Result
from nmviz.engine.calibrate.calibration import Bound, prepare
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.refusals import enough_memory
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.measure.evaluate import Check
from nmviz.engine.measure.trial import learned, settled, tie_share
from nmviz.engine.prune.sparsify import Pruned, SiteForward, forwards
from nmviz.engine.tasks.harness import PrunedLM, batch_size, score
from nmviz.engine.tasks.questions import examples, load_task
from nmviz.engine.tasks.scores import ASKED, CUT, Scored, read_scores
from nmviz.engine.tasks.threads import follow
from nmviz.sources import task_data
from nmviz.sources.tasks import TASKS

TIMED = 4  # examples of each task that are timed where nothing is known
TRUSTED = 0.1  # share of a run after which its own clock tells the time left

Answers = Generator[tuple[int, int], None, dict[str, Any]]  # answered and asked; lm-eval's scores


@dataclass
class Trial:
    """One experiment of a run while its tasks are run."""

    experiment: Experiment
    bound: Bound
    batch: int
    started: datetime
    began: float
    scored: dict[str, Scored] = field(default_factory=dict)
    seconds: float | None = None  # once it is whole


class TaskRun:
    """Experiments that run tasks on one model.

    Iterating yields Progress, whose `done` counts examples; a result is whole once all tasks of its
    experiment are. `expected` is how many seconds earlier runs let expect; without it the first
    examples are timed. When `cancel` is set the run ends within the forward pass, with a Progress
    of stage "cancelled".
    """

    def __init__(
        self,
        loaded: LoadedModel,
        experiments: Sequence[Experiment],
        expected: float | None = None,
        cancel: Event | None = None,
    ) -> None:
        self.loaded, self.experiments, self.expected = loaded, experiments, expected
        self._check = check_of(cancel or Event())
        self.tasks: dict[str, dict[str, Any]] = {}
        self.trials: list[Trial] = []
        self.done, self.total = 0.0, 0
        self.clock = time.perf_counter()

    def __iter__(self) -> Iterator[Progress]:
        try:
            with enough_memory(self.loaded.info.id):
                yield from self._measure()
        except Cancelled:
            yield self._progress("cancelled")

    def _measure(self) -> Iterator[Progress]:
        for name in dict.fromkeys(name for one in self.experiments for name in one.tasks):
            self._check()
            yield Progress(f"reading the examples of {TASKS.get(name).title}")
            self.tasks[name] = load_task(name)
        self.total = sum(self._count(one, name) for one in self.experiments for name in one.tasks)
        yield from self._expect()
        self.clock = time.perf_counter()
        for experiment in self.experiments:
            trial = yield from self._prepare(experiment)
            for name in experiment.tasks:
                yield from self._run(trial, name)
            trial.seconds = time.perf_counter() - trial.began
        yield self._progress("done")

    def _count(self, experiment: Experiment, name: str) -> int:
        return examples(self.tasks[name], experiment.limit)

    def _expect(self) -> Iterator[Progress]:
        """Say how long it takes before it begins."""
        basis = "earlier runs on this machine"
        if self.expected is None:
            basis = f"the first {TIMED} examples of each task"
            self.expected = yield from self._timed()
        note = f"This takes {in_words(self.expected)} here, judged by {basis}."
        yield Progress("measuring", 0, self.total, self.expected, note=note)

    def _timed(self) -> Generator[Progress, None, float]:
        """Seconds the whole run takes, from a few examples of each task on the dense model."""
        total, batch = 0.0, batch_size(self.loaded, True)
        dense = _dense(self.loaded, self._check)
        for name, task in self.tasks.items():
            began = time.perf_counter()
            with closing(self._answers(name, dense, batch, TIMED, False)) as answers:
                for _ in answers:
                    yield Progress("timing the first examples", total=self.total)
            an_example = (time.perf_counter() - began) / examples(task, TIMED)
            asked = [one for one in self.experiments if name in one.tasks]
            total += an_example * sum(self._count(one, name) for one in asked)
        return total

    def _prepare(self, experiment: Experiment) -> Generator[Progress, None, Trial]:
        started, began = datetime.now(UTC), time.perf_counter()
        steps = prepare(self.loaded, experiment, self._check)
        bound = yield from each(
            steps, lambda stage: self._progress(f"{stage.words}, {stage.share:.0%}")
        )
        batch = batch_size(self.loaded, _each_alone(bound.pruned))
        self.trials.append(Trial(experiment, bound, batch, started, began))
        return self.trials[-1]

    def _run(self, trial: Trial, name: str) -> Iterator[Progress]:
        one, began, before = trial.experiment, time.perf_counter(), self.done
        substitutes = (
            _dense(self.loaded, self._check)
            if one.mask.is_dense
            else forwards(trial.bound.pruned, self._check)
        )
        with closing(self._answers(name, substitutes, trial.batch, one.limit, one.chat)) as answers:
            while True:
                try:
                    answered, asked = next(answers)
                except StopIteration as end:
                    seconds, parts = time.perf_counter() - began, self.tasks[name]["tasks"]
                    trial.scored[name] = read_scores(name, end.value, seconds, parts)
                    break
                self.done = before + self._count(one, name) * answered / asked
                yield self._progress(f"measuring {TASKS.get(name).title}")
        self.done = before + self._count(one, name)

    def _answers(
        self,
        name: str,
        substitutes: Mapping[Site, SiteForward],
        batch: int,
        limit: int | None,
        chat: bool,
    ) -> Answers:
        def work(report: Any) -> dict[str, Any]:
            lm = PrunedLM(self.loaded, substitutes, batch, report)
            found = score(lm, self.tasks[name], limit, chat)
            return {**found, ASKED: lm.asked, CUT: lm.cut}

        return follow(work)

    def _progress(self, stage: str) -> Progress:
        share = self.done / self.total if self.total else 0.0
        seconds = time.perf_counter() - self.clock
        by_clock = seconds / share - seconds if share > TRUSTED else None
        guessed = None if self.expected is None else max(0.0, self.expected - seconds)
        left = guessed if by_clock is None else by_clock
        results = tuple(self._result(trial) for trial in self.trials)
        return Progress(stage, round(self.done), self.total, left, results)

    def _result(self, trial: Trial) -> Result:
        one, scored = settled(trial.bound.pruned), trial.scored
        figures = (*tie_share(trial.bound.pruned), *learned(trial.bound.figures))
        seconds = time.perf_counter() - trial.began if trial.seconds is None else trial.seconds
        return Result(
            experiment=one,
            measurements=(*(m for each in scored.values() for m in each.measurements), *figures),
            examples=tuple(e for each in scored.values() for e in each.examples),
            provenance=collect(
                started=trial.started,
                seconds=seconds,
                device=self.loaded.device,
                threads=torch.get_num_threads(),
                settings={**self.loaded.computing, **_settings(trial)},
                artefacts=one.artefacts.model_dump(exclude_none=True),
                packages=TASK_PACKAGES,
                note=_note(scored),
                coverage=trial.bound.coverage,
            ),
            partial=trial.seconds is None,
        )


def in_words(seconds: float) -> str:
    """A duration as one says it: about 40 s, about 12 min, about 3 h."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"about {seconds / size:.0f} {unit}"
    return f"about {max(seconds, 1):.0f} s"


def _settings(trial: Trial) -> dict[str, str]:
    """How it was measured; of every task its rows, its version in lm-eval and its seconds."""
    settings = {
        "batch_size": str(trial.batch),
        "shots": "0",
        "chat_template": "yes" if trial.experiment.chat else "no",
    }
    for name, scored in trial.scored.items():
        settings[f"rows of {name}"] = task_data.said(name)
        settings[f"version of {name}"] = scored.version
        if scored.cut:
            settings[cut_of(name)] = cut_in_words(scored.cut, scored.asked)
        settings[f"seconds of {name}"] = f"{scored.seconds:.2f}"
    return settings


def _note(scored: Mapping[str, Scored]) -> str | None:
    """Which tasks had prompts that were cut; None where none were."""
    said = [
        f"{TASKS.get(name).title}: {cut_in_words(one.cut, one.asked)}."
        for name, one in scored.items()
        if one.cut
    ]
    return " ".join(said) or None


def _each_alone(pruned: Pruned) -> bool:
    """Whether no token's mask depends on the other tokens, so that a batch may hold many texts."""
    asked = pruned.experiment
    return asked.is_dense or all(
        call.is_batch_invariant(mask) for call in pruned.calls for mask in asked.masks
    )


def _dense(loaded: LoadedModel, check: Check) -> dict[Site, SiteForward]:
    """Every site as its module has it, so that a dense run can be cancelled too."""

    def forward(site: Site, x: Tensor) -> Tensor:
        check()
        return type(site.module).forward(site.module, x) if site.stored is None else site.dense(x)

    return {site: partial(forward, site) for site in find_sites(loaded.model)}
