"""Accelerators: tables of accelerators.toml beside this file, or of a file of the user's."""

import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from nmviz.base.errors import UserError
from nmviz.base.validation import WrongValue, built
from nmviz.hardware.work import BITS
from nmviz.methods.patterns import Pattern, parse_pattern

FILE = Path(__file__).with_name("accelerators.toml")
LARGEST = 2**20
LONGEST_PASTED = 4_000


class Accelerator(BaseModel):
    """One machine by its data sheet; what the sheet does not say is None or left out.

    `peak` is in tera-operations a second, a multiply-add being two; `bandwidth` in GB a second.
    `checked` says what was read that quotes the source.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=60)
    title: str = Field(min_length=1, max_length=120)
    source: str = Field(min_length=1, max_length=400)
    checked: str = Field("", max_length=400)
    bandwidth: float | None = Field(None, allow_inf_nan=False)
    sparse: str | None = None
    peak: Mapping[str, float] = Field(default_factory=dict)

    @field_validator("bandwidth")
    @classmethod
    def _above_0(cls, value: float | None) -> float | None:
        if value is not None and value <= 0:
            raise WrongValue("bandwidth", f"Bandwidth is above 0 GB a second; given: {value:g}.")
        return value

    @field_validator("sparse")
    @classmethod
    def _pattern(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            pattern = parse_pattern(value)
        except UserError as error:
            raise WrongValue("sparse", str(error)) from None
        if not pattern.is_grouped:
            raise WrongValue("sparse", f"Sparse units take N:M such as 2:4; given: {value[:40]}.")
        return str(pattern)

    @field_validator("peak")
    @classmethod
    def _peaks(cls, value: Mapping[str, float]) -> Mapping[str, float]:
        for dtype, peak in value.items():
            if dtype not in BITS:
                known = ", ".join(BITS)
                raise WrongValue("peak", f"{dtype[:40]!r} is no data type: peak is of {known}.")
            if not 0 < peak < float("inf"):
                raise WrongValue("peak", f"The peak of {dtype} is above 0; given: {peak:g}.")
        return value

    @property
    def origin(self) -> str:
        """The source, and what it was read in."""
        return f"{self.source}, as read in: {self.checked}" if self.checked else self.source

    @property
    def units(self) -> Pattern | None:
        """The pattern whose products its units skip, None where it has no such units."""
        return None if self.sparse is None else parse_pattern(self.sparse)


@cache
def shipped() -> Mapping[str, Accelerator]:
    """Those of the table that ships, by id."""
    return _read(FILE.read_text(encoding="utf-8"), FILE.name)


def read_machines(path: Path) -> Mapping[str, Accelerator]:
    """Those of a file of the user's. UserError, one sentence, for the first that is wrong."""
    try:
        if path.stat().st_size > LARGEST:
            raise UserError(f"{path} is larger than {LARGEST:,} bytes: it is no table of machines.")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError):
        raise UserError(f"{path} cannot be read: give a file of machines in TOML.") from None
    return _read(text, str(path))


@lru_cache(maxsize=64)
def pasted(text: str) -> Accelerator:
    """The one machine of a pasted table, whose id is no other's. UserError where it is not one."""
    found = list(
        _read(text[:LONGEST_PASTED], "Your machine", "a row of the visitor's own").values()
    )
    if len(found) != 1:
        raise UserError(
            "Paste one machine: [mine], and below it bandwidth = 100 and peak = { fp16 = 10 }."
        )
    return found[0].model_copy(update={"id": f"{found[0].id} (yours)"})


def accelerator(name: str, own: Mapping[str, Accelerator] | None = None) -> Accelerator:
    """The one of that name, the user's first. UserError, with the names there are, for none."""
    every = {**shipped(), **(own or {})}
    if name not in every:
        raise UserError(f"There is no machine {name[:40]!r}: choose one of {', '.join(every)}.")
    return every[name]


def _read(text: str, file: str, source: str = "") -> Mapping[str, Accelerator]:
    try:
        told: dict[str, Any] = tomllib.loads(text)
    except ValueError as error:
        raise UserError(f"{file} is not TOML ({error}): see the table of machines.") from None
    machines = {}
    for name, fields in told.items():
        if not isinstance(fields, dict):
            raise UserError(f"{file}: {name[:40]!r} is no table: write [{name[:40]}] above it.")
        try:
            own = {"title": name, "source": source, **fields, "id": name}
            machines[name] = built(Accelerator, own)
        except UserError as error:
            raise UserError(f"{file}, {name[:40]}: {error}") from None
    return machines
