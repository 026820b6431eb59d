"""What a link says of the tray: what is pinned, which two are compared, what of them is shown."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qsl, urlencode

from nmviz.service.comparing.pinned import Pinned, pinned
from nmviz.ui.shell.pins import PARAMETERS
from nmviz.views.tray.titles import common_of, title_of, titles_of

BETWEEN = "."
BETWEEN_PLACES = "-"
PAIR = re.compile(r"[1-9]-[1-9]")
AT = re.compile(r"(\d{1,4})-([A-Za-z0-9_.]{1,40})(?:-(\d{1,8})-(\d{1,8}))?")
LONGEST = 2_000
MOST_NAMES = 12
PARTS = {
    "numbers": "Numbers",
    "layers": "Error by layer",
    "masks": "Masks",
    "inputs": "Distributions",
    "texts": "Texts",
    "words": "Words that changed",
    "answers": "Answers that changed",
}
"""What is shown of a pair, in the order of the buttons."""
LOOKED = ("masks", "inputs")
"""Those that look at a layer of the model itself."""


@dataclass(frozen=True)
class Place:
    """A tray, as far as a link of it could be read; `remarks` are sentences on the rest. `a` and
    `b` are places among the pinned, from 0; `part` is empty while it is closed; `corner` is the
    first row and column of the masks that are shown."""

    pinned: tuple[Pinned, ...] = ()
    a: int = 0
    b: int = 0
    part: str = ""
    at: tuple[int, str] | None = None
    corner: tuple[int, int] = (0, 0)
    remarks: tuple[str, ...] = ()

    @property
    def pair(self) -> tuple[Pinned, Pinned] | None:
        """The two that are compared; None while fewer are pinned."""
        return None if self.a == self.b else (self.pinned[self.a], self.pinned[self.b])

    @cached_property
    def titles(self) -> list[str]:
        """What each is called beside the others; one alone in full."""
        results = [one.result for one in self.pinned]
        return titles_of(results) if len(results) > 1 else list(map(title_of, results))

    @property
    def shared(self) -> str:
        """What the titles leave out, since all have it."""
        return common_of([one.result for one in self.pinned])

    @property
    def _moved(self) -> tuple[int, ...]:
        """The corner, where it is not the first entry."""
        return self.corner if any(self.corner) else ()

    def to_query(self) -> str:
        """The tray's part of the address: what is not as usual."""
        told = {"tray": BETWEEN.join(one.name for one in self.pinned)} if self.pinned else {}
        if self.pair and (self.a, self.b) != (0, 1):
            told["tray_pair"] = f"{self.a + 1}-{self.b + 1}"
        if self.pinned and self.part:
            told["tray_part"] = self.part
        if self.pinned and self.at:
            told["tray_at"] = BETWEEN_PLACES.join(map(str, (*self.at, *self._moved)))
        return urlencode(told)


def tray_of(query: str) -> str:
    """The tray's part of a whole address."""
    told = parse_qsl(query.lstrip("?"), keep_blank_values=True)
    return urlencode([(name, value) for name, value in told if name in PARAMETERS])


def place_of(query: str) -> Place:
    """The tray of a query; what is wrong in it is left out, and said."""
    if len(query) > LONGEST:
        return Place(remarks=("The link of the tray is too long to be one of ours: it is empty.",))
    told = dict(parse_qsl(query, keep_blank_values=True))
    names = [one for one in told.get("tray", "").split(BETWEEN) if one][:MOST_NAMES]
    found = pinned(names)
    remarks = list(found.dropped)
    a, b = _pair(told.get("tray_pair"), names, found.pinned, remarks)
    part = told.get("tray_part", "")
    if part and part not in PARTS:
        remarks.append(f"The tray shows no {part[:40]!r}: numbers are shown.")
        part = "numbers"
    at = AT.fullmatch(told.get("tray_at", ""))
    if at is None and told.get("tray_at"):
        remarks.append(
            "The layer of the tray is written such as 15-down, or 15-down-24-64 from row 24 and "
            "column 64 of its mask: the usual one is shown."
        )
    layer = at and (int(at[1]), at[2])
    corner = (int(at[3]), int(at[4])) if at and at[3] else (0, 0)
    return Place(found.pinned, a, b, part, layer, corner, tuple(remarks))


def _pair(
    told: str | None, names: Sequence[str], there: Sequence[Pinned], remarks: list[str]
) -> tuple[int, int]:
    """The two by their places among what is there; the first two where the link says nothing, or
    one of them is gone."""
    usual = (0, 1) if len(there) > 1 else (0, 0)
    if told is None:
        return usual
    if not PAIR.fullmatch(told):
        remarks.append(f"The tray's pair is written such as 1-2: {told[:40]!r} is not.")
        return usual
    places = [one.name for one in there]
    wanted = [names[int(number) - 1] for number in told.split("-") if int(number) <= len(names)]
    if len(set(wanted)) < 2 or not set(wanted) <= set(places):
        if len(wanted) < 2 or set(wanted) <= set(places):
            remarks.append("The tray's pair names two of what is pinned: the first two are shown.")
        return usual
    one, other = (places.index(name) for name in wanted)
    return one, other
