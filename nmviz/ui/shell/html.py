"""Small pieces of HTML. Everything that comes from outside goes through `esc`."""

import re
from collections.abc import Collection, Mapping, Sequence
from html import escape
from itertools import count

from nmviz.core.metrics import METRICS
from nmviz.lessons.glossary import glossary

_numbers = count(1)


def esc(text: object) -> str:
    """Text that is safe inside an element or a quoted attribute."""
    return escape(str(text), quote=True)


def words(text: object) -> str:
    """Text as HTML: what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", esc(text))


def hint(shown: str, help: str, formula: str = "") -> str:
    """Words with an explanation on hover and on keyboard focus. `shown` is HTML, the rest text."""
    name = f"hint-{next(_numbers)}"
    code = f"<code>{esc(formula)}</code>" if formula else ""
    return (
        f'<span class="hint" tabindex="0" aria-describedby="{name}">{shown}'
        f'<span class="tip" role="tooltip" id="{name}">{words(help)}{code}</span></span>'
    )


def with_hint(text: str, word: str) -> str:
    """Text as HTML, in which a word of the glossary says what it means where it first stands."""
    before, found, after = text.partition(word)
    explained = hint(esc(found), glossary()[word].means) if found else ""
    return esc(before) + explained + esc(after)


def quantity(metric: str, shown: str | None = None) -> str:
    """The name of a metric (or other words for it), explained on hover with its formula."""
    entry = METRICS.get(metric)
    return hint(esc(shown or entry.title), entry.help, entry.formula)


def note(text: str, kind: str = "note") -> str:
    """One line of its own. `kind` is its classes: speaking.js has those that are read out."""
    return f'<p class="{kind}">{words(text)}</p>'


def options(choices: Mapping[str, str], chosen: str = "") -> str:
    """The choices of a menu: what each is called, by its value."""
    return "".join(
        f'<option value="{esc(value)}"{" selected" * (value == chosen)}>{esc(said)}</option>'
        for value, said in choices.items()
    )


def contents(name: str, parts: Sequence[tuple[str, str]]) -> str:
    """Links to the parts of a long tab, by their ids, which stay in sight: contents.js marks the
    one that is read."""
    links = "".join(f'<li><a href="#{esc(place)}">{esc(said)}</a></li>' for place, said in parts)
    return f'<nav class="contents" aria-label="{esc(name)}"><ol>{links}</ol></nav>'


def table(
    caption: str, head: list[str], rows: list[list[str]], numbers: Collection[int] = ()
) -> str:
    """A table whose first column names the row. Cells are HTML; those of the columns in `numbers`,
    counted from 0, stand on the right, so that digits of one place stand below one another."""
    kind = [' class="number"' if place in numbers else "" for place in range(len(head))]
    heads = "".join(f'<th scope="col"{of}>{cell}</th>' for of, cell in zip(kind, head, strict=True))
    body = "".join(
        f'<tr><th scope="row">{first}</th>'
        + "".join(f"<td{of}>{cell}</td>" for of, cell in zip(kind[1:], rest, strict=True))
        + "</tr>"
        for first, *rest in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{esc(caption)}">'
        f"<table><caption>{esc(caption)}</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )
