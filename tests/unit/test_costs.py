"""What methods add, by hand, and what an experiment spends: the numbers of the issue."""

import json

import pytest

from nmviz import published, service
from nmviz.claims import repair
from nmviz.claims.shared.equal_budget import UNCOUNTED
from nmviz.claims.shared.evidence import Evidence
from nmviz.cli import printing
from nmviz.core.budget import at_equal_budget, budget
from nmviz.core.experiment import Experiment
from nmviz.core.results import MethodError, Result
from nmviz.methods import ACTIVATION, MITIGATIONS, WEIGHT
from nmviz.methods.costs import Added
from nmviz.methods.method import Method, parse_call
from nmviz.sources.models import MODELS
from nmviz.sources.widths import Layer, uniform
from nmviz.store.database import results_folder
from nmviz.store.transfer.jsonl import read_jsonl
from nmviz.ui.explore.form.notes import method_notes
from nmviz.ui.shell.view import View
from nmviz.views.explore.method_errors import method_errors

EVERY = [m for registry in (ACTIVATION, WEIGHT, MITIGATIONS) for m in registry.values()]
SMOLLM2 = MODELS.get("smollm2-135m").info
TEXT = ("wikitext-2", 8192)
DENSE = 2 * 576 * 576 + 2 * 192 * 576 + 3 * 576 * 1536  # multiply-adds of a block


@pytest.mark.parametrize("method", EVERY, ids=lambda method: method.name)
def test_every_method_says_what_it_adds(method: Method) -> None:
    assert method.facts.adds is not None
    assert method.facts.adds.__doc__
    added = method.added(3, 5)
    assert isinstance(added, Added)
    assert all(count >= 0 for count in (added.multiply_adds, added.elementwise, added.numbers))


@pytest.mark.parametrize("method", WEIGHT.values(), ids=lambda method: method.name)
def test_a_mask_that_is_made_once_adds_nothing(method: Method) -> None:
    assert method.added(3, 5) == Added(0, 0, 0)


@pytest.mark.parametrize(
    ("registry", "text", "wanted"),
    [
        (MITIGATIONS, "r-sparse(rank=2)", Added(2 * 13, 13, 2 * 13)),
        (MITIGATIONS, "r-sparse", Added(3 * 13, 13, 3 * 13)),  # no more than the weight's own rank
        (MITIGATIONS, "la-rosa", Added(100, 0, 100)),
        (MITIGATIONS, "smooth", Added(0, 20, 10)),
        (MITIGATIONS, "d-pts", Added(0, 13, 3)),
        (MITIGATIONS, "d-pts(centre=mean)", Added(0, 23, 3)),
        (MITIGATIONS, "s-pts", Added(0, 13, 4)),
        (MITIGATIONS, "s-pts(per=channel)", Added(0, 13, 13)),
        (MITIGATIONS, "l-pts(epochs=3)", Added(0, 13, 13)),
        (MITIGATIONS, "l-pts(where=output)", Added(0, 3, 3)),
        (MITIGATIONS, "ls", Added(0, 0, 0)),
        (MITIGATIONS, "var", Added(0, 70, 0)),
        (ACTIVATION, "magnitude", Added(0, 0, 0)),
        (ACTIVATION, "wina", Added(0, 10, 10)),
        (ACTIVATION, "teal", Added(0, 0, 1)),
    ],
)
def test_what_is_added_at_a_layer_of_3_by_10(registry: object, text: str, wanted: Added) -> None:
    call = parse_call(text, registry)  # type: ignore[arg-type]
    assert call.adds(3, 10) == wanted


def test_bytes_are_of_fp32_unless_said() -> None:
    assert (Added(numbers=6).weight_bytes(), Added(numbers=6).weight_bytes("bf16")) == (24, 12)


def of_smollm2(**fields: object) -> tuple[Experiment, float, float | None]:
    one = Experiment.build(**fields)
    spent = budget(one, SMOLLM2.every)
    assert spent.dense == 30 * DENSE
    return one, spent.share, spent.equal_drop


def test_magnitude_may_drop_31_6_percent_at_the_budget_of_r_sparse() -> None:
    one, share, drop = of_smollm2(pattern="8:16", mitigations="r-sparse(rank=64)")
    added = 64 * (2 * 1152 + 2 * 768 + 3 * 2112)  # d_in + d_out of q, o; k, v; gate, up, down
    assert share == pytest.approx(0.5 + added / DENSE) == pytest.approx(0.684, abs=1e-4)
    assert drop == 31.6
    spent = budget(one, uniform(SMOLLM2.d_in, SMOLLM2.d_out, 1))
    assert spent.added.weight_bytes() == 4 * added
    equal = at_equal_budget(one, spent)
    assert equal is not None
    assert (equal.pattern, equal.criterion, equal.mitigations) == ("31.6%", "magnitude", ())


def test_a_rotation_spends_more_than_dense() -> None:
    one, share, drop = of_smollm2(pattern="8:16", mitigations="la-rosa")
    assert share == pytest.approx(0.5 + (6 * 576**2 + 1536**2) / DENSE)
    assert (share > 1, drop) == (True, None)
    assert at_equal_budget(one, budget(one, uniform(SMOLLM2.d_in, SMOLLM2.d_out, 1))) is None


def test_what_adds_nothing_is_compared_with_the_same_pattern() -> None:
    one, share, _ = of_smollm2(pattern="2:4", mitigations="smooth", criterion="clact")
    equal = at_equal_budget(one, budget(one, uniform(SMOLLM2.d_in, SMOLLM2.d_out, 1)))
    assert equal is not None
    assert (share, equal.pattern, str(equal.criterion), equal.mitigations) == (
        *(0.5, "2:4", "magnitude"),
        (),
    )


