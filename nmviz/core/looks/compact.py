"""Kept looks as one small file, and back: a head of JSON, and a compressed piece for each layer.

The mask of a layer is cut to its first rows and columns, at most 128 by 256, which is what the
page can show at once. Where all layers with that cut take more than is allowed, the cut is the
first of CUTS, the largest first, with which they do not: tokens of a prompt are few, so of
activations it is mostly columns that go. Kept entries are bits; values and scores are 16-bit
floats, scaled by a power of two so that none is too large, and scores that are the sizes of the
values are not kept twice. Counts are exact. A piece is read alone, since a visitor looks at one
layer at a time.
"""

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from pydantic import Field, ValidationError

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.looks.kept import (
    Count,
    KeptLooks,
    KeptModel,
    KeptText,
    Name,
    Names,
    Said,
    Share,
    name_of,
    row_labels,
)
from nmviz.core.looks.pieces import Layout, piece_of, read_piece
from nmviz.core.record import Record
from nmviz.core.results import MaskWindow, SiteLook
from nmviz.core.settings import Target

LARGEST = 5_000_000
"""Bytes that the looks of one result take at most."""
MAGIC = b"nmviz looks 1\n"
LONGEST_HEAD = 32 * 2**20
"""Bytes of a head that is read, once it is no longer compressed."""
LARGEST_PIECE = 16 * 2**20
CUTS = (
    *((128, 256), (96, 256), (64, 256), (48, 256), (32, 256), (32, 192), (32, 128)),
    *((32, 96), (24, 96), (24, 64), (16, 64), (16, 32), (8, 32), (8, 16)),
)
"""Rows and columns, the largest first."""


class Layer(Record):
    """A look without its arrays, and how these lie in its piece."""

    target: Target
    site: Name
    block: Count
    projection: Name
    d_in: Count
    d_out: Count
    tokens: Count
    rel_error: float = Field(ge=0, allow_inf_nan=False)
    kept: Share
    shift: float | None = Field(None, allow_inf_nan=False)
    cut: float | None = None
    turned: bool = False
    drawn: bool = False
    group: int | None = Field(None, ge=1, le=2**24)
    rows_in_all: Count
    columns_in_all: Count
    layout: Layout
    bytes: int = Field(ge=1, le=LARGEST_PIECE)


class Head(Record):
    """All that is no array."""

    experiment: dict[str, Any]
    model: KeptModel
    prompt: Said
    tokens: Names
    made: Name
    version: Name
    layers: tuple[Layer, ...] = Field(max_length=100_000)
    texts: tuple[KeptText, ...] = Field((), max_length=16)
    no_texts: Said = ""
    without: Mapping[Name, Said] = Field(default_factory=dict)


@dataclass(frozen=True)
class Packed:
    """Kept looks that are read a layer at a time."""

    head: Head
    experiment: Experiment
    body: bytes

    @cached_property
    def _places(self) -> dict[tuple[int, str], tuple[int, Layer]]:
        places, begin = {}, 0
        for layer in self.head.layers:
            places[layer.block, layer.projection] = begin, layer
            begin += layer.bytes
        return places

    def look(self, block: int, projection: str) -> SiteLook | None:
        """The look at one layer, with all of its mask that is kept; None where there is none.
        UserError for a piece that is not what the head says of it."""
        place = self._places.get((block, projection))
        if place is None:
            return None
        begin, layer = place
        return _look_of(layer, self.body[begin : begin + layer.bytes], self.head.tokens)

    def reason(self, block: int, projection: str) -> str:
        """Why there is no look at a layer; empty where that is not known."""
        return self.head.without.get(name_of(block, projection), "")

    def looks(self) -> Iterator[SiteLook]:
        """All of them."""
        for block, projection in self._places:
            look = self.look(block, projection)
            assert look is not None
            yield look


def packed(kept: KeptLooks, largest: int = LARGEST) -> bytes:
    """As one file of at most so many bytes. UserError where not even the smallest cut fits."""
    for rows, columns in CUTS:
        pieces = [_cut(look, rows, columns) for look in kept.looks]
        made = [(_layer(look), piece_of(look)) for look in pieces]
        layers = [
            {**layer, "layout": layout.model_dump(), "bytes": len(piece)}
            for layer, (layout, piece) in made
        ]
        data = _head(kept, layers) + b"".join(piece for _, (_, piece) in made)
        if len(data) <= largest:
            return data
    raise UserError(
        f"{kept.model.title} has {len(kept.looks):,} layers: their looks do not fit into "
        f"{largest / 1e6:g} MB."
    )


