"""A file of the documentation as a page of its own, which works without script."""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from nmviz.base.errors import UserError
from nmviz.ui.shell.html import esc

NAMES = (
    *("start", "concepts", "researchers", "teachers", "hardware", "students"),
    *("measured", "architectures", "tested", "performance", "scaling"),
)
"""In the order of the menu: what a newcomer reads stands first."""
STYLE = Path(__file__).with_name("documents.css")
PACKAGE = Path(__file__).parents[2]
NONE = "The documentation is not installed here: it lies in docs/ of the project."


def folder() -> Path | None:
    """`docs/` of the checkout the package runs from, else the copy that a wheel brings; None where
    there is neither."""
    copy, checkout = PACKAGE / "guide", PACKAGE.parent / "docs"
    if (PACKAGE.parent / "pyproject.toml").is_file() and checkout.is_dir():
        return checkout
    return copy if copy.is_dir() else None


def document(name: str) -> str:
    """The whole page of one of `NAMES`. UserError where the documentation is not installed."""
    title, body = _read(name)
    menu = "".join(
        f'<li><a href="{one}"{" aria-current=page" if one == name else ""}>{esc(_read(one)[0])}</a>'
        "</li>"
        for one in NAMES
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{esc(title)} - nmviz</title><style>{STYLE.read_text('utf-8')}</style></head><body>"
        f'<nav aria-label="Documentation"><a class="home" href="../">nmviz</a><ul>{menu}</ul></nav>'
        f"<main>{body}</main></body></html>"
    )


@cache
def _read(name: str) -> tuple[str, str]:
    """Title and HTML of a file: what it writes as HTML stays text."""
    home = folder()
    if home is None:
        raise UserError(NONE)
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse((home / f"{name}.md").read_text(encoding="utf-8"))
    title = next(after.content for one, after in pairwise(tokens) if one.tag == "h1")
    for token in tokens:
        _lead_on(token.children or ())
    return title, reader.renderer.render(tokens, reader.options, {})


def _lead_on(tokens: Sequence[Token]) -> None:
    """Links from a file to another lead from a page to another."""
    for token in tokens:
        place = str(token.attrs.get("href", ""))
        if token.type == "link_open" and place.endswith(".md"):
            token.attrSet("href", place.removesuffix(".md"))
