"""Lists of sites: which projections are pruned, and in which blocks, written `down; q,gate:0-18`.

A group is projections, or the name of a scope, and behind a colon the blocks they hold for; `;`
stands between groups. One projection with its blocks, such as `q:0-18`, is an entry.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nmviz.base.errors import UserError
from nmviz.base.validation import WrongValue
from nmviz.methods.scopes import ALL, projections, read_blocks, write_blocks

Blocks = frozenset[int] | None  # None is all of them


@dataclass(frozen=True)
class Sites:
    """Which sites are pruned: of each projection that is named, the blocks.

    The projection `all` stands for every one the model has.
    """

    blocks: Mapping[str, Blocks]

    @classmethod
    def read(cls, written: str | Sequence[str]) -> "Sites":
        """Those of a text, or of its groups. A projection in several has the blocks of all of them.

        UserError where a group is none.
        """
        groups = written.split(";") if isinstance(written, str) else written
        read: dict[str, Blocks] = {}
        for names, blocks in map(_group, groups):
            for name in names:
                read[name] = _union(read[name], blocks) if name in read else blocks
        return cls(read)

    @classmethod
    def of(cls, entries: Sequence[str] | None, blocks: str | None) -> "Sites":
        """Those of an experiment: its entries, None for all, those without blocks in `blocks`."""
        rest = None if blocks is None else frozenset(read_blocks(blocks))
        named = cls.read(entries or (ALL,)).blocks
        return cls({name: rest if own is None else own for name, own in named.items()})

    @classmethod
    def of_blocks(cls, blocks: Mapping[str, Iterable[int]]) -> "Sites":
        """Those of the blocks of each projection."""
        return cls({name: frozenset(own) for name, own in blocks.items()})

    def hold(self, projection: str, block: int) -> bool:
        """Whether that site is among them."""
        for name in (projection, ALL):
            if name in self.blocks:
                blocks = self.blocks[name]
                if blocks is None or block in blocks:
                    return True
        return False

    def spelled_out(self, name: str, names: Sequence[str]) -> "Sites":
        """The same with the projections that a name stands for in its place."""
        if name not in self.blocks or not names:
            return self
        found = {one: blocks for one, blocks in self.blocks.items() if one != name}
        for one in names:
            own = self.blocks[name]
            found[one] = _union(found[one], own) if one in found else own
        return Sites(found)

    @property
    def last(self) -> int:
        """The last block that is named, -1 where none is."""
        return max((max(blocks) for blocks in self.blocks.values() if blocks), default=-1)

    @property
    def entries(self) -> tuple[str, ...]:
        """`q:0-18`, or `down` where it holds for all blocks."""
        return tuple(_written([name], _text(blocks)) for name, blocks in self.blocks.items())

    @property
    def product(self) -> tuple[tuple[str, ...] | None, str | None] | None:
        """Projections and blocks, None for all, where every projection has the same blocks."""
        groups = self.groups
        if len(groups) != 1:
            return None
        (names, blocks) = groups[0]
        return None if names == (ALL,) else names, blocks

    @property
    def groups(self) -> tuple[tuple[tuple[str, ...], str | None], ...]:
        """The projections that have the same blocks, and these, as `0-3,7`; None is all."""
        found: dict[Blocks, list[str]] = {}
        for name, blocks in self.blocks.items():
            found.setdefault(blocks, []).append(name)
        return tuple((tuple(names), _text(blocks)) for blocks, names in found.items())

    def in_model(self, names: Sequence[str], count: int) -> "Sites":
        """The same in the model's order, `all` spelled out; None for all of its `count` blocks."""
        found: dict[str, Blocks] = {}
        for name in names:
            own = [self.blocks[one] for one in (name, ALL) if one in self.blocks]
            if own:
                blocks = own[0] if len(own) == 1 else _union(*own)
                found[name] = None if blocks is not None and len(blocks) == count else blocks
        return Sites(found)

    def entry_of(self, projection: str) -> str:
        """One projection with the blocks it has in the list; in all where it is not in it."""
        return _written([projection], _text(self.in_model([projection], 0).blocks.get(projection)))

    def __str__(self) -> str:
        return "; ".join(_written(names, blocks) for names, blocks in self.groups)


def settled(
    entries: tuple[str, ...] | None, blocks: str | None
) -> tuple[tuple[str, ...] | None, str | None]:
    """Entries and blocks in one spelling: as a product where they are one, else without blocks.

    ValueError for blocks beside entries that all name theirs.
    """
    if blocks is not None and entries and all(":" in entry for entry in entries):
        said = "Every group of the sites names its blocks: leave the blocks beside them out."
        raise WrongValue("blocks", said)
    sites = Sites.of(entries, blocks)
    return sites.product or (sites.entries, None)


def _group(written: str) -> tuple[Iterable[str], Blocks]:
    """`q,gate:0-18` to its projections and blocks."""
    named, colon, blocks = str(written).partition(":")
    if ":" in blocks:
        raise UserError(
            f"{str(written).strip()[:40]!r} has blocks in two places: write ; between groups, as "
            "in q:0-3; gate:0-18."
        )
    chosen = (ALL,) if (several := projections(named)) is None else several
    names = [name for name in chosen if name]
    if colon and not names:
        said = f"{str(written).strip()[:40]!r} has blocks without a projection: write q:0-3."
        raise UserError(said)
    return names, frozenset(read_blocks(blocks)) if colon else None


def _union(one: Blocks, other: Blocks) -> Blocks:
    return None if one is None or other is None else one | other


def _text(blocks: Blocks) -> str | None:
    return None if blocks is None else write_blocks(sorted(blocks))


def _written(names: Sequence[str], blocks: str | None) -> str:
    return ",".join(names) + ("" if blocks is None else f":{blocks}")