def opened(data: bytes, whole: bool = False) -> Packed:
    """Kept looks read back; with `whole` every piece is read and held against its head.

    UserError, with the reason, for anything else, a file that says of itself what is not so
    included.
    """
    head, body = _read_head(data)
    try:
        experiment = Experiment.model_validate(head.experiment)
    except ValidationError:
        raise UserError("its experiment is not one that is known here") from None
    found = Packed(head, experiment, body)
    if len(found._places) != len(head.layers):
        raise UserError("it has two looks at one layer")
    if sum(layer.bytes for layer in head.layers) != len(body):
        raise UserError("it is not as long as it says")
    if whole:
        _check(found)
    return found


def _read_head(data: bytes) -> tuple[Head, bytes]:
    if not data.startswith(MAGIC):
        raise UserError("they are no kept looks, or of a newer nmviz")
    if len(data) > LARGEST:
        raise UserError(f"they are larger than {LARGEST / 1e6:g} MB")
    told = zlib.decompressobj()
    try:
        text = told.decompress(data[len(MAGIC) :], LONGEST_HEAD)
        if not told.eof:
            raise UserError("the head of it is not whole")
        return Head.model_validate_json(text), told.unused_data
    except zlib.error:
        raise UserError("the head of it is damaged") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part)[:40] for part in first["loc"][:6])
        raise UserError(f"{place}: {first['msg'].rstrip('.')}"[:200]) from None


def _check(found: Packed) -> None:
    """UserError for what cannot be of the model and the experiment that it names."""
    head, model = found.head, found.head.model
    for layer in head.layers:
        if layer.target != found.experiment.target or layer.block >= model.blocks:
            raise UserError(f"{layer.site[:60]} is no layer of what it is of")
        shape = (layer.d_out if layer.target == "weight" else layer.tokens, layer.d_in)
        if (layer.rows_in_all, layer.columns_in_all) != shape:
            raise UserError(f"{layer.site[:60]} has a mask of another shape than the layer")
    for _ in found.looks():
        pass


def _head(kept: KeptLooks, layers: list[dict[str, Any]]) -> bytes:
    told = {
        "experiment": kept.experiment.to_json(),
        "model": kept.model.model_dump(mode="json"),
        "prompt": kept.prompt,
        "tokens": kept.tokens,
        "made": kept.made,
        "version": kept.version,
        "layers": layers,
        "texts": [text.model_dump(mode="json") for text in kept.texts],
        "no_texts": kept.no_texts,
        "without": dict(kept.without),
    }
    return MAGIC + zlib.compress(json.dumps(told, ensure_ascii=False).encode(), 9)


def _cut(look: SiteLook, rows: int, columns: int) -> SiteLook:
    window, part = look.mask, (slice(rows), slice(columns))
    arrays = {name: getattr(window, name)[part] for name in ("kept", "values", "scores")}
    return replace(look, mask=replace(window, **arrays))


PLAIN = (
    *("target", "site", "block", "projection", "d_in", "d_out", "tokens", "rel_error", "kept"),
    *("turned", "drawn"),
)
"""What a look and its `Layer` both have."""


def _layer(look: SiteLook) -> dict[str, Any]:
    return {
        **{name: getattr(look, name) for name in PLAIN},
        "shift": look.inputs.shift,
        "cut": look.inputs.cut if np.isfinite(look.inputs.cut or 0.0) else None,
        "group": look.mask.group,
        "rows_in_all": look.mask.rows_in_all,
        "columns_in_all": look.mask.columns_in_all,
    }


def _look_of(layer: Layer, piece: bytes, tokens: tuple[str, ...]) -> SiteLook:
    try:
        arrays = read_piece(layer.layout, piece, layer.rows_in_all, layer.columns_in_all)
    except UserError as error:
        raise UserError(f"{layer.site[:60]}: {error}") from None
    histogram = replace(arrays.histogram, shift=layer.shift, cut=layer.cut)
    total = layer.rows_in_all * layer.columns_in_all
    kept = int(histogram.kept.sum())
    if kept + int(histogram.dropped.sum()) != total or abs(kept - layer.kept * total) > 0.5:
        raise UserError(f"{layer.site[:60]}: its entries are not as many as its layer has")
    if int(arrays.kept_of_column.sum()) != kept:
        raise UserError(f"{layer.site[:60]}: its columns do not keep what its mask does")
    labels = row_labels(layer.target, layer.rows_in_all, tokens)
    window = MaskWindow(
        kept=arrays.kept,
        values=arrays.values,
        scores=arrays.scores,
        row_labels=labels[: len(arrays.kept)],
        first_row=0,
        first_column=0,
        rows_in_all=layer.rows_in_all,
        columns_in_all=layer.columns_in_all,
        group=layer.group,
        kept_of_column=arrays.kept_of_column,
    )
    told = {name: getattr(layer, name) for name in PLAIN}
    return SiteLook(**told, inputs=histogram, mask=window)
