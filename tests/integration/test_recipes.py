"""Recipes of pruned activations: a script without nmviz does what the engine does, and a folder
that is not as it was written is refused in one sentence."""

import json
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import in_process
from kinds import save_model
from pruning import WINDOW, prune
from safetensors.torch import load_file, save_file
from saving import READ, asked, make, read_by_transformers, save, scores

from nmviz import service
from nmviz.base.cache import file_sha256
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.engine.calibrate import calibration
from nmviz.engine.load import loading
from nmviz.engine.save.apply_recipe import attach
from nmviz.methods import ACTIVATION, MITIGATIONS
from nmviz.methods.pattern_lists import Patterns
from nmviz.service.saving.asked import with_saved
from nmviz.sources import models

pytestmark = pytest.mark.usefixtures("paragraphs_calibrate", "module_store", "read_once")

SHIFTS = {"criterion": "amber", "mitigations": "s-pts(per=channel)"}
"""Channel weights from the weights, shifts from calibration text."""
LOWER_RANK = {"r-sparse": "r-sparse(rank=8)"}  # at full rank nothing is lost
OTHERS = [
    {"criterion": "magnitude(over=window)", "pattern": "70%"},
    {"criterion": "amber(rest=dropped)", "pattern": "33%", "mitigations": "s-pts,var"},
    {"mitigations": "d-pts(centre=mean),r-sparse(rank=8)", "pattern": "8:16"},
    {"mitigations": "l-pts(where=output),ls,var"},
]
CALLS = [
    *({"criterion": name, "pattern": "50%" if name == "teal" else "2:4"} for name in ACTIVATION),
    *({"mitigations": LOWER_RANK.get(name, name)} for name in MITIGATIONS),
    *OTHERS,
]


def run(folder: Path) -> Result:
    """`nmviz run` of a recipe, which says itself what is pruned."""
    settings = with_saved({"model": str(folder), **READ}, given=())
    *_, last = service.run([Experiment.build(**settings)])
    return last.results[0]


@pytest.mark.parametrize("fields", CALLS, ids=lambda one: ",".join(one.values()))
def test_the_example_does_what_the_engine_does(
    fields: dict[str, str], tiny_model: Path, tmp_path: Path
) -> None:
    """Every method of both registries: what is new there, the example has to know too."""
    given = {"pattern": "2:4", **fields}
    save(tiny_model, tmp_path / "recipe", tokens=WINDOW, **given)
    loaded, model = loading.load(str(tiny_model)), read_by_transformers(tiny_model)
    dense = scores(model, loaded)
    hooks = attach(model, tmp_path / "recipe")
    with prune(loaded, **given):
        expected = scores(loaded.model, loaded)
    assert not torch.allclose(expected, dense, atol=1e-2)
    torch.testing.assert_close(scores(model, loaded), expected, rtol=1e-4, atol=1e-3)
    for hook in hooks:
        hook.remove()
    assert torch.equal(scores(model, loaded), dense)


@pytest.mark.parametrize("kind", ["gpt2", "opt"])
def test_the_example_knows_transposed_layers_and_flat_inputs(kind: str, tmp_path: Path) -> None:
    fields = {"pattern": "2:4", "mitigations": "smooth,r-sparse(rank=8)", "criterion": "clact"}
    save(save_model(kind, tmp_path / kind), tmp_path / "recipe", tokens=WINDOW, **fields)
    loaded, model = loading.load(str(tmp_path / kind)), read_by_transformers(tmp_path / kind)
    attach(model, tmp_path / "recipe")
    with prune(loaded, **fields):
        expected = scores(loaded.model, loaded)
    torch.testing.assert_close(scores(model, loaded), expected, rtol=1e-4, atol=1e-3)


