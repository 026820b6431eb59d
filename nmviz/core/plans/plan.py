"""A plan: the pattern of each layer by its name, read from a file that anybody may have written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nmviz.base.errors import UserError
from nmviz.base.plain_yaml import dump, load
from nmviz.methods.pattern_lists import Patterns
from nmviz.methods.patterns import parse_pattern
from nmviz.methods.site_lists import Sites
from nmviz.sources import corpora

ENDINGS = (".yaml", ".yml")
DENSE = "dense"
LONGEST = 1_000_000  # characters
PARTS = ("default", "layers")
PLAIN = "`default: dense` and `layers:` with `name: 2:4` a line"


@dataclass(frozen=True)
class Layer:
    """A layer that a plan may name: its place in the model."""

    name: str
    block: int
    projection: str
    multiply_adds: int  # a token, dense


@dataclass(frozen=True)
class Plan:
    """What every layer is pruned to: its own pattern, or the default."""

    layers: Mapping[str, str]
    default: str = DENSE
    about: Sequence[str] = field(default=(), compare=False)
    """Lines that say how it was made; they are written, and not read."""

    def __str__(self) -> str:
        """The text of its file."""
        told = {"default": self.default, "layers": dict(self.layers)}
        said = "".join(f"# {line}\n" for line in self.about)
        return said + dump(told)

    def of(self, name: str) -> str:
        """The pattern of a layer."""
        return self.layers.get(name, self.default)

    def among(self, layers: Sequence[Layer]) -> Patterns:
        """Its patterns, each with its sites among all layers of a model.

        UserError for a layer that the model does not have, and for a plan that prunes nothing.
        """
        known = {layer.name for layer in layers}
        for name in self.layers:
            if name not in known:
                raise UserError(
                    f"The plan names a layer {name[:80]!r} that this model does not have: it is "
                    "of another model, or the name is wrong."
                )
        found = Patterns.by_site((x.projection, x.block, self.of(x.name)) for x in layers)
        if not found.sites:
            raise UserError("The plan prunes no layer: name at least one with its pattern.")
        return found


def sites_of(layers: Iterable[Layer]) -> Sites:
    """The sites of these layers."""
    blocks: dict[str, set[int]] = {}
    for layer in layers:
        blocks.setdefault(layer.projection, set()).add(layer.block)
    return Sites.of_blocks(blocks)


def plan_of(patterns: Patterns, layers: Sequence[Layer]) -> Plan:
    """The plan of a list of patterns, by the names of a model's layers."""
    found = {one.name: str(patterns.of([one.projection], one.block)) for one in layers}
    return Plan({name: pattern for name, pattern in found.items() if pattern != DENSE})


def is_plan(pattern: str) -> bool:
    """Whether what was given as a pattern names the file of a plan."""
    return pattern.strip().lower().endswith(ENDINGS)


def read_plan(path: Path) -> Plan:
    """The plan of a YAML file. UserError, one sentence, when it is none."""
    return parse_plan(corpora.read_file(path), path.name)


def parse_plan(text: str, name: str) -> Plan:
    """The plan of a YAML text; `name` is what messages call it. UserError when it is none."""
    try:
        if len(text) > LONGEST:
            raise UserError(f"A plan has at most {LONGEST:,} characters.")
        return _plan(load(text))
    except UserError as error:
        raise UserError(f"{name}: {error}") from None


def _plan(document: object) -> Plan:
    if not isinstance(document, dict) or not set(document) <= set(PARTS):
        raise UserError(f"A plan has {PLAIN}.")
    default, layers = document.get("default", DENSE), document.get("layers")
    if not isinstance(default, str) or not isinstance(layers, dict) or not layers:
        raise UserError(f"A plan has {PLAIN}.")
    read = {str(name): _pattern(str(name), given) for name, given in layers.items()}
    return Plan(read, _pattern("default", default))


def _pattern(name: str, given: object) -> str:
    if not isinstance(given, str):
        raise UserError(f"{name[:80]!r} has no pattern: write {PLAIN}.")
    return str(parse_pattern(given))
