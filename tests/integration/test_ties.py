"""Weights that tie: the rule that is asked for, means over five draws, and what the store gives."""

import json
import math
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
import torch
from forms import form
from own_text import as_stored
from safetensors.torch import load_file, save_file

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.cli.main import main
from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.core.running import Running
from nmviz.core.ties import tie_breaks
from nmviz.engine.calibrate.calibration import bind, bind_site
from nmviz.engine.load.loading import LoadedModel, load
from nmviz.engine.load.sites import find_sites
from nmviz.engine.measure.evaluate import logits
from nmviz.engine.prune.kernels.packed import as_bits, from_bits
from nmviz.engine.prune.sparsify import forwards, replaced
from nmviz.engine.prune.weights import PrunedWeights, Redrawn
from nmviz.ui import api
from nmviz.ui.explore.form.controls import FIELDS
from nmviz.ui.explore.form.values import asked
from nmviz.ui.explore.panels.texts import texts
from nmviz.ui.shell.view import View
from nmviz.views.explore.sentences import FIRST_DRAW, headline, tie_note

TEXT = "Bread is made from flour, water, salt and yeast. The dough rests. " * 40
FIGURES = ("delta_nll", "kl", "top1_agreement")

pytestmark = pytest.mark.usefixtures("own_store")


@pytest.fixture(scope="module")
def ternary(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny model with weights of -a, 0 and a, as BitNet and TriLM store them."""
    folder = tmp_path_factory.mktemp("ternary") / "model"
    shutil.copytree(tiny_model, folder)
    state = load_file(folder / "model.safetensors")
    for name, weight in state.items():
        if name.endswith("_proj.weight"):
            scale = weight.abs().mean()
            state[name] = (weight / scale).round().clamp(-1, 1) * scale
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    return str(folder)


@pytest.fixture(scope="module")
def loaded(ternary: str) -> LoadedModel:
    return load(ternary)


def experiment(ternary: str, **fields: object) -> Experiment:
    usual = {"corpus": service.OWN_TEXT, "window": 64, "tokens": 256, "target": "weight"}
    return Experiment.build(model=ternary, **{"pattern": "2:4", **usual, **fields})


def ran(one: Experiment, **how: object) -> Result:
    *_, last = service.run([one], text=TEXT, how=Running.model_validate(how))
    return last.results[0]


def value(result: Result, metric: str) -> float:
    found = result.get(metric)
    assert found is not None
    return found.value


def test_many_ties_are_broken_at_random_in_five_draws(ternary: str, loaded: LoadedModel) -> None:
    """The mean of five pruned models, each evaluated here by itself."""
    one = experiment(ternary)
    result = ran(one)
    assert (result.experiment.ties, '"ties":"random"' in result.experiment.canonical_json()) == (
        "random",
        True,
    )
    first = bind(loaded, result.experiment, lambda: None).pruned
    assert isinstance(first, PrunedWeights)
    costs, masks = [], []
    for draw in range(5):
        pruned = Redrawn(first, draw)
        for site in pruned.sites:
            pruned.finish(site)
        masks.append({site.name: pruned.masked(site, site.weight).mask for site in pruned.sites})
        costs.append(_cost(loaded, pruned))
    ties = tie_breaks(result)
    assert ties is not None and (ties.rule, ties.draws, ties.many) == ("random", 5, True)
    assert value(result, "delta_nll") == pytest.approx(fmean(costs), rel=1e-4)
    assert ties.spread == pytest.approx(stdev(costs), rel=1e-3)
    dense = math.log(value(result, "dense_perplexity"))
    assert math.log(value(result, "perplexity")) == pytest.approx(dense + fmean(costs), rel=1e-5)
    for metric in FIGURES:
        spread = result.get(f"{metric}_spread")
        assert spread is not None and spread.value > 0 and spread.n == 5
    assert len({str(mask["model.layers.0.self_attn.q_proj"].tolist()) for mask in masks}) == 5
    for site in first.sites:  # layers are of the first draw, which a look at one gives again
        alone = bind_site(loaded, result.experiment, site)
        mask = alone.masked(site, site.weight).mask
        assert torch.equal(mask, masks[0][site.name])
        assert torch.equal(mask, first.masked(site, site.weight).mask)
    assert "of the first" in result.provenance.settings["ties"]


def _cost(loaded: LoadedModel, pruned: PrunedWeights) -> float:
    from nmviz.engine.load.tokens import encode

    costs = []
    for ids in encode(loaded, TEXT)[:256].view(4, 64):
        before = logits(loaded, ids).double().log_softmax(-1)[:-1]
        with replaced(forwards(pruned, lambda: None)):
            after = logits(loaded, ids).double().log_softmax(-1)[:-1]
        costs.append((before - after).gather(-1, ids[1:, None]).mean().item())
    return fmean(costs)


def test_index_is_one_run_under_the_key_of_before(ternary: str) -> None:
    one = experiment(ternary, ties="index")
    result = ran(one)
    assert (
        result.key
        == service.resolve(one, TEXT).key
        == service.resolve(one.but(ties="auto"), TEXT).key
    )
    assert "ties" not in result.experiment.canonical_json()
    ties = tie_breaks(result)
    assert ties is not None and (ties.rule, ties.draws, ties.spread) == ("index", 0, None)
    assert result.get("delta_nll_spread") is None
    assert "for the lower index" in (tie_note(result) or "")
    assert "for the lower index" in headline({"weight": result})


def test_few_ties_go_to_the_lower_index(tiny_model: Path) -> None:
    assert ran(experiment(str(tiny_model))).experiment.ties == "index"


def test_few_ties_are_answered_by_index_though_random_ones_were_asked_for_too(
    tiny_model: Path,
) -> None:
    auto = experiment(str(tiny_model))
    drawn = as_stored(ran(auto.but(ties="random")))
    assert service.lookup(auto, TEXT) == drawn, "there is no other"
    by_index = as_stored(ran(auto.but(ties="index")))
    assert service.lookup(auto, TEXT) == by_index


def test_a_lookup_takes_random_before_index(ternary: str) -> None:
    auto = experiment(ternary)
    by_index = as_stored(ran(auto.but(ties="index")))
    assert service.lookup(auto, TEXT) == by_index
    assert ran(auto) == by_index, "marked, and given"
    drawn = as_stored(ran(auto.but(ties="random")))
    assert service.lookup(auto, TEXT) == drawn
    assert service.lookup(auto.but(ties="index"), TEXT) == by_index
    assert ran(auto, rerun=True).experiment.ties == "random"
    *_, both = service.run([auto, auto.but(ties="index")], text=TEXT)
    assert [one.experiment.ties for one in both.results] == ["random", "index"]


@pytest.mark.parametrize(("percent", "kept"), [("20%", 0.8), ("50%", 0.5), ("70%", 0.3)])
def test_a_ternary_model_loses_the_share_that_was_asked_for(
    ternary: str, percent: str, kept: float
) -> None:
    for rule in ("index", "random"):
        result = ran(experiment(ternary, pattern=percent, ties=rule), keep=False)
        assert {round(site.kept, 3) for site in result.sites} == {kept}


def test_calibration_is_shared_by_the_rules(ternary: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from nmviz.engine.calibrate import calibration

    made = []
    walk = calibration.walk
    monkeypatch.setattr(calibration, "walk", lambda *given: made.append(1) or walk(*given))
    for rule in ("index", "random"):
        one = experiment(ternary, criterion="wanda", calibration_windows=2, ties=rule)
        ran(one, keep=False)
    assert len(made) <= 1


def test_draws_stop_together(ternary: str) -> None:
    *_, last = service.run(
        [experiment(ternary, tokens=1024, window=32)], text=TEXT * 4, how=Running(precision=1.0)
    )
    (result,) = last.results
    assert result.experiment.tokens is not None and result.experiment.tokens < 1024
    assert result.experiment.ties == "random" and len(result.unit_costs) >= 15


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"target": "activation", "ties": "index"}, "Ties between activations"),
        ({"target": "activation", "ties": "random"}, "Ties between activations"),
        ({"criterion": "sparsegpt", "ties": "random"}, "sparsegpt breaks ties as it goes"),
        ({"ties": "sometimes"}, "auto"),
    ],
)
def test_a_rule_where_there_is_none_to_choose_is_refused(
    ternary: str, fields: dict[str, str], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        experiment(ternary, **fields)


def test_the_endpoint_refuses_the_same() -> None:
    import gradio as gr

    with pytest.raises(gr.Error, match="Ties between activations"):
        api.lookup({"ties": "random"})
    assert api.lookup({"target": "weight", "ties": "random", "seed": 12}) == {}


def test_the_command_line_says_it(
    ternary: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    usual = ["--model", ternary, "--text", str(tmp_path / "text.txt"), "--window", "64"]
    usual += ["--tokens", "256", "--pattern", "2:4"]

    def call(*more: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nmviz", "run", *usual, *more])
        with pytest.raises(SystemExit) as end:
            main()
        return (int(end.value.code or 0), *capsys.readouterr())

    told = json.loads(call("--target", "weight", "--json")[1])
    assert told["ties"]["rule"] == told["experiment"]["ties"] == "random"
    assert told["ties"]["draws"] == 5 and told["ties"]["share"] > 0.01
    assert told["ties"]["spread"] > 0
    by_index = json.loads(call("--target", "weight", "--ties", "index", "--json")[1])
    assert by_index["ties"] == {**told["ties"], "rule": "index", "draws": 0, "spread": None}
    text = call("--target", "weight")[1]
    assert "means over 5 random tie-breaks" in text
    assert "share of entries kept: 0.5 in each of 21 layers" in text
    status, _, error = call("--ties", "index")
    assert status == 2 and "Ties between activations" in error and error.count("\n") == 1
    assert json.loads(call("--json")[1])["ties"] is None
    threshold = call("--pattern", "50%", "--criterion", "teal")[1]
    assert "share of entries kept: from" in threshold and "on average over 21 layers" in threshold


def test_the_form_and_the_address_have_the_rule() -> None:
    view = View.from_query("ties=random&pattern=2:4")
    assert [one.ties for one in view.experiments()] == ["random", "auto"]
    assert "ties=random" in view.to_query()
    assert View.from_query(view.to_query()) == view
    assert "ties" not in View().to_query()
    filled = asked(form(ties="index")).view
    assert filled.of("weight").ties == "index"
    values = form()
    values[FIELDS.index("ties")] = "never"
    assert "ties" in asked(values).wrong
    assert asked(values).view.ties == "auto"


def test_masks_and_texts_say_that_they_are_of_the_first_draw(ternary: str) -> None:
    look = service.look(experiment(ternary, ties="random"), "bread", 0, "q")
    assert look.drawn
    assert not service.look(experiment(ternary, ties="index"), "bread", 0, "q").drawn
    steps = service.generate([experiment(ternary)], "bread", max_new_tokens=2, chat=False)
    *_, last = steps
    assert [one.drawn for one in last.continuations] == [False, True]
    assert FIRST_DRAW in texts(last, View())
    assert FIRST_DRAW not in texts(
        replace(last, continuations=tuple(replace(c, drawn=False) for c in last.continuations)),
        View(),
    )


def test_bits_give_the_mask_back() -> None:
    generator = torch.Generator().manual_seed(0)
    for shape in ((3, 5), (8, 16), (1, 1)):
        mask = torch.rand(shape, generator=generator) < 0.5
        bits = as_bits(mask)
        assert bits.nbytes == -(-mask.numel() // 8)
        assert torch.equal(from_bits(bits, mask.float()), mask)


def test_every_tied_entry_is_as_likely_to_stay(loaded: LoadedModel) -> None:
    site = next(site for site in find_sites(loaded.model) if site.projection == "q")
    one = Experiment.build(target="weight", pattern="2:4", ties="random", model="m")
    first = PrunedWeights(one, [site])
    first.settle()
    site.module.weight.data.fill_(1.0)
    kept = torch.stack(
        [
            Redrawn(first, draw).masked(site, site.weight).mask.view(-1, 4).float().mean(0)
            for draw in range(5)
        ]
    ).mean(0)
    assert torch.allclose(kept, torch.full((4,), 0.5), atol=0.05)
