"""The arrays of one look as compressed bytes, and back."""

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field

from nmviz.base.errors import UserError
from nmviz.core.record import Record
from nmviz.core.results import Histogram, SiteLook

MOST_ROWS, MOST_COLUMNS, MOST_BINS = 128, 256, 1_000
CLOSE = 1e-5
"""Scores are the sizes of the values where none differs by more than this share of it."""
TOP = 15
"""Values are scaled so that the largest is just below two to the power of this: what is a
billionth of it still has all the digits that 16 bits keep."""


class Layout(Record):
    """What says how long each array of a piece is. `values` and `scores` are powers of two that
    they were divided by; without that of `scores` they are the sizes of the values."""

    rows: int = Field(ge=0, le=MOST_ROWS)
    columns: int = Field(ge=0, le=MOST_COLUMNS)
    bins: int = Field(ge=1, le=MOST_BINS)
    values: int = Field(ge=-200, le=200)
    scores: int | None = Field(None, ge=-200, le=200)


@dataclass(frozen=True)
class Arrays:
    """Those of a look, as `SiteLook` has them; the mask is its kept part."""

    histogram: Histogram
    kept_of_column: np.ndarray
    kept: np.ndarray
    values: np.ndarray
    scores: np.ndarray


def piece_of(look: SiteLook) -> tuple[Layout, bytes]:
    """The arrays of a look, and how they lie there."""
    counts, window = look.inputs, look.mask
    rows, columns = window.kept.shape
    values, by = _floats(window.values)
    parts = [
        _planes(counts.edges.astype("<f8")),
        _planes(counts.kept.astype("<u4")),
        _planes(counts.dropped.astype("<u4")),
        _planes(window.kept_of_column.astype(_count_type(window.rows_in_all))),
        np.packbits(window.kept).tobytes(),
        _planes(values),
    ]
    scores_by = None
    if not _are_sizes(window.values, window.scores):
        scores, scores_by = _floats(window.scores)
        parts.append(_planes(scores))
    layout = Layout(rows=rows, columns=columns, bins=len(counts.kept), values=by, scores=scores_by)
    return layout, zlib.compress(b"".join(parts), 9)


def read_piece(layout: Layout, piece: bytes, rows_in_all: int, columns_in_all: int) -> Arrays:
    """The arrays of a piece of a mask of that size. UserError, with the reason, for one that is not
    what its layout says."""
    shape = (layout.rows, layout.columns)
    if layout.rows > rows_in_all or layout.columns > columns_in_all:
        raise UserError("more of its mask is there than it has")
    wanted: list[tuple[str, Any, int]] = [
        ("edges", np.dtype("<f8"), layout.bins + 1),
        ("kept", np.dtype("<u4"), layout.bins),
        ("dropped", np.dtype("<u4"), layout.bins),
        ("columns", _count_type(rows_in_all), columns_in_all),
        ("bits", np.dtype("u1"), -(-layout.rows * layout.columns // 8)),
        ("values", np.dtype("<f2"), layout.rows * layout.columns),
    ]
    if layout.scores is not None:
        wanted.append(("scores", np.dtype("<f2"), layout.rows * layout.columns))
    found = _split(_decompressed(piece, sum(kind.itemsize * n for _, kind, n in wanted)), wanted)
    edges = found["edges"]
    if not np.isfinite(edges).all() or (np.diff(edges) < 0).any():
        raise UserError("its bins are not in order")
    if int(found["columns"].max(initial=0)) > rows_in_all:
        raise UserError("a column of its mask keeps more rows than there are")
    values = _unscaled(found["values"], layout.values).reshape(shape)
    scores = np.abs(values)
    if layout.scores is not None:
        scores = _unscaled(found["scores"], layout.scores).reshape(shape)
    if np.isnan(values).any() or np.isnan(scores).any():
        raise UserError("it holds what is no number")
    return Arrays(
        Histogram(edges, found["kept"].astype(np.int64), found["dropped"].astype(np.int64)),
        found["columns"].astype(np.int64),
        np.unpackbits(found["bits"], count=shape[0] * shape[1]).astype(bool).reshape(shape),
        values,
        scores,
    )


def _decompressed(piece: bytes, size: int) -> bytes:
    """Exactly so many bytes: no more of them is ever made."""
    reading = zlib.decompressobj()
    try:
        data = reading.decompress(piece, size + 1)
    except zlib.error:
        raise UserError("it is damaged") from None
    if len(data) != size or not reading.eof or reading.unused_data:
        raise UserError("it is not as long as it says")
    return data


def _split(data: bytes, wanted: list[tuple[str, Any, int]]) -> dict[str, np.ndarray]:
    found, begin = {}, 0
    for name, kind, count in wanted:
        end = begin + kind.itemsize * count
        planes = np.frombuffer(data[begin:end], "u1").reshape(kind.itemsize, count)
        found[name] = np.ascontiguousarray(planes.T).reshape(-1).view(kind)
        begin = end
    return found


def _planes(array: np.ndarray) -> bytes:
    """All first bytes, then all second ones: alike ones stand together, and compress better."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view("u1").reshape(-1, flat.itemsize).T.tobytes()


def _count_type(most: int) -> Any:
    """The smallest type that counts up to that."""
    return np.dtype("u1" if most < 2**8 else "<u2" if most < 2**16 else "<u4")


def _floats(array: np.ndarray) -> tuple[np.ndarray, int]:
    """As 16-bit floats, and the power of two that they were divided by."""
    finite = np.abs(array[np.isfinite(array)])
    largest = float(finite.max(initial=0.0))
    power = int(np.frexp(largest)[1]) - TOP if largest else 0
    power = min(max(power, -200), 200)
    return np.ldexp(array.astype(np.float64), -power).astype("<f2"), power


def _unscaled(array: np.ndarray, power: int) -> np.ndarray:
    return np.ldexp(array.astype(np.float64), power).astype(np.float32)


def _are_sizes(values: np.ndarray, scores: np.ndarray) -> bool:
    return bool(np.isclose(np.abs(values), scores, rtol=CLOSE, atol=0).all())