def test_a_budget_is_of_the_layers_in_scope() -> None:
    one = Experiment.build(mitigations="r-sparse", projections="k", blocks="0,1")
    spent = service.budget_of(one)
    assert spent is not None
    assert (spent.dense, spent.added.multiply_adds) == (2 * 192 * 576, 2 * 64 * 768)


def test_a_list_of_sites_has_the_budget_of_its_layers() -> None:
    one = Experiment.build(projections="down; q,gate:0-18", pattern="8:16")
    spent = service.budget_of(one)
    assert spent is not None
    assert spent.dense == 30 * 1536 * 576 + 19 * (576 * 576 + 1536 * 576)


def test_a_mixture_spends_what_a_token_uses() -> None:
    """Two of the experts, and what M does not divide is no part of it."""
    layers = [Layer("q", 0, 64, 32), Layer("up", 0, 64, 128, uses=2), Layer("odd", 0, 30, 8)]
    one = Experiment.build(pattern="2:4", mitigations="r-sparse(rank=4)")
    spent = budget(one, layers)
    assert spent.dense == 64 * 32 + 2 * 64 * 128
    assert spent.added.multiply_adds == 4 * (64 + 32) + 2 * 4 * (64 + 128)
    experts = Experiment.build(pattern="2:4", projections="up")
    assert budget(experts, layers).dense == 2 * 64 * 128


def test_what_is_not_known_has_no_budget() -> None:
    assert service.budget_of(Experiment.build(pattern="5:7")) is None
    assert service.budget_of(Experiment.build(model="llama2-7b")) is None
    assert service.budget_of(Experiment.build(mitigations="r-sparse(rank=?)")) is None


def test_a_dense_model_spends_what_it_spends() -> None:
    spent = service.budget_of(Experiment.build(pattern="dense"))
    assert spent is not None
    assert (spent.share, spent.equal_drop) == (1.0, None)


def test_the_pinned_models_say_the_widths_of_their_layers() -> None:
    gemma = MODELS.get("gemma-3-270m").info
    assert [SMOLLM2.d_out[name] for name in ("q", "k", "o", "up", "down")] == [
        *(576, 192, 576, 1536, 576)
    ]
    assert [gemma.d_out[name] for name in ("q", "k", "o", "up", "down")] == [
        *(1024, 256, 640, 2048, 640)
    ]


@pytest.fixture(scope="module")
def runs() -> list[Result]:
    folder = results_folder()
    assert folder is not None
    files = ("smollm2-135m", "equal-budget")
    found = [run for name in files for run in read_jsonl(folder / "runs" / f"{name}.jsonl")]
    return [run for run in found if (run.experiment.corpus, run.experiment.tokens) == TEXT]


def cost(runs: list[Result], pattern: str, *mitigations: str) -> float:
    (run,) = (
        run
        for run in runs
        for one in [run.experiment]
        if (one.model, one.target, one.criterion) == ("smollm2-135m", "activation", "magnitude")
        and (one.pattern, one.mitigations) == (pattern, mitigations)
    )
    told = run.get("delta_nll")
    assert told is not None
    return told.value


def test_at_equal_budget_magnitude_alone_costs_less_than_r_sparse(runs: list[Result]) -> None:
    assert cost(runs, "31.6%") == pytest.approx(0.10, abs=0.005)
    assert cost(runs, "8:16", "r-sparse") == pytest.approx(0.46, abs=0.005)


def test_the_claim_on_mitigations_says_what_r_sparse_spends(runs: list[Result]) -> None:
    folder = results_folder()
    assert folder is not None
    names = published.read_names(folder / "published")
    said = repair.answer(Evidence((), names, own=tuple(runs)))
    assert said.live is not None
    assert "r-sparse spends 68.4% of the dense multiply-adds" in said.live.text
    assert "magnitude alone may drop 31.6%, and costs 0.10 (" in said.live.text
    assert UNCOUNTED in said.main.text


def test_a_run_says_its_budget_in_text_and_json(runs: list[Result]) -> None:
    run = next(run for run in runs if run.experiment.mitigations == ("r-sparse",))
    assert "68.4% of the multiply-adds of these layers when dense: 50.0% kept, 18.4% added" in (
        printing.run_text(run, True)
    )
    told = json.loads(printing.run_line(run))["budget"]
    assert told["magnitude_alone_may_drop_percent"] == 31.6
    assert told["added_weight_bytes"]["bf16"] == 2 * told["added_multiply_adds"]
    plain = next(run for run in runs if not run.experiment.mitigations)
    assert "none added" in printing.run_text(plain, True)


def test_the_figure_of_all_methods_draws_magnitude_at_equal_budget() -> None:
    rows = [
        MethodError("activation", "criterion", "magnitude", 0.3, added=0.0),
        MethodError("activation", "mitigation", "r-sparse", 0.2, added=0.25, equal_error=0.1),
    ]
    drawn = method_errors(rows)
    (equal,) = (trace for trace in drawn.data if "as many multiply-adds" in trace.name)
    assert (list(equal.x), list(equal.y)) == ([0.1], [0])
    assert "R-Sparse, +25%" in str(drawn.layout.yaxis.ticktext)


def test_the_page_says_the_budget_beside_the_settings() -> None:
    said = method_notes(View.build({"pattern": "8:16", "mitigations": "r-sparse"}))
    assert "68.4% of the multiply-adds of these layers" in said
    assert "at this budget magnitude alone may drop 31.6%" in said
    said = method_notes(View.build({"pattern": "8:16", "mitigations": "la-rosa"}))
    assert "172.9% of the multiply-adds of these layers" in said
    assert "magnitude alone may drop nothing" in said
