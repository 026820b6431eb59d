"""What cannot be loaded, said in one sentence before or instead of a traceback."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from safetensors import SafetensorError
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

from nmviz.base.errors import UserError


def refuse_config(config: Mapping[str, Any], model_id: str) -> None:
    """UserError for a model that brings its own code, is unknown, or is stored quantised."""
    if not config:
        return
    kind = config.get("model_type")
    if kind not in CONFIG_MAPPING_NAMES:
        if config.get("auto_map"):
            raise _brings_code(model_id)
        raise _unknown(model_id, kind)
    method = (config.get("quantization_config") or {}).get("quant_method")
    if method:
        raise UserError(
            f"{model_id} is stored quantised by {method}: choose the model it was made from."
        )


def not_finite() -> UserError:
    """What is said of scores that are not numbers."""
    return UserError(
        "The model's numbers are not finite here, so nothing can be ranked: "
        "choose another model, text or layer."
    )


@contextmanager
def plain_words(model_id: str) -> Iterator[None]:
    """Failures of loading, each as one sentence (UserError)."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError):
        raise _too_large(model_id) from None
    except SafetensorError:
        raise UserError(f"The weights of {model_id} are broken: fetch the model again.") from None
    except ImportError as error:
        raise UserError(f"{model_id} needs a package that is not here: {_short(error)}.") from None
    except RuntimeError as error:
        if "allocate memory" in str(error) or "out of memory" in str(error).lower():
            raise _too_large(model_id) from None
        raise _unusable(model_id, error) from None
    except (ValueError, OSError, KeyError, AttributeError, TypeError) as error:
        if "not supported" in str(error) or "Unrecognized" in str(error):
            raise _unknown(model_id, None) from None
        raise _unusable(model_id, error) from None


def _too_large(model_id: str) -> UserError:
    return UserError(
        f"{model_id} does not fit into memory (4 bytes a weight): choose a smaller model or a "
        "larger machine."
    )


def _unknown(model_id: str, kind: object) -> UserError:
    named = f" {str(kind)[:40]!r}" if kind else ""
    return UserError(
        f"The architecture{named} of {model_id} is not a language model that transformers can "
        "load: choose another model."
    )


def _unusable(model_id: str, error: Exception) -> UserError:
    return UserError(f"{model_id} cannot be loaded ({_short(error)}): choose another model.")


def _short(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:160].rstrip(". ")


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
        raise _brings_code(what) from None


def _brings_code(what: str) -> UserError:
    return UserError(
        f"{what} runs code of its own, which is never done here: choose a model of an "
        "architecture that transformers itself knows."
    )
