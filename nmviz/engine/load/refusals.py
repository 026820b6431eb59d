"""What cannot be loaded, said in one sentence before or instead of a traceback."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

from nmviz.base.errors import UserError
from nmviz.base.wording import listed
from nmviz.engine.load.formats import EXTRA, format_of
from nmviz.sources import models

PLAIN = "dense"
"""compressed-tensors' name of the format in which weights are stored as they are."""
COUNTS = re.compile(r"(layers?|experts?|blocks)$")
"""How configs call the numbers of things that are built one after the other."""
MOST = 10_000
"""As many blocks or experts are built at most: far more than any model has, and soon done."""
OUT_OF_MEMORY = ("allocate memory", "out of memory", "bad_alloc", "could not create a primitive")
"""What torch and the libraries below it say of memory that they did not get."""


def refuse_config(config: Mapping[str, Any], model_id: str) -> None:
    """UserError for a model that brings its own code, is unknown, is stored quantised, or whose
    config says what no model has."""
    if not config:
        return
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING_NAMES:
        if config.get("auto_map"):
            raise brings_code(model_id)
        raise unknown(model_id, kind)
    for name in ("text_config", "quantization_config"):
        if not isinstance(config.get(name), Mapping | None):
            raise unusable_config(model_id, TypeError(f"its {name} is no object"))
    _refuse_counts(config, model_id)
    _refuse_counts(config.get("text_config") or {}, model_id)
    about = config.get("quantization_config") or {}
    if sparse := _format_of_sparsity(about):
        raise UserError(
            f"{model_id} is stored as {sparse}, which leaves zeros out and which transformers "
            "opens with random numbers in place of the pruned weights: choose a copy that was "
            "saved uncompressed."
        )
    if about and not stored_plainly(about):
        _refuse_format(about, bool(config.get("text_config")), model_id)


def _refuse_format(about: Mapping[str, Any], in_part: bool, model_id: str) -> None:
    form = format_of(about)
    method = str(about.get("quant_method") or "a method that its config does not name")[:40]
    if form is None or in_part:
        raise quantised(model_id, f"by {method}")
    if not form.is_here:
        raise UserError(
            f"{model_id} is stored quantised by {method}, which needs a package that is not here: "
            f"install {EXTRA}, or choose the model it was made from."
        )


def _refuse_counts(config: Mapping[str, Any], model_id: str) -> None:
    for name, value in config.items():
        if COUNTS.search(name) and isinstance(value, int | float) and value > MOST:
            raise unusable_config(model_id, ValueError(f"{name} is {value:,}"))


def stored_plainly(about: Mapping[str, Any]) -> bool:
    """Whether a `quantization_config` says that the weights are stored as they are, which the
    format "dense" of compressed-tensors does: of a pruned model, say."""
    return about.get("format") == PLAIN and not _format_of_sparsity(about)


def _format_of_sparsity(about: Mapping[str, Any]) -> str:
    """The format of compressed-tensors that leaves zeros out, sparse-24-bitmask say; else empty."""
    named = (about.get("sparsity_config") or {}).get("format", PLAIN)
    return "" if named == PLAIN else str(named)[:40]


def unusable_config(model_id: str, error: Exception) -> UserError:
    """What is said of a config with a value that no model can be built with."""
    last = re.sub(r"^\w+Error: ", "", _short(error, -1))
    why = f"it has {error}" if isinstance(error, KeyError) else last
    return UserError(
        f"The config of {model_id} cannot be used ({why}): mend its config.json, or choose "
        "another model."
    )


def lacking(name: str, folder: Path, model_id: str) -> UserError:
    """What is said of a weight that is missing, which transformers fills with random numbers."""
    return UserError(f"{model_id} lacks weights ({name} ...): {remedy_of(folder, model_id)}.")


@contextmanager
def broken_files(folder: Path, model_id: str) -> Iterator[None]:
    """A file of weights that cannot be read becomes one sentence (UserError) that names it."""
    try:
        yield
    except SafetensorError:
        files = [file for file in sorted(folder.glob("*.safetensors")) if _is_broken(file)]
        which = listed(file.name for file in files[:3]) or "their files"
        raise UserError(
            f"The weights of {model_id} are broken ({which}): {remedy_of(folder, model_id)}."
        ) from None


