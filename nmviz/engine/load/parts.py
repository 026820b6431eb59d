"""The text part of a model that has others too: where its tensors lie among theirs."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nmviz.core.provenance import PART

FIRST = re.compile(r"\.0\.")
"""In the names of the first block's tensors, by which those of the text part are recognised."""


@dataclass(frozen=True)
class Part:
    """A text part: its type, what its tensors' names become, and how the model's own begin."""

    kind: str
    renamed: Mapping[str, str]  # a pattern, and what is put in its place
    beginnings: frozenset[str]

    @property
    def options(self) -> dict[str, Any]:
        """What transformers' loader is told of it."""
        return {"key_mapping": dict(self.renamed)} if self.renamed else {}

    def own(self, unread: Iterable[str]) -> list[str]:
        """Those of the unread tensors that lie among the text part's."""
        return [name for name in unread if _beginning(name) in self.beginnings]

    def said(self, unread: Iterable[str]) -> dict[str, str]:
        """What a result says of the part, and of the tensors that are another's."""
        names = list(unread)
        others = len(names) - len(self.own(names))
        return {PART: f"text ({self.kind}); {others:,} tensors of other parts are not read"}


def find_part(kind: str, model: Any, stored: Iterable[str]) -> Part:
    """The text part of that type, which is `model`, in the files that hold `stored`.

    Where most of its first block's names are found behind a beginning that is not the model's own,
    that beginning is exchanged: `language_model.model.` or `model.language_model.` for `model.`.
    """
    own = f"{model.base_model_prefix}."
    wanted = list(model.state_dict())
    tails = {name.removeprefix(own) for name in wanted if FIRST.search(name)}
    found = Counter(
        name[: dot.end()]
        for name in stored
        for dot in re.finditer(r"\.", name)
        if name[dot.end() :] in tails
    )
    theirs = found.most_common(1)[0][0] if found else own
    return Part(kind, _renamed(theirs, own), frozenset(map(_beginning, wanted)))


def _renamed(theirs: str, own: str) -> dict[str, str]:
    if theirs == own:
        return {}
    if theirs.endswith(f".{own}"):  # then the head lies behind the same beginning
        return {f"^{re.escape(theirs.removesuffix(own))}": ""}
    return {f"^{re.escape(theirs)}": own}


def _beginning(name: str) -> str:
    return ".".join(name.split(".")[:2])
