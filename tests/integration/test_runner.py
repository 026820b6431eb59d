"""A whole run on a tiny random Llama: its numbers, its progress, and how it is cancelled."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from threading import Event, Thread
from typing import Any

import pytest
import torch
from torch import Tensor

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Progress, Result
from nmviz.core.running import Running
from nmviz.engine.calibrate.calibration import bind
from nmviz.engine.load.loading import LoadedModel, load
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.load.tokens import encode
from nmviz.engine.measure import dense, evaluate, runner
from nmviz.engine.measure.dense import SiteCall
from nmviz.engine.measure.evaluate import logits
from nmviz.engine.measure.runner import Run
from nmviz.engine.prune import weights
from nmviz.engine.prune.samples import ONE_OF, estimate
from nmviz.engine.prune.sparsify import forwards, replaced

TEXT = "The river rises in spring. Two bridges join the market and the harbour. " * 60


@pytest.fixture(scope="module")
def loaded(tiny_model: Path) -> LoadedModel:
    return load(str(tiny_model))


def experiment(**fields: object) -> Experiment:
    return Experiment.build(**{"pattern": "2:4", "window": 64, "tokens": 640, **fields})


def finish(
    loaded: LoadedModel, *experiments: Experiment, sampled: bool = False
) -> tuple[Result, ...]:
    *_, last = Run(loaded, experiments, TEXT, how=Running(exact_errors=not sampled))
    assert last.stage == "done"
    return last.results


def windows(loaded: LoadedModel) -> Tensor:
    return encode(loaded, TEXT)[:640].view(10, 64)


def test_perplexity_agrees_with_a_plain_computation(loaded: LoadedModel) -> None:
    (result,) = finish(loaded, experiment())
    pruned = bind(loaded, experiment(), lambda: None).pruned
    nll = {"perplexity": [], "dense_perplexity": []}
    for ids in windows(loaded):
        nll["dense_perplexity"].append(plain_nll(logits(loaded, ids), ids))
        with replaced(forwards(pruned, lambda: None)):
            nll["perplexity"].append(plain_nll(logits(loaded, ids), ids))
    for metric, values in nll.items():
        found = result.get(metric)
        assert found is not None
        assert found.value == pytest.approx(math.exp(torch.cat(values).mean()), rel=1e-5)
        assert (found.n, found.unit_of_n) == (10, "windows")


def plain_nll(scores: Tensor, ids: Tensor) -> Tensor:
    log = scores.double().log_softmax(-1)
    return -torch.stack([log[t, ids[t + 1]] for t in range(len(ids) - 1)])


def test_site_errors_are_pooled_over_windows_on_the_dense_input(loaded: LoadedModel) -> None:
    chosen = experiment(projections=("down",), blocks="1")
    (result,) = finish(loaded, chosen)
    (site,) = [s for s in find_sites(loaded.model) if (s.block, s.projection) == (1, "down")]
    inputs: list[Tensor] = []
    hook = site.module.register_forward_pre_hook(lambda _, args: inputs.append(args[0][0]))
    for ids in windows(loaded):
        logits(loaded, ids)
    hook.remove()
    x = torch.cat(inputs)
    pruned = bind(loaded, chosen, lambda: None).pruned
    y = site.dense(x)
    expected = ((y - pruned.forward(site, x)).norm() / y.norm()).item()
    assert [s.name for s in result.sites] == ["model.layers.1.mlp.down_proj"]
    assert result.sites[0].rel_error == pytest.approx(expected, rel=1e-5)
    assert result.sites[0].kept == 0.5


def test_blocks_before_the_first_pruned_one_do_not_drift(loaded: LoadedModel) -> None:
    (result,) = finish(loaded, experiment(blocks="1"))
    drift = [d.drift for d in result.drift]
    assert drift[0] == 0
    assert drift[1] > 0
    assert drift[2] > 0


def test_targets_share_the_dense_pass_and_match_runs_of_their_own(loaded: LoadedModel) -> None:
    both = finish(loaded, experiment(target="weight"), experiment())
    alone = (*finish(loaded, experiment(target="weight")), *finish(loaded, experiment()))
    for together, single in zip(both, alone, strict=True):
        assert together.measurements == single.measurements
        assert together.sites == single.sites


def test_a_dense_run_costs_nothing(loaded: LoadedModel) -> None:
    (result,) = finish(loaded, experiment(pattern="dense"))
    values = {m.metric: m.value for m in result.measurements}
    assert (values["delta_nll"], values["kl"], values["top1_agreement"]) == (0, 0, 1)
    assert all(s.rel_error == 0 and s.kept == 1 for s in result.sites)


@pytest.fixture
def one_window_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "TOKENS_AT_ONCE", 64)


@pytest.mark.usefixtures("one_window_at_once")
def test_progress_streams_and_tightens(loaded: LoadedModel) -> None:
    steps = list(Run(loaded, [experiment(target="weight"), experiment()], TEXT))
    done = [step.done for step in steps]
    assert done == sorted(done)
    assert done[-1] == steps[-1].total == 640
    assert all(tokens % 64 == 0 for tokens in done)  # whole windows that both have read
    parts = [step.part for step in steps if step.stage == "measuring"]
    assert parts == sorted(parts) and 0 < parts[0] < 1
    counts = [found.n for step in steps if (found := measured(step)) and found.n]
    assert len(set(counts)) > 3
    assert all(result.partial for step in steps[:-1] for result in step.results)
    assert not any(result.partial for result in steps[-1].results)


def measured(step: Progress) -> Measurement | None:
    return step.results[0].get("delta_nll") if step.results else None


@pytest.mark.usefixtures("one_window_at_once")
def test_cancel_ends_within_a_site_and_keeps_what_was_measured(loaded: LoadedModel) -> None:
    cancel = Event()
    before = logits(loaded, windows(loaded)[0])
    steps: list[Progress] = []
    for step in Run(loaded, [experiment()], TEXT, cancel):
        steps.append(step)
        if step.done >= 128:
            cancel.set()
    assert steps[-1].stage == "cancelled"
    assert steps[-1].results[0].partial
    assert steps[-1].results[0].get("perplexity") is not None
    assert steps[-1].done < 640
    assert torch.equal(logits(loaded, windows(loaded)[0]), before)


def test_cancelled_before_anything_was_measured(loaded: LoadedModel) -> None:
    cancel = Event()
    cancel.set()
    *_, last = Run(loaded, [experiment(target="weight")], TEXT, cancel)
    assert last.stage == "cancelled"
    assert last.done == 0


def test_an_abandoned_run_leaves_the_model_as_it_was(loaded: LoadedModel) -> None:
    before = logits(loaded, windows(loaded)[0])
    steps = iter(Run(loaded, [experiment()], TEXT))
    for _ in range(4):
        next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert torch.equal(logits(loaded, windows(loaded)[0]), before)


def test_a_weight_run_with_many_ties_gives_their_range(
    tiny_model: Path, loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = finish(loaded, experiment(target="weight"))[0]
    assert without.get("tie_share").value < 0.01  # type: ignore[union-attr]
    assert without.get("perplexity_ties_low") is None
    monkeypatch.setattr(weights, "MANY_TIES", -1.0)
    tied = finish(loaded, experiment(target="weight"))[0]
    low, high = tied.get("perplexity_ties_low"), tied.get("perplexity_ties_high")
    assert low is not None
    assert high is not None
    assert low.n == high.n == 5
    assert low.value <= high.value
    share = tied.get("tie_share")
    assert share is not None
    assert share.n == sum(s.weight.numel() // 4 for s in find_sites(loaded.model))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"window": 600, "tokens": 600}, "longer than the 512"),
        ({"pattern": "8:48"}, "not a multiple of 48"),
        ({"blocks": "7"}, "no block 7"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_pass(
    loaded: LoadedModel, fields: dict[str, object], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        finish(loaded, experiment(**fields))


def test_a_text_shorter_than_a_window_is_refused(loaded: LoadedModel) -> None:
    with pytest.raises(UserError, match="fewer than one window of 64"):
        list(Run(loaded, [experiment()], "Too short."))


def test_a_run_stops_once_its_costs_are_known_well_enough(loaded: LoadedModel) -> None:
    pair = [experiment(target="weight", tokens=2560), experiment(tokens=2560)]
    *_, last = Run(loaded, pair, TEXT * 4, how=Running(precision=0.5))
    assert last.stage == "done"
    spent = {result.experiment.tokens for result in last.results}
    assert len(spent) == 1 and spent < {64 * n for n in range(runner.FEWEST_UNITS, 40)}
    for result, asked in zip(last.results, pair, strict=True):
        cost = result.get("delta_nll")
        assert cost is not None and cost.n == result.experiment.tokens // 64
        assert cost.stderr is not None and cost.stderr <= 0.5
        assert result.experiment == asked.but(tokens=result.experiment.tokens).answers[-1]
        assert "Stopped after" in (result.provenance.note or "")
        *_, whole = Run(loaded, [result.experiment], TEXT * 4)
        assert whole.results[0].measurements == result.measurements


def test_a_run_that_is_never_precise_enough_spends_its_budget(loaded: LoadedModel) -> None:
    *_, last = Run(loaded, [experiment()], TEXT, how=Running(precision=1e-9))
    assert last.results[0].experiment.tokens == 640
    assert last.results[0].provenance.note is None


def test_few_windows_are_no_reason_to_stop(loaded: LoadedModel) -> None:
    *_, last = Run(loaded, [experiment()], TEXT, how=Running(precision=100.0))
    assert last.results[0].experiment.tokens == 640


def test_windows_read_together_give_what_each_gives_alone(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = [experiment(), experiment(criterion="clact"), experiment(criterion="random")]
    chosen += [experiment(target="weight"), experiment(criterion="magnitude(over=window)")]
    together = finish(loaded, *chosen)
    monkeypatch.setattr(evaluate, "TOKENS_AT_ONCE", 64)
    dense.PASSES.clear()
    for one, other in zip(together, finish(loaded, *chosen), strict=True):
        for found, expected in zip(one.measurements, other.measurements, strict=True):
            assert found.value == pytest.approx(expected.value, rel=1e-4), found.metric
        for site, alone in zip(one.sites, other.sites, strict=True):
            assert site.rel_error == pytest.approx(alone.rel_error, rel=1e-4)


def test_a_dense_pass_is_made_once_for_a_text(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = finish(loaded, experiment())
    monkeypatch.setattr(dense, "_make", None)  # would fail if it were called
    (again,) = finish(loaded, experiment())
    assert (again.measurements, again.sites, again.drift) == (
        first.measurements,
        first.sites,
        first.drift,
    )
    (shorter,) = finish(loaded, experiment(tokens=512, criterion="clact"))
    assert shorter.get("perplexity") is not None


def test_dense_passes_are_kept_in_bounded_memory(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = dense.DensePasses(memory=lambda: 3_000_000)
    monkeypatch.setattr(dense, "PASSES", own)
    finish(loaded, experiment())
    assert 0 < own.size <= 3_000_000
    kept = list(own._kept)
    (other,) = list(Run(loaded, [experiment()], "Another text, " + TEXT))[-1:]
    assert other.stage == "done" and own.size <= 3_000_000
    assert not set(kept) & set(own._kept), "another text makes room for itself"
    own.memory = lambda: 1000
    (result,) = finish(loaded, experiment())
    assert result.sites and not any(made.inputs for made in own._kept.values() if made.too_large)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"mitigations": ("d-pts", "var")},
        {"mitigations": ("r-sparse(rank=4)",)},
        {"criterion": "clact"},
        {"pattern": "50%", "criterion": "magnitude(over=window)"},
        {"target": "weight", "ties": "index"},
    ],
    ids=str,
)
def test_errors_from_a_sample_agree_with_those_of_every_token(
    loaded: LoadedModel, fields: dict[str, object]
) -> None:
    (exact,) = finish(loaded, experiment(**fields))
    (result,) = finish(loaded, experiment(**fields), sampled=True)
    assert result.sampled and not exact.sampled
    assert result.measurements == exact.measurements
    assert result.drift == exact.drift
    assert len(result.sites) == len(exact.sites)
    for site, of_all in zip(result.sites, exact.sites, strict=True):
        assert site.n == 640 // ONE_OF
        assert site.stderr is not None and of_all.stderr is of_all.n is None
        assert site.rel_error == pytest.approx(of_all.rel_error, abs=5 * site.stderr)
        assert site.kept == pytest.approx(of_all.kept, abs=1e-12)


@pytest.mark.parametrize("target", ["weight", "activation"])
def test_a_dense_run_costs_nothing_in_a_sample_either(loaded: LoadedModel, target: str) -> None:
    (result,) = finish(loaded, experiment(pattern="dense", target=target), sampled=True)
    assert all((s.rel_error, s.stderr, s.kept) == (0, 0, 1) for s in result.sites)


def test_a_sample_keeps_no_inputs(loaded: LoadedModel) -> None:
    """The inputs of all layers are most of what a dense pass is."""
    dense.PASSES.clear()
    finish(loaded, experiment(), sampled=True)
    calls = [
        call
        for kept in dense.PASSES._kept.values()
        for some in kept.calls.values()
        for call in some
    ]
    assert calls and all(call.x is None and call.rows is not None for call in calls)
    (exact,) = finish(loaded, experiment())  # which needs them: the pass is made anew
    assert all(site.n is None and site.rel_error > 0 for site in exact.sites)


@dataclass
class Asked(dense.DensePass):
    """Asks for the size of what is kept while it is let go of, as another thread may."""

    ask: Callable[[], None] = lambda: None

    def __del__(self) -> None:
        asking = Thread(target=self.ask)
        asking.start()
        asking.join(0.2)  # who waits for the lock is answered after


def test_what_is_kept_has_a_size_while_it_is_let_go_of(loaded: LoadedModel) -> None:
    """As the page's memory is asked for when nobody came for a while, or a run asks for room."""
    own, told = dense.DensePasses(memory=lambda: 1000), Queue[int]()
    ids = torch.zeros(1, 2, dtype=torch.int64)
    own.put(loaded, "a text", ids, Asked(ask=lambda: told.put(own.size)))
    own.clear()
    assert told.get(timeout=10) == 0


