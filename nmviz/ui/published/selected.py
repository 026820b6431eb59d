"""What a link chooses on the Published tab, as `nmviz table published` takes it."""

from dataclasses import asdict, fields
from urllib.parse import parse_qs, urlencode

from nmviz.published.listing import Selection
from nmviz.ui.published.answer import DEFAULT

TAB = "published."


def selection_in(query: str) -> str:
    """`patterns=2:4,8:16&methods=ACT,WT`: what the link says, and what stands there where it says
    nothing; only what differs from every row."""
    given = parse_qs(query.lstrip("?"), keep_blank_values=True)
    usual, opened = asdict(Selection()), asdict(DEFAULT)
    told = {}
    for field in fields(Selection):
        texts = given.get(TAB + field.name)
        value = opened[field.name] if texts is None else _value(usual[field.name], texts)
        if value != usual[field.name]:
            told[field.name] = ",".join(value) if isinstance(value, tuple) else str(value)
    return urlencode(told, safe=":,")


def _value(usual: object, texts: list[str]) -> object:
    if isinstance(usual, tuple):
        return tuple(one for one in texts if one)
    return texts[-1] == "true" if isinstance(usual, bool) else texts[-1]
