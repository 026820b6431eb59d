"""A model larger than memory is measured block by block, with the numbers of the whole one."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import in_process
from damaging import change_config
from kinds import make_model
from safetensors.torch import load_file, save_file
from tiny import PARAGRAPHS, make_tokenizer
from transformers import AutoModelForCausalLM, MixtralConfig

from nmviz import service
from nmviz.base.cache import cache_dir
from nmviz.base.errors import Cancelled, UserError
from nmviz.base.stepping import at_once, each
from nmviz.core.experiment import Experiment
from nmviz.core.provenance import STREAMED, as_read
from nmviz.core.results import Progress, Result
from nmviz.core.running import Running
from nmviz.engine.load import loading
from nmviz.engine.measure.runner import Run
from nmviz.engine.stream import random_weights, room
from nmviz.engine.stream import run as streamed_run
from nmviz.engine.stream.benches import seconds_of_blocks
from nmviz.engine.stream.hidden import Hidden
from nmviz.engine.stream.opening import opened
from nmviz.engine.stream.parts import Parts
from nmviz.engine.stream.resuming import DAMAGED
from nmviz.engine.stream.run import StreamedRun
from nmviz.engine.stream.whole import RunByBlock, together
from nmviz.service.saving.pruning import prune
from nmviz.store.transfer.jsonl import read_jsonl

pytestmark = pytest.mark.usefixtures("fresh_cache")
TEXT = " ".join(PARAGRAPHS)
READ = {"corpus": service.OWN_TEXT, "tokens": 192, "window": 64}
ROUNDING = 1e-5
UNCALIBRATED = (
    {"pattern": "2:4"},
    {"pattern": "8:16", "criterion": "amber", "mitigations": ("d-pts", "var")},
    {"pattern": "2:4", "target": "weight", "projections": ("down",), "blocks": "1-2"},
)
CALIBRATED = (
    {"pattern": "50%", "target": "weight", "criterion": "wanda", "calibration_windows": 2},
    {"pattern": "8:16", "mitigations": ("s-pts",), "calibration_windows": 2},
)


def save(model: Any, folder: Path, **how: Any) -> Path:
    model.save_pretrained(folder, **how)
    make_tokenizer().save_pretrained(folder)
    return folder


def make(kind: str) -> Any:
    tokenizer = make_tokenizer()
    return make_model(kind, len(tokenizer), tokenizer.eos_token_id)


def make_mixture() -> Any:
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "num_local_experts": 4}
    config = MixtralConfig(
        vocab_size=len(make_tokenizer()), initializer_range=0.2, **sizes, **heads
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return AutoModelForCausalLM.from_config(config)


def asked(folder: Path, *fields: dict[str, Any]) -> list[Experiment]:
    return [Experiment.build(model=str(folder), **READ, **own) for own in fields]


def finish(run: Iterable[Progress]) -> tuple[Result, ...]:
    *_, last = run
    assert last.stage == "done"
    return last.results


def whole(folder: Path, experiments: list[Experiment], how: Running) -> tuple[Result, ...]:
    return finish(Run(loading.load(str(folder)), experiments, TEXT, how=how))


def run_streamed(
    folder: Path, experiments: list[Experiment], how: Running, in_file: bool = False
) -> StreamedRun:
    parts = Parts(folder, str(folder))
    loaded = opened(str(folder), parts, folder)
    return StreamedRun(loaded, parts, experiments, TEXT, how=how, in_file=in_file)


def check_equal(one: Result, other: Result) -> None:
    assert one.experiment == other.experiment
    for mine, theirs in zip(one.measurements, other.measurements, strict=True):
        assert (mine.metric, mine.n) == (theirs.metric, theirs.n)
        assert mine.value == pytest.approx(theirs.value, rel=ROUNDING, abs=ROUNDING)
    for mine, theirs in zip(one.sites, other.sites, strict=True):
        assert (mine.name, mine.kept, mine.tokens) == (theirs.name, theirs.kept, theirs.tokens)
        assert mine.rel_error == pytest.approx(theirs.rel_error, abs=ROUNDING)
    for mine, theirs in zip(one.drift, other.drift, strict=True):
        assert mine.drift == pytest.approx(theirs.drift, abs=ROUNDING)
    assert one.unit_costs == pytest.approx(other.unit_costs, abs=ROUNDING)
    assert one.token_counts == other.token_counts
    assert one.provenance.coverage == other.provenance.coverage
    assert (one.flips is None) == (other.flips is None)


@pytest.mark.parametrize("kind", ["gemma3", "gpt2"])
@pytest.mark.usefixtures("paragraphs_calibrate")
def test_tied_embeddings(kind: str, tmp_path: Path) -> None:
    folder = save(make(kind), tmp_path / kind)
    assert "lm_head.weight" not in load_file(folder / "model.safetensors")
    last = "down" if kind == "gemma3" else "mlp.c_proj"
    experiments = asked(folder, *UNCALIBRATED[:2], {**UNCALIBRATED[2], "projections": (last,)})
    in_memory = whole(folder, experiments, Running(control=True))
    for one, other in zip(
        finish(run_streamed(folder, experiments, Running(control=True))), in_memory, strict=True
    ):
        check_equal(one, other)


@pytest.mark.usefixtures("paragraphs_calibrate")
def test_half_precision_in_several_shards_with_ties_and_calibration(tmp_path: Path) -> None:
    model = make("qwen2").to(torch.bfloat16)  # whose magnitudes tie often
    folder = save(model, tmp_path / "shards", max_shard_size="100KB")
    assert len(list(folder.glob("*.safetensors"))) > 1
    experiments = asked(folder, {"pattern": "8:16", "target": "weight"}, *CALIBRATED)
    how = Running(exact_errors=False)
    streamed = finish(run_streamed(folder, experiments, how, in_file=True))
    shutil.rmtree(tmp_path / "cache")  # what was calibrated is worked out again
    for path in tmp_path.glob("*.safetensors"):
        path.unlink()
    for one, other in zip(streamed, whole(folder, experiments, how), strict=True):
        check_equal(one, other)
    assert streamed[0].experiment.ties == "random"


def test_a_mixture(tmp_path: Path) -> None:
    folder = save(make_mixture(), tmp_path / "mixture")
    experiments = asked(folder, {"pattern": "2:4"}, {"pattern": "2:4", "target": "weight"})
    streamed = finish(run_streamed(folder, experiments, Running()))
    for one, other in zip(streamed, whole(folder, experiments, Running()), strict=True):
        check_equal(one, other)
    assert any(site.tokens for site in streamed[0].sites)


def test_one_block_has_weights_at_a_time_and_none_at_the_end(tmp_path: Path) -> None:
    folder = save(make("llama"), tmp_path / "llama")
    run = run_streamed(folder, asked(folder, UNCALIBRATED[0]), Running())
    model, sizes = run.loaded.model, Parts(folder, str(folder)).sizes()

    def held() -> int:
        return sum(one.nbytes for one in model.parameters() if not one.is_meta)

    steps = [(step.stage, held()) for step in run]
    in_blocks = [size for stage, size in steps if stage.startswith("measuring, block")]
    assert len(in_blocks) == 3 * 2
    assert 0 < max(in_blocks) <= sizes.outside + sizes.block
    assert max(in_blocks) < 0.5 * 4 * sum(one.numel() for one in model.parameters())
    assert steps[-1] == ("done", sizes.outside)
    assert all("forward" not in module.__dict__ for module in model.modules())
    assert not any(module._forward_hooks for module in model.modules())


def test_a_block_is_read_without_building_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save(make("llama"), tmp_path / "llama")
    parts, exact = Parts(folder, str(folder)), loading.load(str(folder)).model
    monkeypatch.setattr(parts, "_read", None)
    with parts.block(1), parts.leaving():
        for name, one in parts.model.named_parameters():
            held = name.startswith(f"{parts.paths[1]}.") or name == "lm_head.weight"
            assert one.is_meta != held, name
            assert one.is_meta or torch.equal(one, exact.get_parameter(name)), name
    assert all(one.is_meta for one in parts.model.parameters())


def test_what_blocks_take_is_reckoned_up_to_more_of_them(tmp_path: Path) -> None:
    folder = save(make("llama"), tmp_path / "llama")
    loaded, (one,) = loading.load(str(folder)), asked(folder, UNCALIBRATED[0])
    few, many = (seconds_of_blocks(loaded, [one], TEXT, Running(), of) for of in (0, 10_000))
    assert 0 < few < many


def test_a_cancelled_run_lets_go_of_its_block(tmp_path: Path) -> None:
    folder = save(make("llama"), tmp_path / "llama")
    run = run_streamed(folder, asked(folder, UNCALIBRATED[0]), Running())
    before = sum(not one.is_meta for one in run.loaded.model.parameters())
    stages = []
    for step in run:
        stages.append(step.stage)
        if step.stage == "measuring, block 2 of 3":
            run._check = _cancel
    assert stages[-1] == "cancelled"
    assert sum(not one.is_meta for one in run.loaded.model.parameters()) == before


def _cancel() -> None:
    raise Cancelled


def begun(run: StreamedRun, stage: str) -> Any:
    """Run to the first step of that stage."""
    steps = iter(run)
    while next(steps).stage != stage:
        pass
    return steps


def stages_until(run: StreamedRun, stage: str) -> None:
    """Run to the first step of that stage, and end there as a killed process does."""
    begun(run, stage).close()


def kept_folders() -> list[Path]:
    return [path for path in (cache_dir() / "streamed").glob("*") if path.is_dir()]


@pytest.mark.parametrize("in_file", [False, True])
def test_a_killed_run_goes_on_with_the_block_it_was_at(
    in_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save(make("llama"), tmp_path / "llama")
    experiments = asked(folder, *UNCALIBRATED, {"target": "weight", "ties": "random"})
    how = Running(control=True)
    at_once = finish(run_streamed(folder, experiments, how))
    assert kept_folders() == [], "a short run keeps nothing"
    monkeypatch.setattr(streamed_run, "LONG", 0.0)
    for last in ("measuring, block 2 of 3", "measuring, block 3 of 3"):
        stages_until(run_streamed(folder, experiments, how, in_file=in_file), last)
        assert len(kept_folders()) == 1
    again = list(run_streamed(folder, experiments, how, in_file=in_file))
    stages = [step.stage for step in again]
    notes = [step.note for step in again if step.note]
    assert "measuring, block 2 of 3" not in stages and "measuring, block 3 of 3" in stages
    assert notes == ["Going on with block 3 of 3, where an earlier run ended."]
    for one, other in zip(again[-1].results, at_once, strict=True):
        same = ("measurements", "sites", "drift", "unit_costs", "by_confidence")
        assert all(getattr(one, name) == getattr(other, name) for name in same)
    assert kept_folders() == [], "its end lets go of it"


def test_what_is_damaged_is_said_and_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save(make("llama"), tmp_path / "llama")
    experiments = asked(folder, UNCALIBRATED[0])
    monkeypatch.setattr(streamed_run, "LONG", 0.0)
    stages_until(run_streamed(folder, experiments, Running()), "measuring, block 3 of 3")
    (kept,) = kept_folders()
    states = kept / "states-1"
    states.write_bytes(states.read_bytes()[:-1] + b"?")
    again = list(run_streamed(folder, experiments, Running()))
    assert [step.note for step in again if step.note] == [DAMAGED]
    assert "measuring, block 1 of 3" in [step.stage for step in again]
    assert (
        again[-1].results[0].measurements
        == finish(run_streamed(folder, experiments, Running()))[0].measurements
    )


def test_another_run_does_not_go_on_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other windows, methods or ways to measure are another run, and so is one beside it."""
    folder = save(make("llama"), tmp_path / "llama")
    experiments = asked(folder, UNCALIBRATED[0])
    monkeypatch.setattr(streamed_run, "LONG", 0.0)
    steps = begun(run_streamed(folder, experiments, Running()), "measuring, block 3 of 3")
    beside = list(run_streamed(folder, experiments, Running()))
    assert "measuring, block 1 of 3" in [step.stage for step in beside]
    assert len(kept_folders()) == 1, "that of the first, which goes on"
    steps.close()
    for others, how in (
        (asked(folder, UNCALIBRATED[1]), Running()),
        ([one.but(tokens=128) for one in experiments], Running()),
        (experiments, Running(control=True)),
        (experiments, Running(exact_errors=False)),
    ):
        stages = [step.stage for step in run_streamed(folder, others, how)]
        assert "measuring, block 1 of 3" in stages