def test_the_example_runs_as_a_script(
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save(tiny_model, tmp_path / "recipe", pattern="1:4", mitigations="d-pts,var")
    script = tmp_path / "recipe" / "apply_recipe.py"
    monkeypatch.setattr(sys, "argv", [str(script), str(tiny_model), "The river"])
    runpy.run_path(str(script), run_name="__main__")
    pruned = capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", [str(script)])
    with pytest.raises(SystemExit, match=r"python apply_recipe\.py MODEL"):
        runpy.run_path(str(script), run_name="__main__")
    loaded = loading.load(str(tiny_model))
    ids = loaded.tokenizer("The river", return_tensors="pt")
    with prune(loaded, pattern="1:4", mitigations="d-pts,var"):
        written = loaded.model.generate(**ids, max_new_tokens=20, do_sample=False)
    assert pruned.strip() == loaded.tokenizer.decode(written[0]).strip()


def test_experts_in_one_parameter_are_beyond_hooks_and_run_here(tmp_path: Path) -> None:
    """The example says so; nmviz itself prunes them by the recipe."""
    source = make("mixtral", tmp_path / "mixtral")
    told = save(source, tmp_path / "recipe", pattern="2:4", mitigations="s-pts")
    with pytest.raises(SystemExit, match="is no layer of its own, so no hook reaches it"):
        attach(read_by_transformers(source), tmp_path / "recipe")
    assert costs(run(tmp_path / "recipe")) == costs_told(told)


def costs(result: Result) -> dict[str, float]:
    return {one.metric: one.value for one in result.measurements}


def costs_told(told: Any) -> dict[str, float]:
    return {one["metric"]: one["value"] for one in told["measured"]["measurements"]}


def test_a_recipe_runs_as_it_says_with_its_own_values(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = save(tiny_model, tmp_path / "recipe", pattern="2:4", projections="q,down", **SHIFTS)
    monkeypatch.setattr(calibration, "walk", lambda *_, **__: pytest.fail("calibrated again"))
    found = run(tmp_path / "recipe")
    assert costs(found) == costs_told(told)
    assert found.experiment.pattern == "2:4" and found.experiment.criterion == "amber"
    assert found.key != told["key"] and found.experiment.artefacts.model != told["source"]["sha256"]
    origin = found.provenance.settings["origin"]
    assert origin.startswith("a recipe of nmviz for tiny (") and "amber + s-pts" in origin
    assert service.describe(str(tmp_path / "recipe")).blocks == 3


def test_other_values_give_another_result_under_another_key(
    tiny_model: Path, tmp_path: Path
) -> None:
    """What a person changed on purpose runs as changed, and is never taken for what it was."""
    told = save(tiny_model, tmp_path / "recipe", pattern="2:4", **SHIFTS)
    before = run(tmp_path / "recipe")
    change_tensors(tmp_path / "recipe", lambda one: one + 0.5)
    after = run(tmp_path / "recipe")
    assert after.key != before.key and costs(after) != costs_told(told)


def change_tensors(folder: Path, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """The shifts of a recipe changed by who knows how to say so in nmviz.json."""
    path = folder / "recipe.safetensors"
    tensors = {n: change(t) if "s-pts" in n else t for n, t in load_file(path).items()}
    save_file({name: one.contiguous() for name, one in tensors.items()}, path)
    about = json.loads((folder / "nmviz.json").read_text())
    about["files"]["recipe.safetensors"] = file_sha256(path)
    (folder / "nmviz.json").write_text(json.dumps(about))


def change_about(**changes: Any) -> Callable[[Path], None]:
    """Entries of nmviz.json exchanged."""

    def change(folder: Path) -> None:
        about = json.loads((folder / "nmviz.json").read_text())
        (folder / "nmviz.json").write_text(json.dumps({**about, **changes}))

    return change


def exchange_bytes(folder: Path) -> None:
    data = bytearray((folder / "recipe.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "recipe.safetensors").write_bytes(data)


SHA = "0" * 64
DAMAGES: list[tuple[Callable[[Path], Any], str]] = [
    (exchange_bytes, r"recipe\.safetensors is not as nmviz prune wrote it: put the whole folder"),
    (lambda folder: (folder / "recipe.safetensors").unlink(), "is not as nmviz prune wrote it"),
    (lambda folder: (folder / "nmviz.json").write_text("{"), "is not what nmviz prune writes"),
    (change_about(kind="else"), "is not what nmviz prune writes"),
    (change_about(files={"../../etc/passwd": SHA}), "names a file outside its folder"),
    (change_about(sites={"model.layers.0.mlp.up_proj": "2:4"}), "lists other layers than its"),
    (change_about(experiment={"pattern": "5:4"}), "says no experiment: Pattern 5:4 keeps more"),
    (
        change_about(source={"model": "/none", "sha256": SHA}),
        "The model of the recipe .* not there",
    ),
    (change_about(source={"model": "smollm2-135m", "sha256": SHA}), "is not the model that"),
    (lambda f: change_about(source={"model": str(f), "sha256": SHA})(f), "names a recipe as its"),
    (lambda f: change_tensors(f, lambda one: one[:-1]), "has no values that fit model.layers.0"),
    (lambda f: change_tensors(f, lambda one: one * torch.nan), "has no values that fit"),
    (lambda f: change_tensors(f, lambda one: one[:0]), "has no values that fit"),
]


@pytest.mark.parametrize(("damage", "said"), DAMAGES)
def test_a_recipe_that_was_tampered_with_is_refused_in_one_sentence(
    damage: Callable[[Path], Any], said: str, shifts: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(shifts, tmp_path / "recipe"))
    damage(folder)
    with pytest.raises(UserError, match=said) as refusal:
        run(folder)
    assert "\n" not in str(refusal.value) and str(refusal.value).endswith(".")


@pytest.fixture
def shifts(tiny_model: Path, tmp_path: Path) -> Path:
    """A recipe with shifts from calibration text."""
    save(tiny_model, tmp_path / "shifts", pattern="2:4", **SHIFTS)
    return tmp_path / "shifts"


def test_nothing_else_is_done_with_a_recipe(
    shifts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        UserError, match=r"is a recipe and is run as it says \(activation 2:4 amber"
    ):
        service.resolve(asked(shifts, pattern="8:16"))
    with pytest.raises(UserError, match="is a recipe and is run as it says"):
        save(shifts, tmp_path / "again", target="weight", pattern="2:4")
    with pytest.raises(UserError, match="holds a recipe for activations and no model"):
        service.offer(str(shifts))
    monkeypatch.setenv("NMVIZ_MODELS", str(shifts))
    assert "holds a recipe for activations and no model" in models.offered()[-1].note
    with pytest.raises(UserError, match="Of activations no weights are written: leave --dtype"):
        save(
            Path(json.loads((shifts / "nmviz.json").read_text())["source"]["model"]),
            tmp_path / "again",
            "float32",
            pattern="2:4",
        )


def test_a_pattern_beside_a_recipe_is_refused_on_the_command_line(
    shifts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call = in_process(monkeypatch, capsys)
    reading = ("--tokens", 64, "--window", 32)
    code, said, err = call("run", "--model", shifts, *reading, "--pattern", "8:16")
    assert (code, said) == (2, "") and err.endswith(
        "is a recipe that says itself what is pruned (activation 2:4 amber + s-pts(per=channel)): "
        "leave --pattern out.\n"
    )
    code, said, err = call("run", "--model", shifts, *reading, "--seed", 0, "--sites", "q")
    assert code == 2 and "leave --sites and --seed out" in err
    code, said, err = call("run", "--model", shifts, *reading)
    assert code == 0 and "keep 2 of every 4 (2:4), amber + s-pts(per=channel)" in said


def test_a_plan_by_layer_is_in_the_recipe(tiny_model: Path, tmp_path: Path) -> None:
    plan = ("2:4 q,down", "8:16 up:1-2")
    told = save(tiny_model, tmp_path / "recipe", pattern=Patterns.read(plan).name, plan=plan)
    assert sorted(set(told["sites"].values())) == ["2:4", "8:16"] and len(told["sites"]) == 8
    assert costs(run(tmp_path / "recipe")) == costs_told(told)


def test_the_example_takes_a_model_in_bfloat16(shifts: Path, tiny_model: Path) -> None:
    """Shifts are in float32; what the layers are given stays what they take."""
    model = read_by_transformers(tiny_model).bfloat16()
    loaded = loading.load(str(tiny_model))
    dense = scores(model, loaded)
    attach(model, shifts)
    pruned = scores(model, loaded)
    assert pruned.dtype == torch.bfloat16 and not torch.allclose(pruned, dense, atol=0.1)
