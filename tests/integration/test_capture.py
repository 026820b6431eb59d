"""Looking at a site through a capture: no forward pass, the right window, bounded memory."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import PARAGRAPHS

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import SiteLook
from nmviz.engine.calibrate import artefacts, calibration
from nmviz.engine.calibrate.calibration import bind, bind_site
from nmviz.engine.load.loading import LoadedModel, load
from nmviz.engine.load.sites import Site, find_site
from nmviz.engine.load.tokens import encode
from nmviz.engine.look import capture
from nmviz.engine.look.capture import Capture, Captures, Part, look, make_capture
from nmviz.sources import corpora

PROMPT = "The river rises in spring."


@pytest.fixture(scope="module")
def loaded(tiny_model: Path) -> LoadedModel:
    return load(str(tiny_model))


def at(
    loaded: LoadedModel, made: Capture, experiment: Experiment, site: Site, part: Part
) -> SiteLook:
    return look(made, bind_site(loaded, experiment, site), site, part)


def test_a_capture_holds_the_dense_input_of_every_site(loaded: LoadedModel) -> None:
    made = make_capture(loaded, PROMPT)
    assert len(made.inputs) == 21
    assert len(made.tokens) == len(encode(loaded, PROMPT))
    assert "".join(made.tokens) == PROMPT
    seen = []
    site = find_site(loaded.model, 1, "o")
    hook = site.module.register_forward_pre_hook(lambda _, args: seen.append(args[0][0]))
    loaded.model(input_ids=encode(loaded, PROMPT)[None])
    hook.remove()
    assert torch.equal(made.inputs[site.name], seen[0])


def test_sites_with_one_input_share_its_memory(loaded: LoadedModel) -> None:
    made = make_capture(loaded, PROMPT)
    tokens = len(made.tokens)
    # q, k, v share 64; o has 64; gate, up share 64; down has 128; three blocks of float32
    assert made.size == 3 * tokens * (64 + 64 + 64 + 128) * 4


def test_a_capture_serves_the_model_loaded_again(loaded: LoadedModel) -> None:
    captures = Captures()
    captures.get(loaded, PROMPT)
    again = replace(loaded, model=copy.deepcopy(loaded.model))
    site = find_site(again.model, 1, "o")
    seen = at(again, captures.get(again, PROMPT), Experiment(pattern="2:4"), site, Part())
    assert seen.site == site.name


def test_a_long_prompt_is_cut_and_an_empty_one_refused(loaded: LoadedModel) -> None:
    assert len(make_capture(loaded, PROMPT * 100).tokens) == capture.LARGEST_PROMPT
    with pytest.raises(UserError, match="prompt is empty"):
        make_capture(loaded, "")


def test_the_least_recently_used_capture_goes_first(loaded: LoadedModel) -> None:
    one = make_capture(loaded, "One.").size
    captures = Captures(memory=lambda: int(2.5 * one))
    first = captures.get(loaded, "One.")
    second = captures.get(loaded, "Two.")
    assert captures.get(loaded, "One.") is first
    captures.get(loaded, "Six.")
    assert captures.get(loaded, "One.") is first
    assert captures.get(loaded, "Two.") is not second


def test_the_mask_of_activations_is_tokens_by_channels(loaded: LoadedModel) -> None:
    made = make_capture(loaded, PROMPT)
    site = find_site(loaded.model, 2, "down")
    seen = at(loaded, made, Experiment(pattern="1:4"), site, Part(2, 3, 8, 16))
    assert seen.mask.kept.shape == (3, 16)
    assert (seen.mask.kept.reshape(3, 4, 4).sum(-1) == 1).all()
    assert seen.mask.row_labels == made.tokens[2:5]
    assert (seen.mask.first_row, seen.mask.first_column) == (2, 8)
    assert (seen.mask.rows_in_all, seen.mask.columns_in_all) == (len(made.tokens), 128)
    assert np.array_equal(seen.mask.values, made.inputs[site.name][2:5, 8:24].numpy())
    assert np.array_equal(seen.mask.scores, np.abs(seen.mask.values))
    assert seen.kept == 0.25
    assert seen.mask.group == 4


def test_the_mask_of_a_weight_is_outputs_by_inputs(loaded: LoadedModel) -> None:
    made = make_capture(loaded, PROMPT)
    site = find_site(loaded.model, 0, "down")
    seen = at(loaded, made, Experiment(pattern="2:4", target="weight"), site, Part(60, 10, 0, 8))
    assert (seen.mask.rows_in_all, seen.mask.columns_in_all) == (64, 128)
    assert seen.mask.first_row == 54, "moved inside"
    assert np.array_equal(seen.mask.values, site.weight[54:64, :8].numpy())
    assert 0 < seen.rel_error < 1


def test_the_histogram_counts_every_entry_once(loaded: LoadedModel) -> None:
    made = make_capture(loaded, PROMPT)
    site = find_site(loaded.model, 0, "q")
    experiment = Experiment(pattern="2:4", mitigations=("d-pts",))
    inputs = at(loaded, made, experiment, site, Part()).inputs
    size = len(made.tokens) * 64
    assert inputs.kept.sum() == inputs.dropped.sum() == size // 2
    assert (np.diff(inputs.edges) > 0).all()
    assert inputs.shift == pytest.approx(made.inputs[site.name].median(-1).values.mean().item())


def test_what_dropped_inputs_become_is_what_the_layer_multiplies(
    loaded: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artefacts, "path_of", lambda key: tmp_path / f"{key}.safetensors")
    monkeypatch.setattr(calibration, "WINDOW", 32)
    monkeypatch.setattr(corpora, "read", lambda *_: "\n\n".join(PARAGRAPHS))
    monkeypatch.setattr(corpora, "identify", lambda _: "paragraphs")
    made = make_capture(loaded, PROMPT)
    site = find_site(loaded.model, 0, "q")
    x = made.inputs[site.name]
    turned = Experiment.build(pattern="2:4", mitigations="la-rosa", calibration_windows=1)
    for mitigations in ("smooth", "d-pts,smooth", "la-rosa"):
        chosen = turned.but(mitigations=tuple(mitigations.split(",")))
        bound = bind(loaded, chosen, lambda: None).pruned
        seen = look(made, bound, site, Part(0, 99, 0, 99))
        assert seen.turned == (mitigations == "la-rosa")
        assert (seen.inputs.shift is None) == ("d-pts" not in mitigations)
        kept = bound._kept_of_input(site, x)  # type: ignore[attr-defined]
        if seen.turned:
            kept = kept @ bound.states[site]["la-rosa"]["rotation"]
        gone = torch.tensor(~seen.mask.kept)
        expected = x.median(-1, keepdim=True).values.expand_as(x) if seen.inputs.shift else 0 * x
        assert torch.allclose(kept[gone], expected[gone], atol=1e-5)
        if mitigations != "d-pts,smooth":  # there what is kept goes through a shift and back
            assert torch.allclose(kept[~gone], torch.tensor(seen.mask.values)[~gone], atol=1e-4)


def test_the_error_of_a_look_is_that_of_the_layer(loaded: LoadedModel) -> None:
    made = make_capture(loaded, PROMPT)
    site = find_site(loaded.model, 1, "v")
    x = made.inputs[site.name]
    blocks = x.view(len(x), -1, 4)
    top = blocks.abs().topk(2, -1).indices
    kept = torch.zeros_like(blocks).scatter(-1, top, blocks.gather(-1, top)).view_as(x)
    y = site.dense(x)
    expected = ((y - site.dense(kept)).norm() / y.norm()).item()
    seen = at(loaded, made, Experiment(pattern="2:4"), site, Part())
    assert seen.rel_error == pytest.approx(expected, rel=1e-5)


def test_a_pattern_that_does_not_fit_is_refused(loaded: LoadedModel) -> None:
    made = make_capture(loaded, PROMPT)
    with pytest.raises(UserError, match="not a multiple of 48"):
        at(loaded, made, Experiment(pattern="8:48"), find_site(loaded.model, 0, "q"), Part())
