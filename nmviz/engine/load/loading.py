"""Models in memory: loaded once, kept for the next question, the same for every thread."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from nmviz.base import holding
from nmviz.base.errors import UserError
from nmviz.core.provenance import ORIGIN, STORED
from nmviz.engine.load.configs import BUILDING, language_model, read_config
from nmviz.engine.load.formats import format_of
from nmviz.engine.load.gguf.copies import converted, is_converted, said_of
from nmviz.engine.load.positions import context_of
from nmviz.engine.load.probe import check_passes
from nmviz.engine.load.quantized import plain, prepare
from nmviz.engine.load.refusals import (
    broken_files,
    lacking,
    no_code_of,
    plain_words,
    refuse_config,
    stored_plainly,
)
from nmviz.engine.load.tensors import compare, heads, named, unread_of
from nmviz.sources import models
from nmviz.sources.saved import Saved, saved_in

MODELS_KEPT = 2
TEXTS_KEPT = 4


@dataclass
class LoadedModel:
    """A model ready to use: fp32, eval mode, no gradients, transformers' sdpa attention where the
    architecture has it, else what transformers takes by default.

    Whoever runs or changes `model` holds `lock`; `sha256` identifies the files it came from; `said`
    is what a result says of how they were read, such as the tensors that were not. Of a `recipe`
    they are those of its model, and what its methods have of calibration is not worked out here.
    """

    info: models.ModelInfo
    model: Any
    tokenizer: Any
    sha256: str
    device: str
    said: Mapping[str, str] = field(default_factory=dict)
    recipe: Saved | None = None
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def computing(self) -> dict[str, str]:
        """How it computes, for the provenance of what is measured."""
        attention = self.model.config.get_text_config()._attn_implementation
        return {"dtype": "float32", "attention": attention or "eager", **self.said}


@dataclass
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    value: Any = None


class _Kept:
    """The last few things made, each made once however many threads ask for it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._slots: OrderedDict[tuple[str, ...], _Slot] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, ...], make: Callable[[], Any]) -> Any:
        """What is kept under the key, made first where it is missing."""
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            while len(self._slots) > self._most:  # before making, so that memory is free for it
                self._slots.popitem(last=False)
        with slot.lock:
            if slot.value is None:
                slot.value = make()
            return slot.value

    def clear(self) -> None:
        with self._lock:
            self._slots.clear()

    def values(self) -> list[Any]:
        """What is made by now."""
        with self._lock:
            return [slot.value for slot in self._slots.values() if slot.value is not None]


def _size_of_weights() -> int:
    weights = (one for loaded in _models.values() for one in loaded.model.parameters())
    return sum({one.data_ptr(): one.nbytes for one in weights}.values())


_models = _Kept(MODELS_KEPT)
holding.holds("weights of models", _size_of_weights, give_up=_models.clear)
_texts = _Kept(TEXTS_KEPT)


def load(model_id: str, device: str = "cpu") -> LoadedModel:
    """The model, fetched, converted and loaded where that was not done before.

    At most two are kept, the least recently used goes first. UserError when there is no such
    model, it cannot be fetched, it needs code of its own, or it does not fit.
    """
    check_device(device)
    if recipe := models.recipe_of(model_id):
        return _for_recipe(recipe, model_id, device)
    refuse_config(models.read_config(model_id), model_id)
    key = (model_id, models.identify(model_id), device)
    return _models.get(key, lambda: _load(model_id, device))


def _for_recipe(recipe: Saved, model_id: str, device: str) -> LoadedModel:
    """The model that a recipe is for, under the recipe's name and identity."""
    base = load(models.base_of(recipe), device)
    return replace(
        base,
        info=replace(base.info, id=model_id, title=recipe.folder.name),
        sha256=recipe.identity,
        said={**base.said, ORIGIN: recipe.origin},
        recipe=recipe,
    )


def is_loaded(model_id: str) -> bool:
    """Whether the model of that id is in memory now, under any device."""
    return any(one.info.id == model_id for one in _models.values())


def in_memory(sha256: str) -> LoadedModel | None:
    """The model of those files, where it is loaded now."""
    return next((one for one in _models.values() if one.sha256 == sha256), None)


def forget() -> None:
    """Let go of every model and text that is kept."""
    _models.clear()
    _texts.clear()


