"""A model's configuration: what transformers makes of it, and which part is a language model."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL

from nmviz.base.errors import UserError
from nmviz.engine.load.refusals import brings_code, no_code_of, unknown, unusable_config

SIZES = ("num_hidden_layers", "num_attention_heads", "hidden_size", "vocab_size")
"""Under these names a config of transformers has what its own type may call otherwise."""

BUILDING = RLock()
"""Held while transformers builds or reads a model. It exchanges a method of the class of all models
meanwhile (`tie_weights`) and puts back what it found: two threads at once leave it exchanged."""


def read_config(folder: Path, model_id: str) -> Any:
    """The config of a folder. UserError for one that transformers cannot use."""
    with no_code_of(model_id), usable(model_id):
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def built(about: Mapping[str, Any], model_id: str) -> Any:
    """The config that a config.json's content makes, once `refuse_config` let it pass."""
    with usable(model_id):
        return AutoConfig.for_model(**about)


def empty(config: Any, model_id: str) -> Any:
    """The causal language model of a config without memory, on the device meta."""
    with BUILDING, usable(model_id), torch.device("meta"), torch.random.fork_rng(devices=[]):
        return AutoModelForCausalLM.from_config(config, trust_remote_code=False)


def language_model(config: Any, model_id: str) -> tuple[Any, str]:
    """The config to load, and the type of the text part where it is one of several parts; else the
    config as it is, and nothing. UserError where transformers has no causal model of either."""
    text: Any = getattr(config, "text_config", None)
    kind = getattr(text, "model_type", None)
    whole = config.model_type in CAUSAL and len(config.sub_configs) == 1  # nothing but text
    if kind in CAUSAL and not whole:
        text.tie_word_embeddings = config.tie_word_embeddings  # the whole model's is what counts
        return _sized(text, model_id), str(kind)
    if config.model_type not in CAUSAL:
        if getattr(config, "auto_map", None):
            raise brings_code(model_id)
        raise unknown(model_id, config.model_type, kind)
    return _sized(config, model_id), ""


def _sized(config: Any, model_id: str) -> Any:
    """The config. UserError where a size is 0 or less that transformers builds nothing with."""
    for name in SIZES:
        size = getattr(config, name, None)
        if isinstance(size, int) and size < 1:
            raise unusable_config(model_id, ValueError(f"{name} is {size}"))
    return config


@contextmanager
def usable(model_id: str) -> Iterator[None]:
    """Whatever transformers raises over values of a config becomes one sentence (UserError)."""
    try:
        yield
    except (UserError, ImportError, MemoryError, OSError):
        raise
    except Exception as error:  # no limit to what a wrong value leads to
        if "trust_remote_code" in str(error):
            raise
        raise unusable_config(model_id, error) from None