def _is_broken(file: Path) -> bool:
    try:
        with safe_open(file, "pt"):
            return False
    except (SafetensorError, OSError):
        return True


def remedy_of(folder: Path, model_id: str) -> str:
    """What to do about broken weights, in words for the end of a sentence."""
    said = models.remedy(model_id)
    return f"put the whole files into {folder} again" if said == models.PUT_BACK else said


def quantised(model_id: str, how: str) -> UserError:
    """What is said of weights that are not stored as they are."""
    return UserError(f"{model_id} is stored quantised {how}: choose the model it was made from.")


def not_finite(undone: str = "ranked", whose: str = "The model's") -> UserError:
    """What is said of weights, scores and outputs that are not numbers: what cannot be done."""
    return UserError(
        f"{whose} numbers are not finite here, so nothing can be {undone}: "
        "choose another model, text or layer."
    )


def check_scores(logits: torch.Tensor, undone: str) -> None:
    """UserError where scores of words, [..., vocabulary], are not finite: their largest one tells,
    in one pass over them."""
    if not bool(logits.amax(-1).isfinite().all()):
        raise not_finite(undone)


@contextmanager
def plain_words(model_id: str) -> Iterator[None]:
    """Failures of loading, each as one sentence (UserError)."""
    try:
        yield
    except ImportError as error:
        raise UserError(f"{model_id} needs a package that is not here: {_short(error)}.") from None
    except (MemoryError, RuntimeError) as error:
        raise (_too_large(model_id) if is_memory(error) else _unusable(model_id, error)) from None
    except (ValueError, OSError, KeyError, AttributeError, TypeError) as error:
        if "not supported" in str(error) or "Unrecognized" in str(error):
            raise unknown(model_id, None) from None
        raise _unusable(model_id, error) from None


def is_memory(error: Exception) -> bool:
    """Whether it says that there was no memory left, as Python, torch and its libraries do."""
    said = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        sign in said for sign in OUT_OF_MEMORY
    )


@contextmanager
def enough_memory(model_id: str) -> Iterator[None]:
    """Memory that runs out while a model is used, as one sentence (UserError)."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_memory(error):
            raise
        raise UserError(
            f"The memory of this machine does not do for this with {model_id}: shorten the window "
            "or the text, or choose a smaller model."
        ) from None


@contextmanager
def usable_template(model_id: str) -> Iterator[None]:
    """A chat template that cannot be used becomes one sentence (UserError): it is a program that
    came with the model, so it may raise anything."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise UserError(
            f"The chat template of {model_id} cannot be used ({_short(error)}): mend it in its "
            "tokenizer files, or ask without it."
        ) from None


def _too_large(model_id: str) -> UserError:
    return UserError(
        f"{model_id} does not fit into memory (4 bytes a weight): choose a smaller model or a "
        "larger machine."
    )


def unknown(model_id: str, kind: object, text: str | None = None) -> UserError:
    """What is said of an architecture, and of its text part, that is no causal language model."""
    named = f" {str(kind)[:40]!r}" if kind else ""
    part = f", nor is its text part {text!r}" if text else ""
    return UserError(
        f"The architecture{named} of {model_id} is not a language model that transformers can "
        f"load{part}: choose another model."
    )


def _unusable(model_id: str, error: Exception) -> UserError:
    return UserError(f"{model_id} cannot be loaded ({_short(error)}): choose another model.")


def _short(error: Exception, line: int = 0) -> str:
    lines = str(error).strip().splitlines()
    return (lines[line].strip() if lines else type(error).__name__)[:160].rstrip(". ")


@contextmanager
def no_code_of(what: str) -> Iterator[None]:
    """transformers' refusal to run what lies beside the weights, as one sentence (UserError).

    It refuses only where it is told so: told nothing, it asks on stdin and runs the code at a y.
    """
    try:
        yield
    except ValueError as error:
        if "trust_remote_code" not in str(error):
            raise
        raise brings_code(what) from None


def brings_code(what: str) -> UserError:
    """What is said of a model or a tokenizer that is a program."""
    return UserError(
        f"{what} runs code of its own, which is never done here: choose a model of an "
        "architecture that transformers itself knows."
    )
