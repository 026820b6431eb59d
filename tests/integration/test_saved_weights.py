"""Pruned weights as files: what transformers reads is what was measured; nothing is half made."""

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import in_process
from pruning import prune
from safetensors import SafetensorError
from safetensors.numpy import load_file as load_numpy
from safetensors.torch import load_file, save_file
from saving import asked, in_bf16, make, read_by_transformers, save, scores
from transformers import AutoConfig, AutoTokenizer

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.provenance import ORIGIN
from nmviz.core.results import Result
from nmviz.engine.load import loading
from nmviz.engine.load.sites import find_sites
from nmviz.engine.save import weights
from nmviz.sources.saved import MASKS

pytestmark = pytest.mark.usefixtures("paragraphs_calibrate", "module_store", "read_once")


def measured(told: Any) -> dict[str, float]:
    return {one["metric"]: one["value"] for one in told["measured"]["measurements"]}


def dense_run(folder: Path) -> Result:
    """The folder measured as the dense model that it is."""
    *_, last = service.run([asked(folder, pattern="dense", calibration_windows=0)])
    return last.results[0]


def file_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("llama", {"pattern": "2:4"}),
        ("gpt2", {"pattern": "2:4", "criterion": "sparsegpt"}),  # keeps transposes
        ("qwen2", {"pattern": "50%", "criterion": "wanda", "projections": "q,down"}),
        ("mixtral", {"pattern": "8:16", "criterion": "sparsegpt"}),  # experts in one parameter
    ],
)
def test_transformers_reads_what_the_pruned_model_computes(
    kind: str, fields: dict[str, Any], tmp_path: Path
) -> None:
    source = make(kind, tmp_path / kind)
    told = save(source, tmp_path / "pruned", target="weight", **fields)
    assert told["dtype"] == "float32" and told["measured"]["of"] == "nmviz run"
    loaded = loading.load(str(source))
    read = read_by_transformers(tmp_path / "pruned")
    with prune(loaded, target="weight", **fields):
        # Where in memory a tensor begins moves last digits of some products.
        torch.testing.assert_close(
            scores(loaded.model, loaded), scores(read, loaded), rtol=0, atol=1e-5
        )
    masks = load_numpy(tmp_path / "pruned" / MASKS)
    here = find_sites(loading.load(str(tmp_path / "pruned")).model)
    sites = {site.name: site for site in here if site.name in masks}
    assert set(masks) == set(told["sites"]) == set(sites)
    for name, site in sites.items():
        kept = torch.from_numpy(np.unpackbits(masks[name], axis=1)[:, : site.d_in]).bool()
        assert not site.weight[~kept].any() and site.weight[kept].any()


def test_a_tied_model_in_bfloat16_stays_one_and_costs_what_is_said(
    tiny_model: Path, tmp_path: Path
) -> None:
    source = in_bf16(tiny_model, tmp_path / "bf16")
    told = save(source, tmp_path / "pruned", target="weight", pattern="2:4", ties="index")
    assert told["dtype"] == "bfloat16" and told["measured"]["of"] == "nmviz run"
    tensors = file_of(tmp_path / "pruned")
    assert tensors.keys() == file_of(source).keys() and "lm_head.weight" not in tensors
    assert {one.dtype for one in tensors.values()} == {torch.bfloat16}
    config = AutoConfig.from_pretrained(tmp_path / "pruned")
    assert config.dtype == torch.bfloat16 and config.architectures == ["LlamaForCausalLM"]
    assert dense_run(tmp_path / "pruned").get("perplexity").value == pytest.approx(
        measured(told)["perplexity"], rel=1e-9
    )


@pytest.mark.parametrize(
    ("dtype", "fields", "of"),
    [
        ("source", {"criterion": "sparsegpt"}, "the files"),  # rounded to bfloat16
        ("float32", {"criterion": "sparsegpt"}, "nmviz run"),
        ("source", {"ties": "random"}, "the files"),  # a run is the mean over five draws
    ],
)
def test_what_a_run_does_not_measure_is_measured_from_the_files(
    dtype: str, fields: dict[str, Any], of: str, tiny_model: Path, tmp_path: Path
) -> None:
    source = in_bf16(tiny_model, tmp_path / "bf16")
    told = save(source, tmp_path / "pruned", dtype, target="weight", pattern="2:4", **fields)
    assert told["measured"]["of"] == of
    found = dense_run(tmp_path / "pruned").get("perplexity").value
    assert found == pytest.approx(measured(told)["perplexity"], rel=1e-6)
    whose = "from these files" if of == "the files" else "as `nmviz run` has them"
    assert whose in (tmp_path / "pruned" / "README.md").read_text()


def test_large_models_have_several_files_and_an_index(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "SHARD", 290_000)
    save(tiny_model, tmp_path / "pruned", target="weight", pattern="2:4")
    monkeypatch.undo()
    index = json.loads((tmp_path / "pruned" / "model.safetensors.index.json").read_text())
    files = sorted(file.name for file in (tmp_path / "pruned").glob("*.safetensors"))
    assert files == [f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)]
    assert set(index["weight_map"].values()) == set(files)
    sizes = [one.nbytes for file in files for one in load_file(tmp_path / "pruned" / file).values()]
    assert index["metadata"]["total_size"] == sum(sizes)
    read_by_transformers(tmp_path / "pruned")
    (tmp_path / "pruned" / files[1]).unlink()
    with pytest.raises(UserError, match=r"lacks its file model-00002-of-00003\.safetensors: put"):
        dense_run(tmp_path / "pruned")


