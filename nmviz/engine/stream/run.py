"""A run of a model whose weights do not fit into memory: block by block instead of window by
window, with what is measured and said the same."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from threading import Event

from torch import Tensor

import nmviz
from nmviz.core.experiment import Experiment
from nmviz.core.provenance import STREAMED
from nmviz.core.results import Progress
from nmviz.core.rules import DRAWS
from nmviz.core.running import Running
from nmviz.core.tokenwise.floor import NoiseFloor
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.load.windows import Windows
from nmviz.engine.measure.dense import DensePass, SiteCall, hash_of
from nmviz.engine.measure.evaluate import (
    Comparison,
    add,
    at_once,
    first_block,
    itself,
    need_of,
    watch_all,
    watch_rows,
)
from nmviz.engine.measure.runner import AS_USUAL, Run, windows_of
from nmviz.engine.prune.sparsify import Pruned, SiteForward, forwards
from nmviz.engine.prune.weights import PrunedWeights, Redrawn
from nmviz.engine.stream.calibrating import ready, settle_ties
from nmviz.engine.stream.hidden import Hidden
from nmviz.engine.stream.opening import kept_opened
from nmviz.engine.stream.parts import InParts
from nmviz.engine.stream.passing import again, embedded, scores, through
from nmviz.engine.stream.resuming import LONG, Kept, Saved, key_of
from nmviz.engine.stream.room import Room


class StreamedRun(Run):
    """A `Run` that reads each block once for all windows and experiments; there are no results
    before the last one has run. With `in_file` hidden states are kept on disk; one that `goes_on`
    keeps where it is, once it is long, as the next start goes on from there."""

    is_short = True
    """Whether only one block is to have its pruned weights at a time."""

    def __init__(
        self,
        loaded: LoadedModel,
        parts: InParts,
        experiments: Sequence[Experiment],
        text: str,
        cancel: Event | None = None,
        how: Running = AS_USUAL,
        floor: NoiseFloor | None = None,
        in_file: bool = False,
        goes_on: bool = True,
    ) -> None:
        self._parts, self._in_file, self._goes_on = parts, in_file, goes_on
        super().__init__(loaded, experiments, text, cancel, how, floor)

    def _read(self, experiment: Experiment, text: str) -> Windows:
        return windows_of(self.loaded, experiment, text, whole=False)

    def _measure(self) -> Iterator[Progress]:
        yield from self._bind()
        alone = any(site.is_expert for site in find_sites(self.loaded.model))
        self._batches = at_once(self.windows.ids, alone)
        self._enter()
        kept, blocks = Kept(self._key), len(self._parts.paths)
        with kept.held():
            first = self._go_on(kept)
            if first or kept.note:
                said = f"Going on with block {first + 1} of {blocks}, where an earlier run ended."
                yield replace(self._progress("measuring", partial=True), note=kept.note or said)
            began = time.perf_counter()
            for number in range(first, blocks):
                with self._parts.block(number):
                    yield from self._run_block(number, f"measuring, block {number + 1} of {blocks}")
                each = (time.perf_counter() - began) / (number + 1 - first)
                if self._goes_on and each * blocks >= LONG and number + 1 < blocks:
                    kept.write(self._saved(number), self._states())
            with self._parts.leaving():
                yield from self._leave()
            self._check_measured()
            self.measured = self._budget
            yield self._progress("done", partial=False)
            kept.drop()

    def _bind(self) -> Iterator[Progress]:
        """The experiments on their sites, with all that is to be known of them before a block is
        pruned."""
        found = []
        for experiment in self.experiments:
            steps = ready(self.loaded, self._parts, experiment, self._check)
            found.append((yield from self._staged(steps)))
        ties = settle_ties(self._parts, [bound.pruned for bound in found], self._check)
        yield from self._staged(ties)
        for bound in found:
            trial = self._try(bound)
            if isinstance(bound.pruned, PrunedWeights) and trial.experiment.ties == "random":
                again = (Redrawn(bound.pruned, number, self.is_short) for number in range(1, DRAWS))
                trial.redrawn += [Comparison(one, watched=False) for one in again]
        self._begin()

    @property
    def _key(self) -> str:
        """Names all that the numbers depend on."""
        return key_of(
            version=nmviz.__version__,
            model=self.loaded.sha256,
            settings=self.settings,
            windows=[hash_of(ids) for ids in self._batches],
            experiments=[trial.experiment.key for trial in self.trials],
            exact=self.how.exact_errors,
            control=self.how.control,
        )

    def _saved(self, number: int) -> Saved:
        """Where it is, behind a block."""
        sums = [one.to_json() for one in self._comparisons]
        ties = [_ties_of(one.pruned) for one in self._comparisons]
        seconds = time.perf_counter() - self.began
        return Saved(number, seconds, {"compared": sums, "ties": ties})

    def _states(self) -> Iterator[tuple[str, Tensor]]:
        for place, hidden in enumerate([self._dense, *self._own.values()]):
            for batch in hidden.batches:
                yield f"{place} {batch}", hidden[batch]

    def _go_on(self, kept: Kept) -> int:
        """The block to begin with: 0, or where an earlier run of the same was."""
        saved = kept.read()
        if saved is None:
            return 0
        for one, told, ties in zip(
            self._comparisons, saved.sums["compared"], saved.sums["ties"], strict=True
        ):
            one.go_on(told)
            if isinstance(one.pruned, PrunedWeights):
                one.pruned.know_ties(ties)
        places = [self._dense, *self._own.values()]
        for name, hidden in kept.states():
            place, batch = map(int, name.split())
            places[place][batch] = hidden
        self.began -= saved.seconds
        self.clock -= saved.seconds
        done = (saved.block + 1) / (len(self._parts.paths) + 1)
        self.passes += done * len(self.windows.ids) * (1 + len(self._comparisons))
        return saved.block + 1

    def _enter(self) -> None:
        self._entering, self._dense = Hidden(self._in_file), Hidden(self._in_file)
        self._own = {one: Hidden(self._in_file) for one in self._comparisons}
        self._of_rows: defaultdict[Site, list[SiteCall]] = defaultdict(list)  # of this block
        self._passes = [DensePass(need_of(self._comparisons), kept=False) for _ in self._batches]
        with self._parts.entering():
            for batch, ids in enumerate(self._batches):
                self._check()
                self._entering[batch] = embedded(self.loaded, ids)

    def _run_block(self, number: int, stage: str) -> Iterator[Progress]:
        sites = [site for site in find_sites(self.loaded.model) if site.block == number]
        bound = [one.pruned for trial in self.trials for one in trial.draws]
        for pruned in bound:
            for site in pruned.sites:
                if site.block == number:
                    self._check()
                    pruned.finish(site)
        computing = {one: self._computing(one, number) for one in self._comparisons}
        for batch in range(len(self._batches)):
            for _ in self._run_batch(number, batch, sites, computing):
                self.passes += len(self._batches[batch]) / (len(self._parts.paths) + 1)
                yield self._progress(stage, partial=True)
        while self._of_rows:
            self._check()
            watch_rows(self._comparisons, *self._of_rows.popitem())
        for pruned in bound:
            for site in sites:
                pruned.release(site)

    def _computing(self, one: Comparison, number: int) -> dict[Site, SiteForward]:
        """What the sites of a block compute under it."""
        computed = forwards(one.pruned, self._check)
        return {site: forward for site, forward in computed.items() if site.block == number}

    def _run_batch(
        self,
        number: int,
        batch: int,
        sites: Sequence[Site],
        computing: Mapping[Comparison, Mapping[Site, SiteForward]],
    ) -> Iterator[None]:
        """A block over some windows, dense and under each comparison; a step a pass."""
        ids, entering = self._batches[batch], self._entering[batch]
        before = self._dense[batch] if number else None
        watching = {site: partial(self._watch, batch, site) for site in sites}
        dense, call = through(self.loaded, number, ids, entering, before, watching)
        yield
        for one in self._comparisons:
            hidden = dense
            if first_block(one.pruned) <= number:
                own = self._own[one]
                entered = own.get(batch, before)
                hidden = own[batch] = again(self.loaded, number, call, entered, computing[one])
            if one.watched:
                one.propagated.add(number, dense - hidden, dense)
            yield
        self._dense[batch] = dense

    def _watch(self, batch: int, site: Site, x: Tensor) -> Tensor:
        self._check()
        y = site.dense(x)
        made = self._passes[batch]
        call = made.note(site, x, y, hash_of(self._batches[batch]))
        if made.need == "rows":
            self._of_rows[site].append(call)
        else:
            watch_all(self._comparisons, site, call)
        return y

    def _leave(self) -> Iterator[Progress]:
        """Logits of some windows at a time, and all that is told from them."""
        done = 0
        for batch, ids in enumerate(self._batches):
            self._check()
            uncounted = self.windows.uncounted[done : done + len(ids)]
            entering, last = self._entering[batch], self._dense[batch]
            exact = itself(scores(self.loaded, ids, entering, last), ids)
            for one in self._comparisons:
                self._check()
                own = self._own[one]
                hidden = own.get(batch, last)
                pruned = scores(self.loaded, ids, entering, hidden)
                add(one.tokens, exact, pruned, ids, uncounted)
                del pruned  # not beside the next one
            done += len(ids)
            self.passes += len(ids) * (1 + len(self._comparisons)) / (len(self._parts.paths) + 1)
            yield self._progress("measuring, what it predicts", partial=True)


def _ties_of(pruned: Pruned) -> dict[str, tuple[int, int]]:
    return pruned.ties_by_site() if isinstance(pruned, PrunedWeights) else {}


def streamed(
    room: Room,
    experiments: Sequence[Experiment],
    text: str,
    cancel: Event | None,
    how: Running,
    floor: NoiseFloor | None,
) -> StreamedRun:
    """The run of a model a part at a time; where all of it has a place as well, nothing is said of
    that, and nothing is kept for a next start."""
    assert room.parts is not None and room.folder is not None
    loaded = kept_opened(experiments[0].model, room.folder)
    if room.fits:
        told = {name: one for name, one in loaded.said.items() if name != STREAMED}
        loaded = replace(loaded, said=told)
    how_long = room.in_file, not room.fits
    return StreamedRun(loaded, room.parts, experiments, text, cancel, how, floor, *how_long)