def test_hidden_states_come_back_from_a_file_as_they_were() -> None:
    kept = Hidden(in_file=True)
    batches = [torch.randn(2, 5, 3), torch.randn(2, 5, 3), torch.randn(1, 5, 3)]
    for number, batch in enumerate(batches):
        kept[number] = batch
    kept[1] = batches[1] + 1
    assert torch.equal(kept[0], batches[0])
    assert torch.equal(kept[1], batches[1] + 1)
    assert torch.equal(kept[2], batches[2])
    assert kept.get(3, None) is None


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process itself counts nothing, so that a tiny model may be too large."""
    monkeypatch.setattr(room, "LIBRARIES", 0)
    monkeypatch.setattr(room, "resident", lambda: 0)


@pytest.mark.usefixtures("bare", "own_store")
def test_a_run_is_streamed_where_the_model_does_not_fit(copy: Path) -> None:
    experiments = asked(copy, UNCALIBRATED[0])
    steps = list(service.run(experiments, text=TEXT, how=Running(memory=3_500_000, keep=False)))
    notes = [step.note for step in steps if step.note]
    assert "million parameters; whole a run takes about" in notes[0]
    assert "streamed block by block" in notes[0]
    streamed = steps[-1].results[0]
    assert any(
        line.startswith(f"{STREAMED}: block by block") for line in as_read(streamed.provenance)
    )
    in_memory = list(service.run(experiments, text=TEXT, how=Running(memory=10**9, keep=False)))
    assert any("loaded whole" in (step.note or "") for step in in_memory)
    check_equal(streamed, in_memory[-1].results[0])
    assert STREAMED not in in_memory[-1].results[0].provenance.settings


@pytest.mark.usefixtures("own_store")
@pytest.mark.parametrize(
    ("fields", "how", "is_by_block"),
    [
        ((*UNCALIBRATED, *CALIBRATED), {}, True),
        (UNCALIBRATED[2:], {}, True),
        ((*UNCALIBRATED[2:], *CALIBRATED[:1]), {"exact_errors": False}, False),
        (UNCALIBRATED[:1], {"keep_passes": True}, False),
        (UNCALIBRATED[:1], {"noise_floor": True}, False),
        (({**CALIBRATED[0], "criterion": "sparsegpt"},), {}, False),
    ],
)
@pytest.mark.usefixtures("paragraphs_calibrate")
def test_a_run_that_keeps_nothing_goes_block_by_block_where_the_model_fits(
    copy: Path, fields: tuple[dict[str, Any], ...], how: dict[str, Any], is_by_block: bool
) -> None:
    experiments = asked(copy, *fields)
    running = Running(**{"memory": 10**10, "keep_passes": False, "keep": False, **how})
    *steps, last = service.run(experiments, text=TEXT, how=running)
    stages = {step.stage for step in steps}
    if is_by_block:
        assert any(stage.startswith("measuring, block") for stage in stages)
    said = next(step.note for step in steps if step.note)
    assert ("block by block" if is_by_block else "loaded whole") in said
    assert not list((cache_dir() / "streamed").glob("*/*"))
    if is_by_block:
        *_, other = service.run(experiments, text=TEXT, how=Running(keep=False))
        for one, two in zip(last.results, other.results, strict=True):
            check_equal(one, two)
            assert one.provenance.settings == two.provenance.settings


@pytest.mark.usefixtures("bare", "own_store")
def test_a_sweep_and_an_attribution_are_streamed_too(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = in_process(monkeypatch, capsys)
    (tmp_path / "wiki.test.raw").write_text(TEXT)
    monkeypatch.setenv("NMVIZ_WIKITEXT2", str(tmp_path))
    grid, out = tmp_path / "grid.yaml", tmp_path / "out.jsonl"
    shared = f'{{model: "{copy}", corpus: wikitext-2, tokens: 128, window: 64}}'
    grid.write_text(f"shared: {shared}\ngrids:\n  - pattern: [2:4, 8:16]\n")
    status, _, err = run("sweep", grid, "--memory", "3000K", "--out", out)
    assert status == 0, err
    results = read_jsonl(out)
    assert len(results) == 2 and all(STREAMED in one.provenance.settings for one in results)
    read = ("--pattern", "2:4", "--corpus", "wikitext-2", "--tokens", 128, "--window", 64)
    status, said, err = run("attribute", copy, *read, "--memory", "3000K", "--json")
    assert status == 0, err
    assert "streamed block by block" in err and len(json.loads(said)["rows"]) == 3


def check_same_files(one: Path, other: Path) -> None:
    """The same tensors, in however many files, and the same other files."""

    def tensors(folder: Path) -> dict[str, torch.Tensor]:
        files = sorted(folder.rglob("*.safetensors"))
        return {name: tensor for file in files for name, tensor in load_file(file).items()}

    mine, theirs = tensors(one), tensors(other)
    assert set(mine) == set(theirs) and mine
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert all(mine[name].dtype == theirs[name].dtype for name in mine)
    assert (one / "config.json").is_file() == (other / "config.json").is_file()
    if (one / "config.json").is_file():
        read = [AutoModelForCausalLM.from_pretrained(folder) for folder in (one, other)]
        ids = torch.arange(20)[None]
        with torch.inference_mode():
            assert torch.equal(*(model(ids).logits for model in read))


@pytest.mark.usefixtures("bare", "own_store", "paragraphs_calibrate")
@pytest.mark.parametrize(
    "fields",
    [
        {"target": "weight", "pattern": "2:4", "criterion": "wanda", "calibration_windows": 2},
        {"target": "weight", "pattern": "8:16", "ties": "index", "projections": "q,down"},
        {"pattern": "8:16", "criterion": "amber", "mitigations": "s-pts", "calibration_windows": 2},
    ],
    ids=["wanda", "magnitude", "recipe"],
)
def test_a_model_is_pruned_for_good_block_by_block(
    fields: dict[str, Any], copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wiki.test.raw").write_text(TEXT)
    monkeypatch.setenv("NMVIZ_WIKITEXT2", str(tmp_path))
    read = {"corpus": "wikitext-2", "tokens": 128, "window": 64}
    experiment = Experiment.build(model=str(copy), **read, **fields)
    told, notes = {}, list[str | None]()
    for name, memory in (("whole", 10**10), ("streamed", 3_000_000)):
        how = Running(memory=memory, keep=False)
        steps = prune(experiment, tmp_path / name, "source", how)
        told[name] = at_once(each(steps, lambda step: notes.append(step.note)))
    assert any("streamed block by block" in (note or "") for note in notes)
    check_same_files(tmp_path / "whole", tmp_path / "streamed")
    one, other = (
        {m["metric"]: m["value"] for m in told[name]["measured"]["measurements"]}
        for name in ("whole", "streamed")
    )
    assert one == pytest.approx(other, rel=ROUNDING, abs=ROUNDING)
    assert told["whole"]["sites"] == told["streamed"]["sites"]


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"criterion": "gradient", "calibration_windows": 1}, "gradient needs"),
        ({"mitigations": ("l-pts",), "calibration_windows": 1}, "l-pts needs"),
        ({"mitigations": ("la-rosa",), "calibration_windows": 1}, "la-rosa needs"),
        ({"target": "weight", "criterion": "sparsegpt"}, "sparsegpt needs"),
        ({"target": "blocks", "pattern": "dense", "drop": 1}, "leaving out blocks needs"),
    ],
)
@pytest.mark.usefixtures("bare")
def test_what_needs_the_whole_model_is_refused(
    fields: dict[str, Any], what: str, copy: Path
) -> None:
    with pytest.raises(UserError, match=f"does not fit into memory, and {what} it whole"):
        room.decide(asked(copy, fields), Running(memory=2_500_000))


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("how", [{"precision": 0.1}, {"noise_floor": True}])
def test_ways_of_running_that_need_it_whole_are_refused(how: dict[str, Any], copy: Path) -> None:
    with pytest.raises(UserError, match="it whole: leave that out"):
        room.decide(asked(copy, UNCALIBRATED[0]), Running(memory=2_500_000, **how))


@pytest.mark.usefixtures("bare")
def test_less_memory_than_a_block_needs_is_refused_with_the_need(copy: Path) -> None:
    with pytest.raises(UserError, match=r"even block by block a run takes \d+ MB of memory"):
        room.decide(asked(copy, UNCALIBRATED[0]), Running(memory=1000))


@pytest.mark.usefixtures("own_store")
def test_the_command_refuses_in_one_sentence(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "own.txt").write_text(TEXT)
    call = in_process(monkeypatch, capsys, "run", "--model", copy, "--text", copy / "own.txt")
    asking = ("--tokens", 128, "--window", 64)
    status, said, told = call(*asking, "--memory", "64K")
    assert (status, said) == (2, "")
    assert "even block by block" in told.splitlines()[-1]
    assert "--memory is 'much': give a size such as" in call(*asking, "--memory", "much")[2]


def test_a_broken_file_is_told_in_one_sentence(copy: Path) -> None:
    (copy / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(UserError, match=r"weights of .* are broken \(model.safetensors\)"):
        room.decide(asked(copy, UNCALIBRATED[0]), Running(memory=10**9))


def test_wrong_files_are_told_before_anything_is_read(copy: Path, tmp_path: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    name = next(one for one in weights if one.endswith("1.mlp.up_proj.weight"))
    rest = {key: one for key, one in weights.items() if key != name}
    save_file(rest, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"lacks weights \(model.layers.1.mlp.up_proj"):
        Parts(copy, str(copy))
    wrong = {**rest, name: torch.zeros(3, 64)}
    save_file(wrong, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="but its file holds 3 x 64"):
        Parts(copy, str(copy))
    shards = save(make("llama"), tmp_path / "shards", max_shard_size="100KB")
    next(iter(sorted(shards.glob("*-00002-of-*")))).unlink()
    with pytest.raises(UserError, match="lacks its file model-00002-of"):
        Parts(shards, str(shards))


def test_the_model_that_is_timed_can_be_run_both_ways(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random_weights, "SPREAD", 0.2)
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128}
    folder = tmp_path / "random"
    folder.mkdir()
    count = random_weights.write_random(folder, str(tiny_model), {**sizes, **heads})
    assert Parts(folder, str(folder)).count == count
    (experiment,) = asked(folder, UNCALIBRATED[0])
    (streamed,) = finish(run_streamed(folder, [experiment], Running()))
    check_equal(streamed, *whole(folder, [experiment], Running()))


def test_blocks_that_share_what_they_attend_to_are_not_streamed(tmp_path: Path) -> None:
    folder = save(make("llama"), tmp_path / "sharing")
    change_config(folder, num_kv_shared_layers=1)
    with pytest.raises(UserError, match="do not simply follow one another"):
        Parts(folder, str(folder))


WEIGHTS = (
    {"pattern": "8:16", "target": "weight"},  # ties as the weights say, which are many
    {"pattern": "50%", "target": "weight", "criterion": "wanda", "calibration_windows": 2},
    {"pattern": "2:4", "target": "weight", "criterion": "sparsegpt", "calibration_windows": 2},
    {"pattern": "2:4", "target": "weight", "projections": ("down",), "blocks": "1-2"},
)
AT_THE_END = Running(partial_results=False, exact_errors=False, control=True)


def of_weights(folder: Path, experiments: list[Experiment], how: Running = AT_THE_END) -> Run:
    return together(loading.load(str(folder)), experiments, TEXT, None, how, None)


@pytest.mark.usefixtures("paragraphs_calibrate")
def test_experiments_on_weights_go_by_block_in_memory_too(tmp_path: Path) -> None:
    folder = save(make("qwen2").to(torch.bfloat16), tmp_path / "model")
    experiments = asked(folder, *WEIGHTS)
    run = of_weights(folder, experiments)
    assert isinstance(run, RunByBlock)
    found = finish(run)
    shutil.rmtree(tmp_path / "cache")  # what was calibrated is worked out again
    for one, other in zip(found, whole(folder, experiments, AT_THE_END), strict=True):
        check_equal(one, other)
        assert STREAMED not in one.provenance.settings
    assert found[0].experiment.ties == "random"


@pytest.mark.parametrize(
    "how",
    [
        AT_THE_END.model_copy(update={"partial_results": True}),
        AT_THE_END.model_copy(update={"precision": 0.1}),
        AT_THE_END.model_copy(update={"noise_floor": True}),
    ],
    ids=["watched", "precision", "floor"],
)
def test_what_is_asked_of_every_window_goes_window_by_window(how: Running, tmp_path: Path) -> None:
    folder = save(make("llama"), tmp_path / "model")
    assert not isinstance(of_weights(folder, asked(folder, WEIGHTS[0]), how), RunByBlock)


def test_other_experiments_go_window_by_window(tmp_path: Path) -> None:
    folder = save(make("llama"), tmp_path / "model")
    both = asked(folder, WEIGHTS[0], {"pattern": "2:4"})
    assert not isinstance(of_weights(folder, both), RunByBlock)
    change_config(folder, num_kv_shared_layers=1)
    assert not isinstance(of_weights(folder, asked(folder, WEIGHTS[0])), RunByBlock)
