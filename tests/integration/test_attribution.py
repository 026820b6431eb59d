"""What each part costs pruned alone: as a run of it says, beside noise as large as its error."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pruning import nothing

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.cli.main import main
from nmviz.core.attribution.control import BEYOND, NOISE
from nmviz.core.attribution.parts import Attribution, By, Part, check_way, parts_of
from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Provenance, Result, SiteError
from nmviz.core.running import Running
from nmviz.engine.calibrate import apart
from nmviz.engine.calibrate.calibration import bind
from nmviz.engine.load.loading import load
from nmviz.engine.measure.trial import Trial
from nmviz.engine.prune.noise import NoiseOfErrors
from nmviz.service import attribution, runs
from nmviz.ui.explore.panels.costs_of_parts import dearest

PROJECTIONS = ("q", "k", "v", "o", "gate", "up", "down")
USUAL: dict[str, Any] = {"corpus": "wikitext-2", "tokens": 512, "window": 64, "pattern": "2:4"}


def of(tiny: str, **fields: Any) -> Experiment:
    return Experiment.build(model=tiny, **{**USUAL, **fields})


def value(of_result: Result, metric: str) -> float:
    found = of_result.get(metric)
    assert found is not None
    return found.value


def measured(experiment: Experiment, by: By) -> Attribution:
    *_, last = attribution.attribute(experiment, by)
    assert last.stage == "done"
    return attribution.attributed(by, last.results)


def test_parts_are_the_scope_taken_apart() -> None:
    listed = Experiment.build(projections="down; q:0-1", pattern="2:4")
    by_block = [set(one.projections or ()) for one in parts_of(listed, "block", PROJECTIONS, 3)]
    assert by_block == [{"q", "down"}, {"q", "down"}, {"down"}]
    alone = parts_of(listed, "projection", PROJECTIONS, 3)
    by_projection = {one.projections: one.blocks for one in alone}
    assert by_projection == {("q",): "0-1", ("down",): "0-2"}
    assert len(list(parts_of(listed, "site", PROJECTIONS, 3))) == 5
    assert len(list(parts_of(Experiment(), "site", PROJECTIONS, 30))) == 210


@pytest.mark.parametrize("by", ["block", "projection", "site"])
def test_a_part_is_the_run_of_it(tiny: str, by: By) -> None:
    found = measured(of(tiny, blocks="0-1", projections="q,down"), by)
    assert len(found.parts) == {"block": 2, "projection": 2, "site": 4}[by]
    part = found.parts[-1]
    alone = part.result.experiment
    [again] = list(service.run([alone], how=Running(rerun=True, keep=False)))[-1].results
    for metric in ("delta_nll", "kl", "perplexity"):
        assert value(part.result, metric) == value(again, metric)
    assert part.result.sites == again.sites
    assert (
        part.site
        == {
            "block": "model.layers.1",
            "projection": "down",
            "site": "model.layers.1.mlp.down_proj",
        }[by]
    )


def test_it_is_found_again_without_a_model(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = of(tiny, pattern="4:8", blocks="1")
    assert attribution.known(experiment, "site") is None
    made = measured(experiment, "site")
    monkeypatch.setattr(runs, "load", lambda *_: pytest.fail("a model was loaded"))
    assert attribution.known(experiment, "site") == made
    assert measured(experiment, "site") == made


@pytest.mark.parametrize("target", ["activation", "weight"])
def test_noise_is_as_large_as_the_error_and_points_elsewhere(tiny: str, target: str) -> None:
    loaded = load(tiny)
    pruned = bind(loaded, of(tiny, target=target, ties="auto"), nothing).pruned
    site = pruned.sites[-1]
    x = torch.randn(2, 5, site.d_in, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        lost = pruned.lost(site, x)
        noise = NoiseOfErrors(pruned).forward(site, x) - site.dense(x)
        again = NoiseOfErrors(pruned).forward(site, x) - site.dense(x)
    assert torch.allclose(noise.norm(dim=-1), lost.norm(dim=-1), rtol=1e-3, atol=1e-6)
    assert torch.equal(noise, again)
    along = torch.nn.functional.cosine_similarity(noise.flatten(), lost.flatten(), dim=0)
    assert abs(along) < 0.3
    other = NoiseOfErrors(bind(loaded, of(tiny, target=target, seed=1), nothing).pruned)
    with torch.inference_mode():
        assert not torch.equal(other.forward(site, x) - site.dense(x), noise)


def test_what_costs_nothing_is_no_noise(tiny: str) -> None:
    loaded = load(tiny)
    pruned = bind(loaded, of(tiny, pattern="dense"), nothing).pruned
    x = torch.randn(1, 4, pruned.sites[0].d_in) if pruned.sites else None
    if x is not None:
        site = pruned.sites[0]
        assert torch.equal(NoiseOfErrors(pruned).forward(site, x), site.dense(x))


def test_the_control_is_part_of_the_result_and_asked_for_when_it_lacks(tiny: str) -> None:
    experiment = of(tiny, pattern="1:4")
    [plain] = list(service.run([experiment]))[-1].results
    assert plain.get(NOISE) is None
    *_, last = service.run([experiment], how=Running(control=True))
    assert not last.from_store
    [with_control] = last.results
    assert value(with_control, "delta_nll") == value(plain, "delta_nll")
    noise, beyond = with_control.get(NOISE), with_control.get(BEYOND)
    assert noise is not None and beyond is not None
    assert beyond.value == pytest.approx(value(with_control, "delta_nll") - noise.value, abs=1e-9)
    assert (noise.n, beyond.n) == (with_control.get("delta_nll").n,) * 2  # type: ignore[union-attr]
    assert list(service.run([experiment], how=Running(control=True)))[-1].from_store
    assert list(service.run([experiment]))[-1].results == (with_control,)


@pytest.mark.parametrize("criterion", ["wanda", "sparsegpt"])
def test_layers_of_one_block_are_calibrated_in_one_walk(
    tiny: str,
    criterion: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    paragraphs_calibrate: None,
) -> None:
    experiment = of(tiny, target="weight", criterion=criterion, calibration_windows=3)
    walks: list[bool] = []
    walk = apart.walk
    monkeypatch.setattr(
        apart, "walk", lambda *given, **named: (walks.append(True), walk(*given, **named))[1]
    )
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path / "together"))
    found = measured(experiment, "block")
    assert walks == [True]
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path / "alone"))
    for part in found.parts:
        alone = part.result.experiment
        [again] = list(service.run([alone], how=Running(rerun=True, keep=False)))[-1].results
        assert value(again, "delta_nll") == value(part.result, "delta_nll")


def result(cost: float, units: tuple[float, ...], *sites: tuple[int, str]) -> Result:
    return Result(
        experiment=Experiment(blocks=str(sites[0][0]) if sites else None),
        measurements=(Measurement(metric="delta_nll", value=cost, stderr=0.01, n=len(units)),),
        sites=tuple(
            SiteError(name=f"layers.{n}.{name}", block=n, projection=name, rel_error=0.1, kept=0.5)
            for n, name in sites
        ),
        unit_costs=units,
        provenance=Provenance(source="nmviz"),
    )


def test_additivity_by_hand() -> None:
    parts = [result(0.2, (0.1, 0.2, 0.3), (0, "q")), result(0.1, (0.1, 0.1, 0.1), (1, "q"))]
    whole = result(0.6, (0.5, 0.5, 0.8))
    found = attribution.attributed("site", [whole, *parts])
    ratio = found.additivity
    assert ratio is not None and ratio.value == pytest.approx(0.5)
    # By unit sum - whole / 2: -0.05, 0.05, 0; their spread is 0.05.
    assert ratio.stderr == pytest.approx(0.05 / 3**0.5 / 0.6)
    assert found.costs == pytest.approx({"layers.0.q": 0.2, "layers.1.q": 0.1})


def test_what_costs_nothing_has_no_additivity() -> None:
    whole = result(0.015, (0.0, 0.03))
    assert (
        attribution.attributed("site", [whole, result(0.1, (0.1, 0.1), (0, "q"))]).additivity
        is None
    )


@pytest.mark.parametrize(
    ("fields", "by", "said"),
    [
        ({}, "layer", "by block, projection, site, not by 'layer'"),
        ({"pattern": "dense"}, "block", "choose a pattern"),
        ({"target": "blocks", "drop": 1, "pattern": "dense"}, "block", "choose a pattern"),
        ({"tasks": "piqa"}, "block", "choose a text"),
    ],
)
def test_what_has_no_parts_is_refused(
    tiny: str, fields: dict[str, Any], by: str, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        attribution.experiments_of(of(tiny, **fields), check_way(by))


def test_a_cancelled_one_says_so(tiny: str) -> None:
    from threading import Event

    cancel = Event()
    steps = attribution.attribute(of(tiny, pattern="4:8"), "block", cancel=cancel)
    seen = []
    for step in steps:
        seen.append(step.stage)
        cancel.set()
    assert seen[-1] == "cancelled"


def called(
    given: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, Any], str]:
    """What a command prints with --json, and without."""
    for more in (["--json"], []):
        monkeypatch.setattr(sys, "argv", ["nmviz", *given, *more])
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
    whole, text = capsys.readouterr().out.split("\n", 1)
    return json.loads(whole), text


def test_the_command_prints_one_object(
    tiny: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ["attribute", tiny, "--pattern", "2:4", "--by", "block", "--corpus", "wikitext-2"]
    given += ["--tokens", "512", "--window", "64"]
    said, text = called(given, capsys, monkeypatch)
    assert {"rows", "additivity", "delta_nll", "stderr", "by"} <= said.keys()
    assert [row["block"] for row in said["rows"]] == [0, 1, 2] or len(said["rows"]) > 1
    for row in said["rows"]:
        assert {"site", "delta_nll", "stderr", "noise_delta_nll"} <= row.keys()
        assert row["sites"] and all(name.startswith(row["site"]) for name in row["sites"])
    assert "all at once" in text and "noise as large" in text
    assert text.count("No noise floor measured.") == 1
    assert said["noise_floor"] is None and said["rows"][0]["noise_floor"] is None


def test_the_command_has_noise_floors_where_they_are_asked_for(
    tiny: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ["attribute", tiny, "--pattern", "1:4", "--blocks", "0", "--by", "site"]
    given += ["--corpus", "wikitext-2", "--tokens", "128", "--window", "64", "--noise-floor"]
    said, text = called(given, capsys, monkeypatch)
    for told in (said, *said["rows"]):
        assert told["noise_floor"]["of"] == "pruned" and told["noise_floor"]["delta_nll"] > 0
    head, first, *_ = text.split("noise as large")[1].splitlines()
    assert head.strip() == "noise floor" and float(first.split()[-1]) > 0
    assert "No noise floor" not in text


def test_a_trial_without_windows_says_nothing(tiny: str) -> None:
    pruned = bind(load(tiny), of(tiny), nothing)
    from nmviz.engine.measure.evaluate import Comparison

    trial = Trial(Comparison(pruned.pruned), {}, pruned.coverage)
    trial.control = Comparison(pruned.pruned, watched=False)
    assert trial.measurements() == ()


def test_the_dearest_layers_make_up_half_of_the_costs() -> None:
    parts = [Part(result(c, (c, c), (n, "q"))) for n, c in enumerate((0.1, 0.5, -0.2, 0.3))]
    assert dearest(parts) == ["layers.1.q"]
    assert dearest([*parts, Part(result(0.9, (0.9,), (4, "q")))]) == ["layers.4.q"]
    assert dearest([Part(result(-0.1, (0.1,), (0, "q")))]) == []
