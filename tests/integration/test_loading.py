"""Loading tiny models: what comes out, how often it is made, and what is refused."""

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from damaging import change_config
from gguf_file import GgufFile
from gguf_writing import write
from kinds import make_model
from safetensors.torch import load_file, save_file
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoTokenizer,
    BertConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

from nmviz.base.errors import UserError
from nmviz.engine.load import loading, tokens
from nmviz.engine.load.gguf import copies
from nmviz.methods.scopes import PROJECTIONS
from nmviz.sources import models

pytestmark = pytest.mark.usefixtures("fresh_cache")


def test_a_loaded_model_is_ready_to_measure(tiny_model: Path) -> None:
    loaded = loading.load(str(tiny_model))
    assert loaded.info == models.describe(str(tiny_model))
    assert loaded.sha256 == models.identify(str(tiny_model))
    assert not loaded.model.training
    assert loaded.model.config._attn_implementation == "sdpa"
    assert all(p.dtype == torch.float32 and not p.requires_grad for p in loaded.model.parameters())
    assert loaded.tokenizer.chat_template and loaded.info.chat


def test_bf16_weights_become_fp32_exactly(copy: Path) -> None:
    file = copy / "model.safetensors"
    stored = {name: tensor.bfloat16() for name, tensor in load_file(file).items()}
    save_file(stored, file, metadata={"format": "pt"})
    change_config(copy, dtype="bfloat16")
    state = loading.load(str(copy)).model.state_dict()
    assert all(torch.equal(state[name], tensor.float()) for name, tensor in stored.items())


def test_threads_that_ask_for_one_model_load_it_once(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []
    original = loading.load_model

    def counted(folder: Path, model_id: str) -> Any:
        loads.append(model_id)
        return original(folder, model_id)

    monkeypatch.setattr(loading, "load_model", counted)
    with ThreadPoolExecutor(4) as pool:
        loaded = set(map(id, pool.map(loading.load, [str(tiny_model)] * 4)))
    assert len(loaded) == len(loads) == 1


def test_models_built_by_two_threads_leave_transformers_as_it_was(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """transformers exchanges a method of its class while it reads a model, and puts back what it
    found: two threads at once would put back what the other had put there."""
    before = PreTrainedModel.tie_weights
    monkeypatch.setattr(PreTrainedModel, "tie_weights", before)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: loading.load_model(tiny_model, "tiny"), range(16)))
    finally:
        sys.setswitchinterval(interval)
    assert PreTrainedModel.tie_weights is before


def test_two_models_are_kept_and_the_least_recently_used_goes(
    tiny_model: Path, tmp_path: Path
) -> None:
    ids = [str(shutil.copytree(tiny_model, tmp_path / name)) for name in "abc"]
    first, second = (loading.load(name) for name in ids[:2])
    assert loading.load(ids[0]) is first
    loading.load(ids[2])
    assert loading.load(ids[0]) is first
    assert loading.load(ids[1]) is not second


def test_a_changed_folder_is_another_model(copy: Path) -> None:
    before = loading.load(str(copy))
    change_config(copy, rms_norm_eps=1e-3)
    after = loading.load(str(copy))
    assert after is not before and after.sha256 != before.sha256


def test_a_failure_is_not_kept(copy: Path) -> None:
    weights = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(weights[:1000])
    with pytest.raises(UserError) as refusal:
        loading.load(str(copy))
    assert str(refusal.value) == (
        f"The weights of {copy} are broken (model.safetensors): put the whole files into {copy} "
        "again."
    )
    (copy / "model.safetensors").write_bytes(weights)
    assert loading.load(str(copy)).model is not None