def test_the_folder_says_what_it_is(tiny_model: Path, tmp_path: Path) -> None:
    told = save(tiny_model, tmp_path / "pruned", target="weight", pattern="2:4")
    assert told == json.loads((tmp_path / "pruned" / "nmviz.json").read_text())
    experiment = Experiment.build(**told["experiment"])
    assert experiment.key == told["key"] and told["coverage"]["parameters"] == 1
    assert told["provenance"]["versions"]["torch"] == torch.__version__
    files = {"model.safetensors", MASKS, "config.json", "tokenizer.json"}
    assert files <= set(told["files"]) and len(told["sites"]) == 21
    card = (tmp_path / "pruned" / "README.md").read_text()
    assert f"{measured(told)['delta_nll']:.5g}" in card and "'2:4'" in card
    for source in ("compressed-tensors/pull/610", "vllm/pull/36799", "pytorch/ao/pull/4728"):
        assert source in card
    assert str(tmp_path) not in card
    words = AutoTokenizer.from_pretrained(tmp_path / "pruned")("The river")["input_ids"]
    assert words == loading.load(str(tiny_model)).tokenizer("The river")["input_ids"]
    modes = {file.stat().st_mode for file in (tmp_path / "pruned").iterdir() if file.is_file()}
    assert len(modes) == 1


def test_a_pruned_model_runs_as_a_dense_one_with_its_origin_named(
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = in_process(monkeypatch, capsys)
    text, out = tmp_path / "text.txt", tmp_path / "pruned"
    text.write_text("The river rises in spring and is gone again within a week. " * 40)
    reading = ("--tokens", 128, "--window", 32)
    code, said, err = run(
        *("prune", tiny_model, "--target", "weight", "--pattern", "2:4", *reading),
        *("--out", out, "--json"),
    )
    assert code == 0, err
    assert json.loads(said)["folder"] == str(out)
    code, said, err = run("run", "--model", out, "--text", text, *reading, "--json")
    assert code == 0, err
    found = json.loads(said)
    assert found["experiment"]["pattern"] == "dense"
    assert service.describe(str(out)).note.startswith("Pruned by nmviz from tiny (")
    assert found["provenance"]["settings"][ORIGIN].startswith("pruned by nmviz from tiny (")
    code, said, err = run("run", "--model", out, "--text", text, *reading, "--pattern", "8:16")
    assert code == 0 and "keep 8 of every 16" in said and "origin: pruned by nmviz" in said


def test_weights_that_were_changed_since_say_so(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pruned"
    save(tiny_model, folder, target="weight", pattern="2:4")
    tensors = file_of(folder)
    tensors["model.norm.weight"] *= 2
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    origin = dense_run(folder).provenance.settings[ORIGIN]
    assert origin.endswith("; model.safetensors was changed since")


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def failing(*_: Any, **__: Any) -> None:
    raise SafetensorError("Error while serializing: I/O error")


@pytest.mark.parametrize("fails", [full, failing])
def test_a_full_disk_leaves_nothing_behind(
    fails: Callable[..., None], tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "save_file", fails)
    with pytest.raises(UserError, match=r"cannot be written .*nothing is left of it: make room"):
        save(tiny_model, tmp_path / "pruned", target="weight", pattern="2:4")
    assert not any("pruned" in path.name for path in tmp_path.iterdir())


def test_what_cannot_be_written_is_refused_before_anything_is_loaded(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "load", lambda *_: pytest.fail("loaded"))
    (tmp_path / "there").mkdir()
    for out, fields, said in (
        ("there", {}, "is there already: give --out a new name"),
        ("no/where", {}, "There is no folder .*no to write into: make it first"),
        ("\0", {}, "is not a path"),
        ("out", {"pattern": "dense"}, "A dense model has nothing to write"),
        ("out", {"target": "blocks", "drop": 1}, "Blocks that are left out are not written"),
    ):
        with pytest.raises(UserError, match=said):
            save(tiny_model, tmp_path / out, **{"target": "weight", "pattern": "2:4", **fields})


def test_too_little_room_is_said_before_anything_is_written(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Disk", (), {"free": 100_000}))
    with pytest.raises(UserError, match=r"needs 1 MB on a disk with 0 MB free"):
        save(tiny_model, tmp_path / "pruned", target="weight", pattern="2:4")
    assert not (tmp_path / "pruned").exists()


def test_numbers_that_are_not_finite_are_not_written(copy: Path, tmp_path: Path) -> None:
    tensors = file_of(copy)
    tensors["model.norm.weight"][3] = torch.nan
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"^model\.norm\.weight has numbers that are not finite"):
        save(copy, tmp_path / "pruned", target="weight", pattern="2:4")
    assert not (tmp_path / "pruned").exists()


def test_changed_weights_that_do_not_fit_the_type_say_what_to_do() -> None:
    with pytest.raises(UserError, match=r"of up do not fit float16: use --dtype float32"):
        weights._refuse_overflow(torch.tensor([1e6]).half(), "up")
