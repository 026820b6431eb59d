"""What must hold for every registered method, found by walking the registries."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nmviz.engine import artefacts, calibration
from nmviz.engine.calibration import bind
from nmviz.engine.evaluate import logits
from nmviz.engine.loading import LoadedModel, load
from nmviz.engine.sites import find_site, find_sites
from nmviz.engine.sparsify import Pruned, forwards, replaced
from nmviz.experiment import Experiment
from nmviz.methods import ACTIVATION, MITIGATIONS, WEIGHT
from nmviz.methods.method import Method
from nmviz.methods.patterns import parse_pattern

pytestmark = pytest.mark.real  # the calibration text is fetched on first use

CRITERIA = [("activation", m) for m in ACTIVATION.values()]
CRITERIA += [("weight", m) for m in WEIGHT.values()]
EVERY = [*CRITERIA, *(("mitigation", m) for m in MITIGATIONS.values())]
COMBINED = ["clact|d-pts", "clact|var", "amber|d-pts", "amber|var", "magnitude|l-pts,var"]
COMBINED += ["magnitude|l-pts,ls", "magnitude|l-pts(where=output),ls", "wina|r-sparse,var"]


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


@pytest.mark.parametrize("combined", COMBINED)
def test_the_combinations_of_the_paper_run(loaded: LoadedModel, combined: str) -> None:
    criterion, mitigations = combined.split("|")
    chosen = Experiment.build(
        pattern="2:4", criterion=criterion, mitigations=mitigations, calibration_windows=2
    )
    with replaced(forwards(prepared(loaded, chosen), lambda: None)):
        assert logits(loaded, torch.arange(30)).isfinite().all()


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