def without_a_weight(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors.pop("model.layers.1.mlp.up_proj.weight")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


DENSE = {
    "quant_method": "compressed-tensors",
    "format": "dense",
    "config_groups": {},
    "sparsity_config": {"format": "dense", "sparsity_structure": "2:4"},
}
"""What llm-compressor writes beside weights that are stored as they are."""


def with_scales(folder: Path) -> None:
    change_config(folder, quantization_config=DENSE)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.1.mlp.up_proj.weight_scale"] = torch.ones(1)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def without_vocabulary(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (without_a_weight, r"lacks weights \(model\.layers\.1\.mlp\.up_proj\.weight"),
        (without_vocabulary, "no vocabulary that can be read"),
        (
            lambda folder: change_config(folder, hidden_size=32),
            "asks for model.embed_tokens.weight as 512 x 32, but its file holds 512 x 64",
        ),
        (lambda folder: change_config(folder, model_type="nosuch"), "The architecture 'nosuch'"),
        (lambda folder: change_config(folder, model_type=None), "not a language model"),
        (
            lambda folder: change_config(
                folder, model_type="evil", auto_map={"AutoModelForCausalLM": "evil.Model"}
            ),
            "runs code of its own, which is never done here",
        ),
        (
            lambda folder: change_config(folder, quantization_config={"quant_method": "gptq"}),
            "is stored quantised by gptq",
        ),
        (
            lambda folder: change_config(folder, quantization_config={**DENSE, "format": "int8"}),
            "is stored quantised by compressed-tensors",
        ),
        (
            lambda folder: change_config(
                folder,
                quantization_config={**DENSE, "sparsity_config": {"format": "sparse-24-bitmask"}},
            ),
            "is stored as sparse-24-bitmask, .* random numbers in place of the pruned weights",
        ),
        (with_scales, r"is stored quantised \(model.layers.1.mlp.up_proj.weight_scale belongs to"),
        (
            lambda folder: (folder / "config.json").write_text(BertConfig().to_json_string()),
            "lacks weights|not a language model|cannot be loaded",
        ),
        (
            lambda folder: change_config(folder, model_type="clip"),
            "not a language model",
        ),
    ],
)
def test_what_cannot_be_loaded_is_said_in_one_sentence(
    copy: Path, damage: Callable[[Path], Any], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    damage(copy)
    with pytest.raises(UserError, match=words) as refusal:
        loading.load(str(copy))
    assert "\n" not in str(refusal.value)
    assert capfd.readouterr() == ("", "")


def test_a_checkpoint_whose_format_is_dense_is_read(copy: Path, tiny_model: Path) -> None:
    change_config(copy, quantization_config=DENSE)
    state = loading.load(str(copy)).model.state_dict()
    stored = load_file(tiny_model / "model.safetensors")
    assert all(torch.equal(state[name], tensor) for name, tensor in stored.items())


def test_code_beside_a_known_architecture_is_not_run(copy: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (copy / "evil.py").write_text(f"open({str(ran)!r}, 'w')\nclass Model: pass\n")
    change_config(copy, auto_map={"AutoModelForCausalLM": "evil.Model"})
    assert isinstance(loading.load(str(copy)).model, LlamaForCausalLM)
    assert not ran.exists()


LOAD = """
import sys
from nmviz.engine.load import loading, tokens
from nmviz.base.errors import UserError
try:
    loading.load(sys.argv[1])
except UserError as refusal:
    print(f"refused: {refusal}")
"""


@pytest.mark.parametrize(
    ("file", "auto_map"),
    [
        ("tokenizer_config.json", {"AutoTokenizer": ["evil.Evil", None]}),
        ("config.json", {"AutoModelForCausalLM": "evil.Evil"}),
    ],
)
def test_no_answer_on_stdin_makes_code_beside_a_model_run(
    copy: Path, tmp_path: Path, file: str, auto_map: dict[str, Any]
) -> None:
    ran = tmp_path / "ran"
    (copy / "evil.py").write_text(f"open({str(ran)!r}, 'w')\nclass Evil: pass\n")
    change_config(copy, model_type="vit")  # known to transformers, but neither text nor tokenizer
    told = json.loads((copy / file).read_text())
    told.pop("tokenizer_class", None)
    (copy / file).write_text(json.dumps({**told, "auto_map": auto_map}))
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(copy)],
        input="y\ny\ny\n",
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HOME": str(tmp_path / "hub")},
    )
    assert not ran.exists()
    assert done.stdout.startswith("refused: ") and done.stdout.count("\n") == 1, done.stderr
    assert "runs code of its own, which is never done here" in done.stdout