def test_a_pass_that_is_not_kept_gives_the_same_and_leaves_nothing(loaded: LoadedModel) -> None:
    dense.PASSES.clear()
    *_, last = Run(loaded, [experiment()], TEXT, how=Running(keep_passes=False))
    assert dense.PASSES.size == 0
    (kept,) = finish(loaded, experiment())
    assert dense.PASSES.size > 0
    assert last.results[0].measurements == kept.measurements
    assert last.results[0].sites == kept.sites


@pytest.mark.parametrize("fields", [{"mitigations": ("r-sparse(rank=4)",)}, {"target": "weight"}])
def test_one_product_of_many_samples_gives_what_each_gives_alone(
    loaded: LoadedModel, fields: dict[str, Any]
) -> None:
    asked = [{}, {"criterion": "clact"}, {"mitigations": ("d-pts", "var")}, fields]
    bound = [bind(loaded, experiment(**one), lambda: None).pruned for one in asked]
    comparisons = [evaluate.Comparison(one, sampled=True) for one in bound]
    ids, met = torch.arange(64)[None], []

    def watch(site: Site, call: SiteCall) -> None:
        together = evaluate._errors_of_samples(comparisons, site, call)
        assert list(together) == comparisons[:3]  # the last one has a product of its own
        for one, error in together.items():
            alone = one.pruned.lost_rows(site, call.rows, call.x)
            assert error == pytest.approx(estimate(call.rows, alone), rel=1e-4)
        met.append(site)

    dense.dense_pass(loaded, "text", ids, watch, lambda: None, "rows of inputs", kept=False)
    assert len(met) == len(bound[0].sites)


def test_where_nobody_watches_only_the_last_step_has_results(loaded: LoadedModel) -> None:
    asked = [experiment(), experiment(criterion="clact")]
    *steps, last = Run(loaded, asked, TEXT, how=Running(partial_results=False))
    assert len(steps) > 2 and not any(step.results for step in steps)
    assert last.stage == "done" and len(last.results) == 2
    stop = Event()
    cancelled = Run(loaded, asked, TEXT, stop, Running(partial_results=False))
    for step in cancelled:
        if step.stage == "measuring":
            stop.set()
    assert step.stage == "cancelled" and all(one.partial for one in step.results)
    assert len(step.results) == 2
