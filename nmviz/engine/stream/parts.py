"""A model without its weights, and the weights on disk that it is given a part at a time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from torch import Tensor, nn
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key

from nmviz.base.errors import UserError
from nmviz.base.memory import give_back
from nmviz.engine.load.blocks import find_blocks
from nmviz.engine.load.configs import BUILDING, empty, language_model, read_config
from nmviz.engine.load.loading import quiet
from nmviz.engine.load.refusals import broken_files, no_code_of, quantised, stored_plainly
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.load.tensors import Head, compare, files_of, heads
from nmviz.engine.stream.following import check_follows, without_padding
from nmviz.engine.stream.places import Before, Stored, places_of, put, stored

BYTES = 4  # of a weight in fp32
Wanted = Callable[[str], bool]  # by the name that a tensor has in the model


class InParts(Protocol):
    """What a model is to be that is run a part at a time: each is there inside its `with`."""

    @property
    def paths(self) -> Sequence[str]:
        """Of the blocks."""

    def block(self, number: int) -> AbstractContextManager[None]: ...

    def entering(self) -> AbstractContextManager[None]: ...

    def leaving(self) -> AbstractContextManager[None]: ...


class Parts:
    """`model` is on the device meta but for what lies outside of its blocks and is small: norms,
    places, what is worked out. Embedding, head and each block are there inside a `with` alone, in
    fp32; on disk they stay what they are.

    UserError where files or tensors are missing or have another shape than the config says, where
    they are stored quantised, and where the blocks cannot be run one at a time.
    """

    def __init__(self, folder: Path, model_id: str) -> None:
        self._folder, self._id = folder, model_id
        with no_code_of(model_id), broken_files(folder, model_id), quiet():
            self._config, part = language_model(read_config(folder, model_id), model_id)
            about = vars(self._config).get("quantization_config") or {}
            if about and not stored_plainly(about):
                raise quantised(model_id, "and is not streamed")
            vars(self._config).pop("quantization_config", None)
            self._heads = heads(folder, model_id)
            self._options, self.said = compare(self._config, self._heads, folder, model_id, part)
            self._kind = type(empty(self._config, model_id))
            self.model = self._read(_nothing, "meta")
        with without_padding(self.model):
            check_follows(self.model, model_id)
            find_sites(self.model)  # told by the model without weights, as all of it is now
        self.paths: Sequence[str] = find_blocks(self.model)[0]
        self._names, self._merges = self._named()
        self._places = places_of(self.model)
        self._embedding = self._path_of(self.model.get_input_embeddings())
        self._head = self._path_of(self.model.get_output_embeddings())

    def open(self) -> None:
        """Read what stays: all that is no block, embedding or head."""
        apart = (self._embedding, self._head, *self.paths)
        self._put(self._weights(lambda name: not _inside(name, apart)))

    @contextmanager
    def block(self, number: int) -> Iterator[None]:
        """Inside, the block of that number has its weights."""
        with self._held((self.paths[number],)):
            yield

    @contextmanager
    def layer(self, site: Site) -> Iterator[None]:
        """Inside, the module that a site's matrix lies in has its weights."""
        with self._held((self._path_of(site.module),)):
            yield

    @contextmanager
    def entering(self) -> Iterator[None]:
        """Inside, the embedding has its weights."""
        with self._held((self._embedding,)):
            yield

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """Inside, the head has its weights."""
        with self._held(self._of_head):
            yield

    @property
    def _of_head(self) -> tuple[str, ...]:
        embedding, head = self.model.get_input_embeddings(), self.model.get_output_embeddings()
        return (self._head, *([self._embedding] if head.weight is embedding.weight else []))

    @property
    def count(self) -> int:
        """How many parameters the model has; shared ones count once."""
        return sum(one.numel() for one in self.model.parameters())

    @property
    def is_coarse(self) -> bool:
        """Whether its weights are stored in 16 bits, of which many are as large as another."""
        return self.sizes().on_disk * 2 <= self.count * BYTES

    @property
    def widest(self) -> int:
        """The largest d_in or d_out of a layer."""
        return max(max(site.d_in, site.d_out) for site in find_sites(self.model))

    def sizes(self) -> "Sizes":
        """Bytes of its parts."""
        blocks = [self._size((path,)) for path in self.paths]
        on_disk = [self._on_disk((path,)) for path in self.paths]
        ends = [self._size((self._embedding,)), self._size(self._of_head)]
        tied = len(self._of_head) > 1
        outside = self.count * BYTES - sum(blocks) - (ends[0] if tied else sum(ends))
        matrices = [site.d_in * site.d_out for site in find_sites(self.model)]
        return Sizes(
            block=max(map(sum, zip(blocks, on_disk, strict=True))),
            ends=max(
                ends[0] + self._on_disk((self._embedding,)),
                ends[1] + self._on_disk(self._of_head),
            ),
            head=ends[1],
            outside=outside,
            matrix=max(matrices) * BYTES,
            on_disk=sum(on_disk),
        )

    def _size(self, paths: tuple[str, ...]) -> int:
        inside = (one for name, one in self.model.named_parameters() if _inside(name, paths))
        return sum(one.numel() for one in inside) * BYTES

    def _on_disk(self, paths: tuple[str, ...]) -> int:
        return sum(
            head.bits // 8
            for name, head in self._heads.items()
            if _inside(self._names[name], paths)
        )

    def _path_of(self, module: nn.Module | None) -> str:
        for path, one in self.model.named_modules():
            if one is module:
                return path
        raise UserError(
            f"{self._id} does not say what its embedding and head are, so it cannot be streamed: "
            "choose a smaller model or a larger machine."
        )

    def _named(self) -> tuple[dict[str, str], bool]:
        """What tensors on disk are called in the model, of those that are merged the first that
        they become; and whether some are merged."""
        mapping = get_model_conversion_mapping(self.model, self._options.get("key_mapping"))
        renamed = [one for one in mapping if isinstance(one, WeightRenaming)]
        merged = [one for one in mapping if isinstance(one, WeightConverter)]
        own, prefix = self.model.state_dict(), self.model.base_model_prefix
        names = {
            name: rename_source_key(name, renamed, merged, prefix, own)[0] for name in self._heads
        }
        return names, bool(merged)

    @contextmanager
    def _held(self, paths: tuple[str, ...]) -> Iterator[None]:
        before = self._straight(paths) or self._put(
            self._weights(lambda name: _inside(name, paths))
        )
        try:
            yield
        finally:
            for tensors, name, one in before:
                tensors[name] = one
            before.clear()
            self._forget()
            give_back()

    def _straight(self, paths: tuple[str, ...]) -> list[Before]:
        """The same by reading tensors into their places; nothing where some are merged, worked out
        or not there by name: transformers knows how, and builds a model for each part."""
        names = [name for name in self._places if _inside(name, paths)]
        worked_out = (name for name, one in self.model.named_buffers() if one.is_meta)
        known = set(self._names.values()).issuperset(names)
        if self._merges or not known or any(_inside(name, paths) for name in worked_out):
            return []
        with broken_files(self._folder, self._id):
            before = [
                one
                for file in files_of(self._folder, self._id)
                for name, tensor in stored(self._folder / file, self._names, names)
                for one in put(self._places[name], tensor)
            ]
        self._forget()
        return before

    def _weights(self, wanted: Wanted) -> Any:
        with broken_files(self._folder, self._id), quiet():
            return self._read(wanted, "cpu")

    def _read(self, wanted: Wanted, device: str) -> Any:
        """A model with the wanted tensors, and the others without memory. transformers reads it, so
        that its renamings and its merging of experts are done."""
        with BUILDING, ExitStack() as files:
            state: dict[str, Any] = {
                name: _Unread(head)
                for name, head in self._heads.items()
                if wanted is _nothing or not wanted(self._names[name])
            }
            for file in files_of(self._folder, self._id) if wanted is not _nothing else ():
                held = files.enter_context(safe_open(self._folder / file, "pt"))
                own = [name for name in held.keys() if name not in state]  # noqa: SIM118
                state |= {name: Stored(held.get_slice(name)) for name in own}
            model = self._kind.from_pretrained(
                None,
                config=self._config,
                state_dict=state,
                dtype=torch.float32,
                device_map={"": device},
                experts_implementation="eager",
                **self._options,
            )
        return model.eval().requires_grad_(False)

    def _put(self, read: nn.Module) -> list[Before]:
        """Give the model what was read, where it has nothing yet; what was in its places."""
        before = []
        for path, module in read.named_modules(remove_duplicate=False):
            own = self.model.get_submodule(path)
            for theirs, tensors in (
                (module._parameters, own._parameters),
                (module._buffers, own._buffers),
            ):
                for name, one in theirs.items():
                    if one is None or one.is_meta or not _is_meta(tensors[name]):
                        continue
                    before.append((tensors, name, tensors[name]))
                    tensors[name] = one
        self._forget()
        return before

    def _forget(self) -> None:
        for site in find_sites(self.model):
            site.forget()


class Sizes:
    """Bytes: of the largest block and of the larger of embedding and head, in fp32 and as they are
    on disk, which they are read from; in fp32 of the head, of what stays, and of the largest
    matrix; and of all blocks on disk."""

    def __init__(
        self, *, block: int, ends: int, head: int, outside: int, matrix: int, on_disk: int
    ) -> None:
        self.block, self.ends, self.head = block, ends, head
        self.outside, self.matrix, self.on_disk = outside, matrix, on_disk


class _Unread:
    """In place of a tensor that is not read; transformers indexes it and moves what it gets."""

    def __init__(self, head: Head) -> None:
        self._head = head

    def __getitem__(self, _whole: object) -> "_Unread":
        return self

    def to(self, device: object = None, dtype: torch.dtype | None = None) -> Tensor:
        return torch.empty(self._head.shape, dtype=dtype, device="meta")


def _nothing(_name: str) -> bool:
    return False


def _inside(name: str, paths: tuple[str, ...]) -> bool:
    return any(name.startswith(f"{path}.") for path in paths)


def _is_meta(tensor: Tensor | None) -> bool:
    return tensor is not None and tensor.is_meta
