"""What must hold for every registered method, found by walking the registries."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nmviz.core.experiment import Experiment
from nmviz.engine.calibrate import artefacts, calibration
from nmviz.engine.calibrate.calibration import bind
from nmviz.engine.load.loading import LoadedModel, load
from nmviz.engine.load.sites import find_site, find_sites
from nmviz.engine.measure.evaluate import logits
from nmviz.engine.prune.sparsify import Pruned, forwards, replaced
from nmviz.methods import ACTIVATION, MITIGATIONS, WEIGHT
from nmviz.methods.method import Method, parse_call
from nmviz.methods.patterns import parse_pattern
from nmviz.methods.scopes import SCOPES, projections

pytestmark = pytest.mark.real  # the calibration text is fetched on first use

CRITERIA = [("activation", m) for m in ACTIVATION.values()]
CRITERIA += [("weight", m) for m in WEIGHT.values()]
EVERY = [*CRITERIA, *(("mitigation", m) for m in MITIGATIONS.values())]
COMBINED = ["clact|d-pts", "clact|var", "amber|d-pts", "amber|var", "magnitude|l-pts,var"]
COMBINED += ["magnitude|ls,l-pts", "magnitude|ls,l-pts,var", "magnitude|ls,l-pts(where=output)"]
COMBINED += ["wina|r-sparse,var", "magnitude|d-pts,l-pts(where=output)"]
"""Tables 7 and 12 of arXiv 2509.22166, and combinations of our own."""
SHARED = ("q", "k", "v")  # sites that are given the same input


@pytest.fixture(scope="module")
def loaded(tiny_model: Path) -> LoadedModel:
    return load(str(tiny_model))


@pytest.fixture(autouse=True)
def own_artefacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(artefacts, "path_of", lambda key: tmp_path / f"{key}.safetensors")
    monkeypatch.setattr(calibration, "WINDOW", 32)
    yield


def experiment(kind: str, method: Method, pattern: str = "3:8") -> Experiment:
    if method.refusal(parse_pattern(pattern)):
        pattern = "30%"
    fields: dict[str, object] = {"pattern": pattern, "calibration_windows": 2}
    if kind == "mitigation":
        fields["mitigations"] = (method.name,)
    else:
        fields |= {"target": kind, "criterion": method.name}
    return Experiment.build(**fields)


def prepared(loaded: LoadedModel, chosen: Experiment) -> Pruned:
    return bind(loaded, chosen, lambda: None).pruned


def inputs(loaded: LoadedModel, block: int, projection: str) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    site = find_site(loaded.model, block, projection)
    return torch.randn(12, site.d_in, generator=generator)


def names(case: object) -> str | None:
    return case.name if isinstance(case, Method) else None


@pytest.mark.parametrize(("kind", "method"), EVERY, ids=names)
def test_exactly_n_of_every_m_are_kept(loaded: LoadedModel, kind: str, method: Method) -> None:
    chosen = experiment(kind, method)
    pruned = prepared(loaded, chosen)
    site = find_site(loaded.model, 1, "down")
    mask = pruned.masked(site, inputs(loaded, 1, "down")).mask
    if chosen.mask.is_grouped:
        assert (mask.unflatten(-1, (-1, 8)).sum(-1) == 3).all()
    else:
        assert 0 < mask.float().mean() < 1


@pytest.mark.parametrize(("kind", "method"), EVERY, ids=names)
def test_it_is_deterministic_and_leaves_the_model_untouched(
    loaded: LoadedModel, kind: str, method: Method, tmp_path: Path
) -> None:
    before = {name: tensor.clone() for name, tensor in loaded.model.state_dict().items()}
    ids = torch.arange(30)
    outputs = []
    for _ in range(2):
        for kept in tmp_path.glob("*.safetensors"):
            kept.unlink()
        pruned = prepared(loaded, experiment(kind, method))
        with replaced(forwards(pruned, lambda: None)):
            outputs.append(logits(loaded, ids))
    assert torch.equal(*outputs)
    assert outputs[0].isfinite().all()
    after = loaded.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all("forward" not in site.module.__dict__ for site in find_sites(loaded.model))


@pytest.mark.parametrize(
    ("kind", "method"), [case for case in EVERY if case[0] != "weight"], ids=names
)
def test_a_token_is_masked_alone_where_that_is_claimed(
    loaded: LoadedModel, kind: str, method: Method
) -> None:
    pruned = prepared(loaded, experiment(kind, method))
    site = find_site(loaded.model, 0, "gate")
    x = inputs(loaded, 0, "gate")
    x[0] *= 30  # a loud token that a batch-dependent method notices
    whole, alone = pruned.masked(site, x).mask[1:], pruned.masked(site, x[1:]).mask
    assert torch.equal(whole, alone) == method.facts.batch_invariant


@pytest.mark.parametrize("name", ["magnitude", "clact", "amber"])
@pytest.mark.parametrize("over", ["token", "window"])
def test_a_share_of_a_window_looks_at_all_its_tokens(
    loaded: LoadedModel, name: str, over: str
) -> None:
    chosen = Experiment.build(pattern="30%", criterion=f"{name}(over={over})")
    pruned = prepared(loaded, chosen)
    site = find_site(loaded.model, 0, "gate")
    x = inputs(loaded, 0, "gate")
    x[0] *= 30
    whole, alone = pruned.masked(site, x).mask[1:], pruned.masked(site, x[1:]).mask
    call = parse_call(chosen.criterion, ACTIVATION)
    assert torch.equal(whole, alone) == call.is_batch_invariant(chosen.mask)
    assert call.is_batch_invariant(parse_pattern("2:4")) == call.method.facts.batch_invariant


@pytest.mark.parametrize("combined", COMBINED)
def test_the_combinations_of_the_paper_run(loaded: LoadedModel, combined: str) -> None:
    criterion, mitigations = combined.split("|")
    chosen = Experiment.build(
        pattern="2:4", criterion=criterion, mitigations=mitigations, calibration_windows=2
    )
    with replaced(forwards(prepared(loaded, chosen), lambda: None)):
        assert logits(loaded, torch.arange(30)).isfinite().all()


@pytest.mark.parametrize("scope", list(SCOPES))
def test_the_learned_combinations_run_in_every_scope_of_the_paper(
    loaded: LoadedModel, scope: str
) -> None:
    chosen = Experiment.build(
        pattern="8:16",
        mitigations="ls,l-pts",
        projections=projections(scope),
        calibration_windows=2,
    )
    pruned = prepared(loaded, chosen)
    assert {site.projection for site in pruned.sites} == set(SCOPES.get(scope).projections)
    with replaced(forwards(pruned, lambda: None)):
        assert logits(loaded, torch.arange(30)).isfinite().all()


@pytest.mark.parametrize(
    ("kind", "method"), [case for case in EVERY if case[0] != "weight"], ids=names
)
def test_sites_with_one_input_compute_what_each_would_alone(
    loaded: LoadedModel, kind: str, method: Method
) -> None:
    chosen = experiment(kind, method)
    x = inputs(loaded, 1, "q")[None]
    together, fresh = prepared(loaded, chosen), prepared(loaded, chosen)
    for projection in SHARED:
        site = find_site(loaded.model, 1, projection)
        alone = fresh.forward(site, x.clone())  # another tensor: nothing is shared
        assert torch.equal(together.forward(site, x), alone), projection


@pytest.mark.parametrize(("kind", "method"), EVERY, ids=names)
def test_it_says_what_it_is(kind: str, method: Method) -> None:
    facts = method.facts
    assert method.title.endswith(".")
    assert len(method.help) > 40
    assert facts.formula
    assert facts.source
    assert bool(facts.excludes) == bool(facts.because)
    for name in facts.choices:
        assert name in [parameter.name for parameter in method.parameters]