@pytest.mark.parametrize("device", ["nosuch", "cuda:99", "meta:x"])
def test_an_absent_device_is_refused(tiny_model: Path, device: str) -> None:
    with pytest.raises(UserError, match="use cpu"):
        loading.load(str(tiny_model), device)


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")]
)
def test_too_little_memory_is_said(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(loading, "load_model", full)
    with pytest.raises(UserError, match="does not fit into memory"):
        loading.load(str(tiny_model))


def test_encode_is_the_whole_text_without_special_tokens(tiny_model: Path) -> None:
    loaded = loading.load(str(tiny_model))
    text = "A river — naïve 😀\r\n  begins. " * 400
    ids = tokens.encode(loaded, text)
    assert ids.dtype == torch.int64 and ids.ndim == 1
    assert loaded.tokenizer.decode(ids) == text, "longer than the context, and nothing is cut"
    assert tokens.encode(loaded, text) is ids, "kept"
    for number in range(4):
        tokens.encode(loaded, f"a prompt {number}")
    assert tokens.encode(loaded, text) is ids, "prompts push no corpus out"
    for number in range(4):
        tokens.encode(loaded, text + str(number))
    assert tokens.encode(loaded, text) is not ids, "only the last four are"


def test_a_long_corpus_is_read_once_on_a_machine_and_a_text_of_ones_own_never_kept(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path))
    monkeypatch.setattr(tokens, "LONG_TEXT", tokens.SHORT_TEXT)
    loaded, text = loading.load(str(tiny_model)), "A river begins. " * 1000
    own = tokens.encode(loaded, text)
    assert not (tmp_path / "tokens").exists()
    loading.forget()
    first = tokens.encode(loaded, text, public=True)
    (file,) = (tmp_path / "tokens").iterdir()
    loading.forget()
    monkeypatch.setattr(tokens, "_encode", lambda *_: pytest.fail("encoded again"))
    assert torch.equal(tokens.encode(loaded, text, public=True), own)
    assert torch.equal(first, own) and first.dtype == torch.int64
    monkeypatch.undo()
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path))
    monkeypatch.setattr(tokens, "LONG_TEXT", tokens.SHORT_TEXT)
    loading.forget()
    file.write_bytes(b"spoiled")
    assert torch.equal(tokens.encode(loaded, text, public=True), own)


def test_bos_only_where_the_tokenizer_puts_one_by_itself(copy: Path) -> None:
    assert tokens.bos_token(loading.load(str(copy))) is None
    tokenizer = AutoTokenizer.from_pretrained(copy)
    tokenizer.add_special_tokens({"bos_token": "<|end|>"})
    tokenizer.save_pretrained(copy)
    assert tokens.bos_token(loading.load(str(copy))) is None, "known but not put"
    tokenizer._tokenizer.post_processor = TemplateProcessing(
        single="<|end|> $A", pair="<|end|> $A $B", special_tokens=[("<|end|>", 0)]
    )
    tokenizer.save_pretrained(copy)
    loaded = loading.load(str(copy))
    assert tokens.bos_token(loaded) == 0
    assert 0 not in tokens.encode(loaded, "A river")


@pytest.fixture
def gguf_model(tiny_model: Path, tmp_path: Path) -> Path:
    """The tiny model as a GGUF file, tied."""
    return write_gguf(tmp_path, "llama", tiny_model, load_file(tiny_model / "model.safetensors"))


@pytest.fixture
def gguf_gemma(tiny_model: Path, tmp_path: Path) -> Path:
    """A tiny random Gemma 3 with the same vocabulary as a GGUF file: heads of 32 inputs."""
    words = len(AutoTokenizer.from_pretrained(tiny_model))
    state = make_model("gemma3", words, end=None).state_dict()
    del state["lm_head.weight"]  # tied
    larger = {name: tensor + 1 if "norm" in name else tensor for name, tensor in state.items()}
    return write_gguf(tmp_path, "gemma3", tiny_model, larger)


def write_gguf(folder: Path, kind: str, source: Path, tensors: dict[str, torch.Tensor]) -> Path:
    """A file with a chat template in a folder of its own."""
    path = folder / "gguf" / "tiny.gguf"
    path.parent.mkdir()

    def head(writer: gguf.GGUFWriter) -> None:
        writer.add_pad_token_id(0)
        writer.add_chat_template("{{ messages[0]['content'] }}")
        if kind == "gemma3":
            writer.add_key_length(32)
            writer.add_token_scores([0.0] * len(tensors["model.embed_tokens.weight"]))

    model = "llama" if kind == "gemma3" else "gpt2"
    return write(path, source, tensors, kind=kind, head=head, tokenizer_model=model)


@pytest.mark.parametrize(("made", "heads"), [("gguf_model", 64), ("gguf_gemma", 128)])
def test_a_gguf_file_is_described_by_its_head(
    made: str, heads: int, request: pytest.FixtureRequest
) -> None:
    info = models.describe(str(request.getfixturevalue(made)))
    assert (info.title, info.blocks, info.context, info.chat) == ("tiny.gguf", 3, 512, True)
    assert info.projections == PROJECTIONS
    assert info.d_in["o"] == heads and info.d_in["down"] == 128
    assert "dequantised" in info.note


