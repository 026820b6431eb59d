"""Layers with patterns of their own: run, looked at, counted, found again by name."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pruning import nothing

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.grids import read_grid
from nmviz.core.plans.plan import Plan
from nmviz.core.running import Running
from nmviz.engine.calibrate.calibration import bind
from nmviz.engine.load.loading import load
from nmviz.engine.load.sites import find_site, find_sites
from nmviz.engine.measure.dense import logits
from nmviz.engine.prune.sparsify import forwards, replaced
from nmviz.hardware.counts import count
from nmviz.hardware.facts import shipped
from nmviz.hardware.pruning import Pruning
from nmviz.hardware.work import Work
from nmviz.methods.patterns import parse_pattern
from nmviz.service import schedules
from nmviz.service.plans import known_plans
from nmviz.service.plans import making as plans
from nmviz.service.tradeoffs.axes import Asked
from nmviz.service.tradeoffs.shares import share

ENTRIES = ("2:4 q:0-1; down", "8:16 gate:0-2", "50% up:1")
TEXT: dict[str, Any] = {"corpus": "wikitext-2", "tokens": 256, "window": 64}
WAYS: list[dict[str, Any]] = [
    {},
    {"criterion": "clact"},
    {"criterion": "wina", "mitigations": "d-pts,var"},
    {"criterion": "magnitude(over=window)"},
    {"target": "weight"},
    {"target": "weight", "ties": "random"},
]


def planned(model: str, *entries: str, **fields: Any) -> Experiment:
    given = {"model": model, "pattern": "plan:000000000000", "plan": entries or ENTRIES}
    return service.canonical(Experiment.build(**given, **TEXT, **fields))


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_layer_is_pruned_as_with_its_pattern_alone(
    tiny: str, way: dict[str, Any], paragraphs_calibrate: None
) -> None:
    one, loaded = planned(tiny, **way), load(tiny)
    ids = torch.arange(64)[None] % 300
    together = bind(loaded, one, nothing).pruned
    apart: dict[Any, Any] = {}
    for part in one.parts:
        apart |= forwards(bind(loaded, part, nothing).pruned, nothing)
    assert set(apart) == set(together.sites) and len(one.parts) == 3
    with torch.inference_mode(), replaced(forwards(together, nothing)):
        whole = logits(loaded, ids)
    with torch.inference_mode(), replaced(apart):
        in_parts = logits(loaded, ids)
    assert torch.equal(whole, in_parts)
    dense = logits(loaded, ids)
    assert not torch.equal(whole, dense)


def test_what_is_calibrated_in_sequence_has_each_its_pattern(
    tiny: str, paragraphs_calibrate: None
) -> None:
    way = {"target": "weight", "criterion": "wanda", "calibration_windows": 4}
    one, loaded = planned(tiny, **way), load(tiny)
    pruned = bind(loaded, one, nothing).pruned
    for site in pruned.sites:
        mask, pattern = pruned.masked(site, site.weight).mask, site.mask_in(one)
        if pattern.group:
            in_groups = mask.unflatten(1, (-1, pattern.group)).sum(-1)
            assert bool((in_groups == pattern.keep).all()), site.name
        else:
            assert mask.float().mean().item() == pytest.approx(pattern.density, abs=1e-3)


def test_a_run_is_stored_and_found_again_by_its_name(tiny: str, own_store: Path) -> None:
    one = planned(tiny)
    [result] = list(service.run([one], how=Running(exact_errors=True)))[-1].results
    pruned = [site for site in find_sites(load(tiny).model) if not site.mask_in(one).is_dense]
    assert {site.name for site in result.sites} == {site.name for site in pruned}
    assert len(pruned) == 2 + 3 + 3 + 1
    known_plans._known.clear()
    settings = known_plans.with_plan({"model": tiny, "pattern": one.pattern, **TEXT})
    again = service.canonical(Experiment.build(**settings))
    assert again.plan == one.plan
    assert service.lookup(again) == result
    with pytest.raises(UserError, match="No plan is known here as plan:123456789abc"):
        known_plans.with_plan({"pattern": "plan:123456789abc"})


def test_a_look_has_the_pattern_of_its_layer(tiny: str) -> None:
    one = planned(tiny)
    for block, projection, kept in ((0, "q", 0.5), (1, "up", 0.5), (0, "gate", 0.5)):
        look = service.look(one, "the river runs downhill", block, projection)
        assert look.kept == kept
    alone = Experiment.build(model=tiny, pattern="8:16", **TEXT)
    at = ("the river runs downhill", 0, "gate")
    assert service.look(one, *at).rel_error == service.look(alone, *at).rel_error


def test_grids_and_attribution_take_a_plan(tiny: str, tmp_path: Path, own_store: Path) -> None:
    plan = tmp_path / "p.yaml"
    plan.write_text(str(known_plans.as_plan(planned(tiny))))
    given = ", ".join(f"{name}: {value}" for name, value in TEXT.items())
    grid = tmp_path / "grid.yaml"
    axes = "pattern: p.yaml, criterion: [magnitude, clact]"
    grid.write_text(f"shared: {{model: {tiny}, {given}}}\ngrids:\n  - {{{axes}}}\n")
    found = schedules.schedule(read_grid(grid))
    assert [(one.pattern, one.plan) for one in found.to_do] == [
        (planned(tiny).pattern, planned(tiny).plan)
    ] * 2
    assert not found.left_out
    from nmviz.service.attribution import experiments_of

    every = experiments_of(planned(tiny), "site")
    alone = {(one.pattern, str(one.sites)) for one in every[1:]}
    assert ("8:16", "gate:2") in alone and ("50%", "up:1") in alone and ("2:4", "q:1") in alone
    assert len(alone) == 2 + 3 + 3 + 1


def test_a_width_that_does_not_fit_and_another_model_are_refused(tiny: str) -> None:
    with pytest.raises(UserError, match="not a multiple"):
        planned(tiny, "2:4 q", "3:5 gate")
    with pytest.raises(UserError, match="has no block 9"):
        planned(tiny, "2:4 q:0", "4:8 q:9")
    with pytest.raises(UserError, match="has no projection 'fc1'"):
        planned(tiny, "2:4 q", "4:8 fc1")
    with pytest.raises(UserError, match="of another model"):
        known_plans.fields_of(Plan({"h.0.attn": "2:4"}), tiny)


def test_what_it_spends_is_the_sum_of_its_parts() -> None:
    decoder = shipped()["smollm2-135m"]
    work = Work("prefill", 2048, 2048, 1, "bf16")
    given = {"pattern": "plan:000000000000", "plan": ENTRIES}
    one = Experiment.build(**given)
    assert one.by_layer is not None
    whole = count(decoder, work, Pruning.by_plan("activation", one.by_layer))
    saved = 0
    for part in one.parts:
        alone = count(decoder, work, Pruning.of("activation", part.mask, sites=part.sites))
        saved += alone.multiply_adds(dense=True) - alone.multiply_adds()
    assert whole.multiply_adds(dense=True) - whole.multiply_adds() == saved > 0
    asked = Asked(cost="multiply_adds")
    shares = [share(part, asked) for part in one.parts]
    found = share(one, asked)
    assert found is not None
    assert 100 - found.value == pytest.approx(sum(100 - one.value for one in shares if one))
    spent = service.budget_of(one)
    assert spent.kept == pytest.approx(0.5) and spent.dense > 0


def levels_of(tiny: str, mean: float, **fields: Any) -> dict[str, str]:
    asked = Experiment.build(model=tiny, pattern="50%", **TEXT, **fields)
    steps = plans.make_plan(asked, mean, "teal")
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return dict(end.value.layers)


@pytest.mark.parametrize("fields", [{}, {"target": "weight"}, {"criterion": "teal"}], ids=str)
def test_teals_levels_have_the_mean_that_is_asked_in_every_block(
    tiny: str, fields: dict[str, Any], paragraphs_calibrate: None
) -> None:
    found = levels_of(tiny, 0.8, **fields)
    layers = known_plans.layers_of(tiny)
    for block in range(3):
        own = [one for one in layers if one.block == block]
        shares = {one.name: parse_pattern(found.get(one.name, "dense")).density for one in own}
        whole = sum(one.multiply_adds for one in own)
        dropped = sum((1 - shares[one.name]) * one.multiply_adds for one in own) / whole
        assert dropped == pytest.approx(0.4, abs=0.02)
    assert len(set(found.values())) > 3


def test_teals_levels_change_a_block_less_than_one_level_for_all(
    tiny: str, paragraphs_calibrate: None
) -> None:
    from nmviz.engine.calibrate.blockwise import Walk
    from nmviz.engine.calibrate.calibration import calibration_windows
    from nmviz.engine.look import levels

    loaded, found = load(tiny), levels_of(tiny, 0.8)
    asked = Experiment.build(model=tiny, pattern="40%", **TEXT)
    walk = Walk(loaded, calibration_windows(loaded, 1, 0)[:, : levels.TOKENS], nothing)
    for block in range(3):
        [target] = walk.dense(block)[1]
        errors = []
        for names in ({}, found):
            chosen = [find_site(loaded.model, block, one.projection) for one in walk.sites(block)]
            masks = {site: names.get(site.name, "40%") for site in chosen}
            computing = {
                site: forwards(bind(loaded, asked.but(pattern=mask), nothing).pruned, nothing)[site]
                for site, mask in masks.items()
            }
            with torch.no_grad(), replaced(computing):
                errors.append(levels._error(walk.output(block, walk.hidden[0]), target))
        assert errors[1] < errors[0]
        walk.advance(block, {})


def test_teals_levels_need_a_share(tiny: str) -> None:
    asked = Experiment.build(model=tiny, pattern="2:4", **TEXT)
    with pytest.raises(UserError, match="choose a pattern such as 50%"):
        list(plans.make_plan(asked, 0.5, "teal"))
