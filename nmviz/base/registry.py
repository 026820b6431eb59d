"""One loud registry: duplicates raise, unknown names suggest, frozen once loaded."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Generic, TypeVar

from nmviz.base.errors import UserError

T = TypeVar("T")


class Registry(Generic[T]):
    """A named collection of one kind of thing, in the order they were added."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}
        self._frozen = False
        self._lent: set[str] = set()
        self._others: tuple[Registry[T], ...] = ()

    def add(self, name: str, entry: T) -> T:
        """Add an entry. RuntimeError when frozen, ValueError when the name is taken."""
        if self._frozen:
            raise RuntimeError(f"cannot add {self.kind} {name!r}: the registry is frozen")
        if name in self._entries:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        self._entries[name] = entry
        return entry

    def lend(self, name: str, entry: T) -> T:
        """Add an entry of somebody's own to a frozen registry, until this process ends. UserError
        when the name is taken."""
        if name in self._entries:
            raise UserError(f"{name!r} is {_a(self.kind)} already: choose another name.")
        self._entries[name] = entry
        self._lent.add(name)
        return entry

    def is_lent(self, name: str) -> bool:
        """Whether the entry of that name came with `lend`."""
        return name in self._lent

    def get(self, name: str) -> T:
        """The entry of that name. UserError with the nearest names when there is none."""
        if name in self._entries:
            return self._entries[name]
        for other in self._others:
            if name in other:
                raise UserError(
                    f"{name!r} is {_a(other.kind)}, not {_a(self.kind)}: choose one of "
                    f"{', '.join(self)}."
                )
        near = get_close_matches(name, self._entries, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(self)}."
        raise UserError(f"There is no {self.kind} {name!r}; {hint}")

    def beside(self, *others: "Registry[T]") -> None:
        """Say of a name that is in one of the others that it is, rather than what it resembles."""
        self._others = others

    def freeze(self) -> None:
        """Refuse every later `add`."""
        self._frozen = True

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def values(self) -> list[T]:
        """All entries, in the order they were added."""
        return list(self._entries.values())


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