def check_device(device: str) -> None:
    """UserError when torch knows no such device or this machine has none."""
    try:
        torch.empty(1, device=torch.device(device))
    except (RuntimeError, AssertionError, NotImplementedError):
        raise UserError(f"There is no device {device!r} on this machine: use cpu.") from None


def count_gpus() -> int:
    """How many GPUs of NVIDIA or AMD this machine has that torch can use."""
    return torch.cuda.device_count()


def kept_text(key: tuple[str, str], make: Callable[[], torch.Tensor]) -> torch.Tensor:
    """Token ids of a text under its model's and its own hash: the last few are kept."""
    return _texts.get(key, make)


def fetch_again(model_id: str) -> models.ModelFiles:
    """Fetch and convert a model again, and load it to see that it can be; where it lies.

    UserError when it cannot be had or loaded, or lies in a folder, for which nothing is fetched.
    """
    files = models.fetch_again(model_id)
    _models.clear()
    if files.gguf:
        with quiet(), plain_words(model_id):
            converted(files, model_id, again=True)
    load(model_id)
    return files


def _load(model_id: str, device: str) -> LoadedModel:
    files = models.locate(model_id)
    with quiet(), plain_words(model_id):
        tokenizer, (model, said) = _read(files, model_id)
        model = model.to(device)
        check_passes(model, model_id)
    info = models.describe(model_id)
    info = replace(info, context=context_of(model, info.context))
    if saved := saved_in(files.folder):
        said = {**said, ORIGIN: saved.origin}
    return LoadedModel(info, model, tokenizer, files.sha256, device, said)


def _read(files: models.ModelFiles, model_id: str) -> tuple[Any, tuple[Any, Mapping[str, str]]]:
    """Tokenizer, and model with what is said of it. A converted copy that cannot be read is made
    again from the whole file beside it, once."""
    if not files.gguf:
        read_config(files.folder, model_id)  # a wrong one is also what a tokenizer stumbles over
        return load_tokenizer(files.folder, model_id), load_model(files.folder, model_id)
    made_before = is_converted(files)
    folder = converted(files, model_id)
    try:
        return _read_copy(folder, model_id)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError, UserError):
        if not made_before:
            raise
    return _read_copy(converted(files, model_id, again=True), model_id)


def _read_copy(folder: Path, model_id: str) -> tuple[Any, tuple[Any, Mapping[str, str]]]:
    tokenizer, (model, _) = load_tokenizer(folder, model_id), load_model(folder, model_id)
    return tokenizer, (model, said_of(folder))


def load_model(folder: Path, model_id: str) -> tuple[Any, Mapping[str, str]]:
    """The model of a folder of safetensors, and what a result says of how it was read. UserError
    when tensors are missing from it or are not the config's, when it is stored quantised, or when
    it brings code."""
    with no_code_of(model_id), broken_files(folder, model_id):
        config, part = language_model(read_config(folder, model_id), model_id)
        about = vars(config).get("quantization_config") or {}
        packed = None if stored_plainly(about) else format_of(about)
        stored = heads(folder, model_id)
        if packed:
            options, said = prepare(config, stored, model_id), {STORED: packed.words}
        else:
            vars(config).pop("quantization_config", None)  # or its package would be asked for
            options, said = compare(config, stored, folder, model_id, part)
        # BitNet's unpacking asks for a compiler
        with BUILDING, torch.compiler.set_stance("force_eager"):
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                experts_implementation="eager",  # one after the other: each is a site
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
                trust_remote_code=False,
                **options,
            )
            model, report = loaded
            if report["missing_keys"]:
                raise lacking(sorted(report["missing_keys"])[0], folder, model_id)
            if packed:
                model = plain(model, model_id)
                said = {**said, **named(unread_of(model, report, stored))}
    return model.eval().requires_grad_(False), said


def load_tokenizer(folder: Path, model_id: str) -> Any:
    """The tokenizer of a folder. UserError when the folder has no vocabulary, or code for it."""
    try:
        with no_code_of(f"The tokenizer of {model_id}"):
            tokenizer = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        tokenizer = None
    if tokenizer is None or not len(tokenizer):
        raise UserError(
            f"{model_id} has no vocabulary that can be read: put its tokenizer files beside the "
            "weights."
        )
    return tokenizer


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and no warnings of transformers inside; as before afterwards."""
    level = transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.CRITICAL)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()
