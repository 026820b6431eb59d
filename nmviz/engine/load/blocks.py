"""The decoder's blocks: of the text model, by its own configuration, all lists of them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from nmviz.base.errors import UserError

_FOUND: WeakKeyDictionary[nn.Module, tuple[tuple[str, ...], tuple[nn.Module, ...]]] = (
    WeakKeyDictionary()
)
TOWERS = ("vision", "audio", "image", "video", "speech", "projector")
"""Words in the path of what reads pictures and sound, never text."""


def find_blocks(model: nn.Module) -> tuple[tuple[str, ...], tuple[nn.Module, ...]]:
    """Paths and modules of the decoder's blocks, one list after the other.

    UserError when there is no list of blocks.
    """
    if model not in _FOUND:
        _FOUND[model] = _search(model)
    return _FOUND[model]


def _search(model: nn.Module) -> tuple[tuple[str, ...], tuple[nn.Module, ...]]:
    lists = _outermost(model)
    wanted = _count(model)
    lists = [entry for entry in lists if len(entry[1]) == wanted] or lists
    found = [(f"{path}.{n}", block) for path, blocks in lists for n, block in enumerate(blocks)]
    if not found:
        raise UserError(
            "This model has no list of decoder blocks, so nmviz cannot prune it: choose another."
        )
    return tuple(path for path, _ in found), tuple(block for _, block in found)


def _count(model: nn.Module) -> int | None:
    """How many blocks the text model's configuration says there are."""
    config: Any = getattr(model, "config", None)
    if hasattr(config, "get_text_config"):
        config = config.get_text_config(decoder=True)
    return getattr(config, "num_hidden_layers", None)  # GPT-2 maps n_layer to it


def _outermost(model: nn.Module) -> list[tuple[str, nn.ModuleList]]:
    """Lists of modules that lie in no other list, hold matrices, and belong to no tower."""
    found: list[tuple[str, nn.ModuleList]] = []
    for path, module in _decoder_first(model):
        inside = any(path.startswith(f"{outer}.") for outer, _ in found)
        if not isinstance(module, nn.ModuleList) or inside or _is_tower(path):
            continue
        if any(parameter.dim() >= 2 for parameter in module.parameters()):
            found.append((path, module))
    return found


def _decoder_first(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Modules with their paths in the model: those of its decoder where it tells it has one."""
    every = list(model.named_modules())
    ask: Any = getattr(model, "get_decoder", None)
    decoder = ask() if ask is not None else None
    root = next((path for path, module in every if module is decoder), "")
    own = [(path, module) for path, module in every if path.startswith(f"{root}.")] if root else []
    lists = any(isinstance(module, nn.ModuleList) and len(module) for _, module in own)
    return own if lists else every


@lru_cache
def _is_tower(path: str) -> bool:
    return any(word in path.lower() for word in TOWERS)


@contextmanager
def standing_in(forwards: Mapping[nn.Module, Callable[..., Tensor]]) -> Iterator[None]:
    """Inside, these blocks compute something else; undone whatever happens inside."""
    try:
        for block, forward in forwards.items():
            block.__dict__["forward"] = forward
        yield
    finally:
        for block in forwards:
            block.__dict__.pop("forward", None)
