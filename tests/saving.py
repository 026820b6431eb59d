"""Models that are pruned into folders by the tests, and what other tools read there."""

from pathlib import Path
from typing import Any

import torch
from kinds import save_model
from pruning import WINDOW
from tiny import PARAGRAPHS, make_tokenizer
from torch import Tensor
from transformers import AutoModelForCausalLM, MixtralConfig

from nmviz.base.stepping import at_once
from nmviz.core.experiment import Experiment
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.tokens import encode
from nmviz.service.saving.pruning import prune

READ = {"window": WINDOW, "tokens": 4 * WINDOW, "calibration_windows": 3}


def asked(model: Path, **fields: Any) -> Experiment:
    """An experiment on a few short windows."""
    return Experiment.build(model=str(model), **{**READ, **fields})


def save(model: Path, out: Path, dtype: str = "source", **fields: Any) -> Any:
    """`nmviz prune` of a model; what nmviz.json says."""
    return at_once(prune(asked(model, **fields), out, dtype))


def make(kind: str, folder: Path) -> Path:
    """A random model of a kind with its tokenizer in the folder; a mixture keeps all experts of a
    layer in one parameter, and several files' names for it."""
    if kind != "mixtral":
        return save_model(kind, folder)
    tokenizer = make_tokenizer()
    end = tokenizer.eos_token_id
    config = MixtralConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_local_experts=4,
        max_position_embeddings=128,
        initializer_range=0.2,
        **{"bos_token_id": None, "eos_token_id": end, "pad_token_id": end},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def in_bf16(model: Path, folder: Path) -> Path:
    """A copy of a model in bfloat16."""
    loaded: Any = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16)
    loaded.save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


def read_by_transformers(folder: Path) -> Any:
    """The model of a folder as transformers loads it, in float32."""
    options = {"dtype": torch.float32, "output_loading_info": True}
    model, report = AutoModelForCausalLM.from_pretrained(folder, **options)
    assert not any(report.values()), report
    return model.eval()


@torch.no_grad()
def scores(model: Any, loaded: LoadedModel) -> Tensor:
    """What a model makes of a window, [1, tokens, vocabulary]."""
    ids = encode(loaded, PARAGRAPHS[0], public=True)[None, :WINDOW]
    return model(input_ids=ids).logits