@pytest.mark.parametrize(
    ("made", "kind"), [("gguf_model", "LlamaForCausalLM"), ("gguf_gemma", "Gemma3ForCausalLM")]
)
def test_a_gguf_file_is_converted_once_and_bit_for_bit(
    made: str,
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    path = request.getfixturevalue(made)
    loaded = loading.load(str(path))
    folder = tmp_path / "cache" / "converted" / loaded.sha256
    held = GgufFile(path)
    state = loaded.model.state_dict()
    assert {held.name(name) for name in state} == set(held.tensors)
    assert all(torch.equal(held.weight(name), tensor) for name, tensor in state.items())
    assert "lm_head.weight" in state
    assert "lm_head.weight" not in load_file(folder / "model.safetensors"), "tied: stored once"
    assert loaded.tokenizer.chat_template == "{{ messages[0]['content'] }}"
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == [kind]
    assert not set(copies.OF_THE_SOURCE) & set(config)

    monkeypatch.setattr(copies, "read_gguf", lambda *_: pytest.fail("converted twice"))
    loading.forget()
    again = loading.load(str(path.parent)).model.state_dict()
    assert again.keys() == state.keys()
    assert all(torch.equal(again[name], tensor) for name, tensor in state.items())


def test_files_beside_a_gguf_file_change_nothing(gguf_model: Path, tiny_model: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json", "chat_template.jinja"):
        shutil.copy(tiny_model / name, gguf_model.parent)
    loaded = loading.load(str(gguf_model))
    assert loaded.tokenizer.chat_template == "{{ messages[0]['content'] }}"
    assert loaded.model.config.rms_norm_eps == pytest.approx(1e-5)


def test_a_gguf_file_is_read_once_and_the_reader_is_put_back(
    gguf_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    class Counted(copies._Reader):
        def __init__(self, path: Path) -> None:
            read.append(path)
            super().__init__(path)
            assert type(self.data) is np.ndarray, "a memmap is slow"

    monkeypatch.setattr(copies, "_Reader", Counted)
    before = gguf.GGUFReader, gguf.get_tensor_name_map
    loading.load(str(gguf_model))
    assert len(read) == 1
    assert (gguf.GGUFReader, gguf.get_tensor_name_map) == before


def cut_short(file: Path) -> None:
    """Half of the file in its place; who has mapped the whole one keeps it."""
    whole = file.read_bytes()
    file.unlink()
    file.write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize("sizes", [True, False], ids=["sizes known", "of an older version"])
@pytest.mark.parametrize("damage", [cut_short, Path.unlink])
@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_copy_that_was_cut_short_is_made_again(
    gguf_model: Path, tmp_path: Path, name: str, damage: Callable[[Path], None], sizes: bool
) -> None:
    loaded = loading.load(str(gguf_model))
    folder = tmp_path / "cache" / "converted" / loaded.sha256
    whole = (folder / name).read_bytes()
    if not sizes:
        (folder / copies.ABOUT).unlink()
    loading.forget()
    damage(folder / name)
    again = loading.load(str(gguf_model)).model.state_dict()
    assert all(torch.equal(again[key], one) for key, one in loaded.model.state_dict().items())
    assert (folder / name).read_bytes() == whole
    assert [one for one in folder.parent.iterdir() if one.suffix != ".lock"] == [folder]


def test_a_copy_is_made_again_on_demand(gguf_model: Path, tmp_path: Path) -> None:
    loaded = loading.load(str(gguf_model))
    template = tmp_path / "cache" / "converted" / loaded.sha256 / "chat_template.jinja"
    template.write_text("{{ another of the same length in all }}"[: template.stat().st_size])
    assert loading.fetch_again(str(gguf_model)).folder == gguf_model.parent
    assert template.read_text() == "{{ messages[0]['content'] }}"
    assert loading.load(str(gguf_model)).tokenizer.chat_template == template.read_text()


def test_a_gguf_file_that_was_cut_short_names_its_path(gguf_model: Path) -> None:
    cut_short(gguf_model)
    with pytest.raises(UserError) as refusal:
        loading.load(str(gguf_model))
    assert str(gguf_model) in str(refusal.value) and "\n" not in str(refusal.value)


def test_conversion_is_quiet(gguf_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    loading.load(str(gguf_model))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("failure", ["tensors", "config"])
def test_a_conversion_that_fails_leaves_nothing(
    gguf_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(copies, {"tensors": "_save", "config": "_clean_config"}[failure], full)
    with pytest.raises(UserError, match="is full: make room"):
        loading.load(str(gguf_model))
    left = [path for path in (tmp_path / "cache" / "converted").iterdir() if path.is_dir()]
    assert left == []


def test_a_broken_gguf_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(UserError, match=r"broken\.gguf"):
        loading.load(str(tmp_path / "broken.gguf"))


def test_the_lock_lets_its_holder_in_again(tiny_model: Path) -> None:
    lock = loading.load(str(tiny_model)).lock
    with lock, lock:
        taken = []
        other = threading.Thread(target=lambda: taken.append(lock.acquire(blocking=False)))
        other.start()
        other.join()
    assert taken == [False]
