"""A tiny random model of every type that transformers can load as a causal language model.

Every size of a type's own default config is made small before anything is built, and of its layers
those are kept in which a new sort (dense and mixture, attention and state space, sliding and full)
first occurs. What a type needs besides is in tiny_types.toml, with the reason.

.venv/bin/python tools/tiny_types.py              try all types
.venv/bin/python tools/tiny_types.py gpt2 jamba   try these
"""

import sys
import tempfile
import time
import tomllib
import warnings
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.integrations.heterogeneity.configuration_utils import (
    AmbiguousGlobalPerLayerAttributeError,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.utils import logging

PROJECT = Path(__file__).parents[1]
TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
SIZES: dict[str, Any] = TABLE["sizes"]
NO_SIZE = set(PreTrainedConfig.__dataclass_fields__)  # what all configs share, such as the dtype
GROUPS = ("num_key_value_heads", "swa_num_key_value_heads")
VOCABULARIES = (
    "vocab_size",
    "decoder_vocab_size",
    "unpadded_vocab_size",
    "vocab_size_per_layer_input",
)
SPECIAL = ("bos_token_id", "eos_token_id", "pad_token_id")
INDICES = ("moe_layers", "full_attn_idxs")  # lists of layers, not of something for each
SPREAD = 0.2  # standard deviation of the weights, so large that what is pruned shows
LARGEST = 2_000_000  # parameters
TOKENS = 32
CLOSE = 1e-4  # rounding moves a logit by less, over their spread


def types() -> list[str]:
    """The types of the installed transformers' causal-LM mapping."""
    return list(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    """The tests' tokenizer."""
    sys.path.insert(0, str(PROJECT / "tests"))
    from tiny import make_tokenizer

    return make_tokenizer()


# Configs


def own_settings(kind: str) -> dict[str, Any]:
    """What the table sets for `kind`, by field; configs inside it are tables of their own."""
    return {k: v for k, v in TABLE["types"].get(kind, {}).items() if k != "reason"}


def is_encoder(kind: str) -> bool:
    """Whether `kind` sees later tokens unless its config says that it is a decoder."""
    return kind in TABLE["encoders"]


def tiny_config(
    kind: str, vocabulary: int | None = None, *, decoder: bool = True
) -> PreTrainedConfig:
    """The config of a tiny model of `kind`, by default in its decoder form."""
    own = own_settings(kind)
    if decoder:
        own |= {k: v for k, v in TABLE["encoders"].get(kind, {}).items() if k != "reason"}
    config = CONFIG_MAPPING[kind](**TABLE["defaults"].get(kind, {}))
    return _shrunk(config, own, vocabulary or len(tokenizer()))


def _shrunk(config: PreTrainedConfig, own: Mapping[str, Any], vocabulary: int) -> PreTrainedConfig:
    """`config` with tiny sizes; `own` is what the table says of it."""
    settings = _token_ids(config, vocabulary) | _layers(config)
    for name, value in _fields(config).items():
        if isinstance(value, PreTrainedConfig):
            settings[name] = _shrunk(value, own.get(name, {}), vocabulary)
        elif name in SIZES and isinstance(value, int | float):
            settings[name] = SIZES[name]
        elif name in GROUPS and value:
            settings[name] = _groups(config, value)
    own = {k: v for k, v in own.items() if not isinstance(settings.get(k), PreTrainedConfig)}
    own.pop("reason", None)
    return type(config)(**settings | deepcopy(own))


def _groups(config: PreTrainedConfig, value: int) -> int:
    """Heads of keys: as many as heads, one, or two, as in the default."""
    name = type(config).attribute_map.get("num_attention_heads", "num_attention_heads")
    grouped = value != _fields(config).get(name, value)
    return min(value, 2 if grouped else SIZES["num_attention_heads"])


def _fields(config: PreTrainedConfig) -> dict[str, Any]:
    """The fields of `config` besides those of all configs; as declared where layers differ."""
    found = {}
    for name in type(config).__dataclass_fields__:
        if name not in NO_SIZE:
            try:
                found[name] = getattr(config, name, None)
            except AmbiguousGlobalPerLayerAttributeError:
                found[name] = type(config).__dataclass_fields__[name].default
    return found


def _token_ids(config: PreTrainedConfig, vocabulary: int) -> dict[str, Any]:
    end = tokenizer().eos_token_id
    ids = dict.fromkeys(VOCABULARIES, vocabulary) | dict.fromkeys(SPECIAL, end)
    declared = type(config).__dataclass_fields__
    return {k: v for k, v in ids.items() if k in declared and getattr(config, k) != 0}


def _layers(config: PreTrainedConfig) -> dict[str, Any]:
    """The number of layers, at least two, and for each what lists say of it.

    Of the default's layers those are kept in which a new value of one of the lists first occurs.
    """
    count = getattr(config, "num_hidden_layers", None)
    if not isinstance(count, int):
        return {}
    lists = {
        name: value
        for name, value in _fields(config).items()
        if isinstance(value, list | tuple) and len(value) == count and name not in INDICES
    }
    kept = {value.index(one) for value in lists.values() for one in value}
    kept |= set(list(range(count - 1, -1, -1))[: max(0, 2 - len(kept))])
    chosen = sorted(kept)
    name = type(config).attribute_map.get("num_hidden_layers", "num_hidden_layers")
    counted = {name: len(chosen)} if name in type(config).__dataclass_fields__ else {}
    return counted | {k: [SIZES.get(k, v[i]) for i in chosen] for k, v in lists.items()}


# Models


def tiny_model(
    kind: str, vocabulary: int | None = None, *, decoder: bool = True, seed: int = 0
) -> PreTrainedModel:
    """A model of `kind` in fp32 on the CPU, ready to evaluate; the same for the same seed."""
    return build(tiny_config(kind, vocabulary, decoder=decoder), seed)


def build(config: PreTrainedConfig, seed: int = 0) -> PreTrainedModel:
    """A model with random weights, in the attention that transformers takes by default."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _check_tiny(config)
        model = _from_config(config)
        with torch.no_grad():
            for tensor in model.parameters():
                _randomise(tensor)
            for name, table in model.named_buffers():
                if name.endswith("tid2eid"):  # the experts of a token [vocabulary, experts a token]
                    _draw_experts(table, model.config.n_routed_experts)
    return model.eval()


def _check_tiny(config: PreTrainedConfig) -> None:
    """Refuse a config whose model is large, before memory is taken for it."""
    with torch.device("meta"):
        count = sum(tensor.numel() for tensor in _from_config(config).parameters())
    if count > LARGEST:
        raise ValueError(
            f"{config.model_type} has {count:,} parameters: set its sizes in the table"
        )


def _from_config(config: PreTrainedConfig) -> PreTrainedModel:
    return AutoModelForCausalLM.from_config(
        config, dtype=torch.float32, experts_implementation="eager"
    )


def _randomise(tensor: nn.Parameter) -> None:
    """Give matrices SPREAD where they have less; what is all zero, such as biases, is drawn."""
    if not tensor.any():
        tensor.normal_(0, SPREAD if tensor.ndim > 1 else SPREAD / 2)
    elif tensor.ndim > 1 and 0 < tensor.std() < SPREAD / 2:
        tensor.mul_(SPREAD / tensor.std())


def _draw_experts(table: torch.Tensor, experts: int) -> None:
    """Different experts in each row, instead of the first alone."""
    table.copy_(torch.rand(len(table), experts).argsort(dim=1)[:, : table.shape[1]])


def save_tiny(kind: str, folder: Path, *, decoder: bool = True, seed: int = 0) -> PreTrainedModel:
    """Write a tiny model and the tests' tokenizer into `folder`, for `nmviz run --model FOLDER`."""
    config = tiny_config(kind, decoder=decoder)
    model = build(config, seed)
    model.save_pretrained(folder)
    if type(model.config) is not type(config):  # of a type with towers the text model's alone
        config.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return model


# Trials


@dataclass
class Trial:
    """What came of a type. `moved` is the largest change of an earlier logit over their spread."""

    kind: str
    decoder: bool = True
    parameters: int = 0
    attention: str = ""  # what transformers takes by default
    seconds: float = 0.0
    finite: bool = False
    moved: float = float("nan")
    remarks: tuple[str, ...] = ()
    error: str = ""

    @property
    def form(self) -> str:
        return self.kind if self.decoder else f"{self.kind} (encoder)"

    def __str__(self) -> str:
        head = f"{self.form:38} {self.seconds:5.1f} s"
        if self.error:
            return f"{head}  {self.error}"
        looks = "finite" if self.finite else "NOT FINITE"
        causal = "causal" if self.moved < CLOSE else "NOT CAUSAL"
        line = f"{head} {self.parameters:9,} parameters, {self.attention:5} {looks}, {causal}"
        line += f" {self.moved:.1e}"
        return "; ".join([line, *self.remarks])


def sample(vocabulary: int, seed: int = 1) -> torch.Tensor:
    """Token ids [1, TOKENS], without the end of text."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(1, vocabulary, (1, TOKENS), generator=generator)


@torch.no_grad()
def logits(model: PreTrainedModel, ids: torch.Tensor) -> torch.Tensor:
    """Logits [1, TOKENS, vocabulary]."""
    return model(input_ids=ids, use_cache=False).logits


def moved_by_later(model: PreTrainedModel, ids: torch.Tensor, before: torch.Tensor) -> float:
    """The largest change of a logit by other tokens after it, over the spread of the logits.

    Tokens are changed from several places on: ProphetNet mixes positions of the first half alone.
    """
    moved = []
    for first in (TOKENS // 8, TOKENS // 2, TOKENS - 1):
        other = ids.clone()
        other[:, first:] = (ids[:, first:] - 1).clamp(min=1).flip(1)
        moved.append(_difference(logits(model, other)[:, :first], before))
    return max(moved)


def attempt(kind: str, *, decoder: bool = True) -> Trial:
    """Build, run, save and load a type, and say what is odd about it."""
    trial, start = Trial(kind, decoder), time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _attempt(trial, Path(folder))
    except Exception as error:  # any: what stops a type is what is asked for
        lines = [line for line in str(error).splitlines() if line.strip()] or [""]
        trial.error = f"{type(error).__name__}: {lines[0].strip()}"
    trial.seconds = time.perf_counter() - start
    return trial


def _attempt(trial: Trial, folder: Path) -> None:
    model = save_tiny(trial.kind, folder, decoder=trial.decoder)
    trial.parameters = sum(tensor.numel() for tensor in model.parameters())
    trial.attention = model.config._attn_implementation
    vocabulary = len(tokenizer())
    ids, kept = sample(vocabulary), deepcopy(_tensors(model))
    first = logits(model, ids)
    remarks = []
    if first.shape != (1, TOKENS, vocabulary):
        remarks.append(f"logits {list(first.shape)}")
    trial.finite = bool(first.isfinite().all())
    if changed := [k for k, v in _tensors(model).items() if not _same(v, kept[k])]:
        remarks.append(f"a pass changes {len(changed)} tensors ({changed[0]})")
    if not _same(logits(model, ids), first):
        remarks.append("a second pass differs")
    trial.moved = moved_by_later(model, ids, first)
    if (by := _difference(logits(model, ids[:, : TOKENS // 2]), first)) > CLOSE:
        remarks.append(f"half the tokens alone differ by {by:.1e}")
    if (by := _difference(logits(model, torch.cat([ids, ids.flip(1)])), first)) > CLOSE:
        remarks.append(f"beside another text differs by {by:.1e}")
    trial.remarks = (*remarks, *_restored(folder, kept, ids, first))


def _tensors(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    return dict(model.named_parameters()) | dict(model.named_buffers())


def _difference(some: torch.Tensor, full: torch.Tensor) -> float:
    """The largest difference of the first text's first logits, over the spread of all."""
    there = full[:1, : some.shape[1]]
    return ((some[:1] - there).abs().max() / full.std()).item()


def _restored(
    folder: Path, kept: dict[str, torch.Tensor], ids: torch.Tensor, first: torch.Tensor
) -> list[str]:
    """How the model read from `folder` differs from the one that was written: its tensors in no
    bit. Logits may differ in rounding, as products depend on where in memory a tensor begins."""
    loaded, about = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    remarks = [
        f"{key} {len(about[key])} ({sorted(map(str, about[key]))[0]})"
        for key in ("missing_keys", "unexpected_keys", "mismatched_keys")
        if about[key]
    ]
    again = logits(loaded.eval(), ids)
    if other := [k for k, v in _tensors(loaded).items() if not _same(v, kept[k])]:
        remarks.append(f"NOT RESTORED: {len(other)} tensors differ ({other[0]})")
    if (by := _difference(again, first)) > CLOSE:
        remarks.append(f"NOT RESTORED, by {by:.1e}")
    return remarks


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.equal(one.nan_to_num(), other.nan_to_num())


def main(kinds: list[str]) -> int:
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    good = 0
    for kind in kinds or types():
        trial = attempt(kind)
        good += not trial.error and trial.finite
        print(trial, flush=True)
        if is_encoder(kind):
            print(attempt(kind, decoder=False), flush=True)
    print(f"{good} of {len(kinds or types())} build and run")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
