"""YAML that anybody may have written: text, lists and mappings, and nothing else."""

from collections import Counter
from typing import Any

import yaml

from nmviz.base.errors import UserError

ALIASES = "anchors and aliases are not read: write out what they stand for"
READ_TAGS = (*(f"tag:yaml.org,2002:{kind}" for kind in ("null", "str", "seq", "map")), None)
"""What such a file is made of; None is the library's refusal of every other tag."""


class _Loader(yaml.SafeLoader):
    """Safe YAML in which every value but null is text.

    YAML 1.1 takes 8:16 for a number of base 60. Aliases are refused, since a few of them can stand
    for any amount of data, and so are a name that stands twice, of which YAML keeps the last, and
    a tag such as !!int, which would make something else than text.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - the library's own
        first: [entry for entry in entries if entry[0] == "tag:yaml.org,2002:null"]
        for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    yaml_constructors = {  # noqa: RUF012 - the library's own
        tag: make for tag, make in yaml.SafeLoader.yaml_constructors.items() if tag in READ_TAGS
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem=ALIASES, problem_mark=self.peek_event().start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []  # `!!map` goes anywhere
        names = Counter(str(name.value) for name, _ in pairs)
        for name in (name for name, count in names.items() if count > 1):
            problem = f"{name[:60]!r} stands there twice"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def load(text: str) -> Any:
    """What the text says, in text, lists and mappings. UserError where it is no such YAML."""
    try:
        return yaml.load(text, _Loader)  # a SafeLoader, and stricter
    except yaml.YAMLError as error:
        raise UserError(_problem(error)) from None
    except RecursionError:
        raise UserError("It is nested too deeply to be read.") from None


def dump(told: object) -> str:
    """The text of a file, in the order that is given; `load` reads the same."""
    return str(yaml.safe_dump(told, sort_keys=False, width=1000))


def _problem(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "it is no YAML"
    line = f"line {mark.line + 1}, " if mark else ""
    return f"{line}{' '.join(str(reason).split())[:200].rstrip('.')}."
