"""Lists of patterns: which sites are pruned to which, each written `2:4 down; q,gate:0-18`.

Several patterns together are named by what they are: `plan:` and twelve digits of a hash of the
list, so that one name is one list everywhere.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from nmviz.base.errors import UserError
from nmviz.methods.patterns import DENSE, DIGITS, PLAN, Pattern, parse_pattern
from nmviz.methods.scopes import ALL
from nmviz.methods.site_lists import Blocks, Sites

MOST = 200
"""Patterns of one list."""


@dataclass(frozen=True)
class Patterns:
    """The sites of each pattern; no site has two, and those of none stay dense."""

    sites: Mapping[str, Sites]

    @classmethod
    def read(cls, entries: Sequence[str]) -> "Patterns":
        """Those of a list of entries. UserError where one is none, or a site has two patterns."""
        found: dict[str, list[str]] = {}
        for entry in entries:
            pattern, _, sites = str(entry).strip().partition(" ")
            mask = _pattern(pattern)
            if mask.is_dense or mask.plan or not sites.strip():
                said = f"{str(entry)[:40]!r} in the plan is no pattern with its sites"
                raise UserError(f"{said}: write 2:4 down; q:0-18.")
            found.setdefault(str(mask), []).append(sites)
        if len(found) > MOST:
            raise UserError(f"A plan has at most {MOST} patterns, not {len(found)}.")
        made = cls({name: Sites.read("; ".join(parts)) for name, parts in found.items()})
        made._check_apart()
        return made

    @classmethod
    def by_site(cls, patterns: Iterable[tuple[str, int, str]]) -> "Patterns":
        """Those of projections, blocks and their patterns; what is dense has none."""
        found: dict[str, dict[str, set[int]]] = {}
        for projection, block, pattern in patterns:
            if not parse_pattern(pattern).is_dense:
                found.setdefault(pattern, {}).setdefault(projection, set()).add(block)
        return cls({name: Sites.of_blocks(own) for name, own in found.items()})

    def _check_apart(self) -> None:
        for (one, mine), (two, other) in combinations(self.sites.items(), 2):
            both = next(iter(_within(mine, other)), None)
            if both is not None:
                raise UserError(f"The plan has both {one} and {two} for {both}: choose one.")

    def of(self, names: Iterable[str], block: int) -> Pattern:
        """The pattern of a site that may be called any of these names; DENSE where it has none."""
        called = tuple(names)
        for pattern, sites in self.sites.items():
            if any(sites.hold(name, block) for name in called):
                return parse_pattern(pattern)
        return DENSE

    def within(self, scope: Sites) -> "Patterns":
        """The same where a scope holds."""
        inside = {name: Sites(_within(sites, scope)) for name, sites in self.sites.items()}
        return Patterns({name: sites for name, sites in inside.items() if sites.blocks})

    def in_model(self, names: Sequence[str], count: int) -> "Patterns":
        """The same in the one spelling that a model of these projections and blocks has for it."""
        return Patterns({name: sites.in_model(names, count) for name, sites in self.sites.items()})

    @property
    def everywhere(self) -> Sites:
        """All sites that have a pattern."""
        return Sites.read([entry for sites in self.sites.values() for entry in sites.entries])

    @property
    def masks(self) -> tuple[Pattern, ...]:
        """The patterns, those that drop least first."""
        return tuple(
            sorted(map(parse_pattern, self.sites), key=lambda one: (-one.density, str(one)))
        )

    @property
    def entries(self) -> tuple[str, ...]:
        """Each pattern with its sites, in the one order that a list has."""
        return tuple(f"{mask} {_sorted(self.sites[str(mask)])}" for mask in self.masks)

    @property
    def name(self) -> str:
        """`plan:` and the first digits of the SHA-256 of its entries."""
        told = json.dumps(self.entries, separators=(",", ":"))
        return PLAN + hashlib.sha256(told.encode()).hexdigest()[:DIGITS]


def settled(
    pattern: str, plan: tuple[str, ...] | None, scope: Sites
) -> tuple[str, tuple[str, ...] | None, Sites]:
    """Pattern, list and scope in one spelling: a list is cut to the scope and names the pattern;
    one of a single pattern is that pattern there, and one beside a pattern has no say.

    UserError for a list that holds nothing within the scope.
    """
    if plan is None or not parse_pattern(pattern).plan:
        return pattern, None, scope
    inside = Patterns.read(plan).within(scope)
    if not inside.sites:
        raise UserError(
            "The plan prunes no layer of the scope: name at least one with its pattern."
        )
    if len(inside.sites) == 1:
        [(name, sites)] = inside.sites.items()
        return name, None, sites
    return inside.name, inside.entries, inside.everywhere


def _pattern(text: str) -> Pattern:
    try:
        return parse_pattern(text)
    except UserError as error:
        raise UserError(f"In the plan: {error}") from None


def _sorted(sites: Sites) -> Sites:
    return Sites(dict(sorted(sites.blocks.items())))


def _within(sites: Sites, scope: Sites) -> dict[str, Blocks]:
    """What both hold, by projection; `all` is every projection."""
    found: dict[str, Blocks] = {}
    for name, blocks in _pairs(sites, scope):
        if blocks is None or blocks:
            known = found.get(name, frozenset())
            found[name] = None if blocks is None or known is None else blocks | known
    return found


def _pairs(sites: Sites, scope: Sites) -> Iterator[tuple[str, Blocks]]:
    for name, own in sites.blocks.items():
        for other, theirs in scope.blocks.items():
            if ALL in (name, other) or name == other:
                yield (other if name == ALL else name), _both(own, theirs)


def _both(one: Blocks, other: Blocks) -> Blocks:
    if one is None or other is None:
        return other if one is None else one
    return one & other
