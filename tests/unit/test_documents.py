"""The documentation as pages beside the page."""

import re
from pathlib import Path

import pytest

from nmviz.base.errors import UserError
from nmviz.ui.documents import page
from nmviz.ui.documents.page import NAMES, document, folder
from nmviz.ui.explore.first_paint import ABOUT
from nmviz.ui.guard.refusal import Refusal
from nmviz.ui.guard.routes import route_of

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def read_anew() -> None:
    page._read.cache_clear()


def test_every_file_is_a_page() -> None:
    assert folder() == DOCS
    assert {one.stem for one in DOCS.glob("*.md")} == {*NAMES}
    assert re.findall(r'href="docs/(\w+)"', ABOUT) == [NAMES[0]]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_its_text_and_leads_only_to_pages_that_there_are(name: str) -> None:
    made = document(name)
    title = (DOCS / f"{name}.md").read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
    assert f"<title>{title} - nmviz</title>" in made and f"<h1>{title}</h1>" in made
    assert "<script" not in made and made.count("aria-current") == 2  # in the style too
    for place in re.findall(r'href="([^"]+)"', made):
        assert place in (*NAMES, "../") or place.startswith("https://")


def test_tables_are_tables_and_html_in_a_file_is_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_anew: None
) -> None:
    for name in NAMES:
        (tmp_path / f"{name}.md").write_text("# Other\n", encoding="utf-8")
    text = "# Mine\n\n<b onclick='x'>bold</b> [on](scaling.md)\n\n| a | b |\n|--|--|\n| 1 | 2 |\n"
    (tmp_path / "start.md").write_text(text, encoding="utf-8")
    monkeypatch.setattr(page, "folder", lambda: tmp_path)
    made = document("start")
    page._read.cache_clear()
    assert "<td>1</td>" in made and "&lt;b onclick" in made and '<a href="scaling">on</a>' in made


def test_where_there_is_none_that_is_said(monkeypatch: pytest.MonkeyPatch, read_anew: None) -> None:
    monkeypatch.setattr(page, "folder", lambda: None)
    with pytest.raises(UserError, match="not installed here"):
        document("start")


def test_only_pages_that_there_are_pass_the_guard() -> None:
    for name in NAMES:
        route, found = route_of("GET", f"/docs/{name}")
        assert route.refuse is not None
        route.refuse("", found, None)  # type: ignore[arg-type]
    for path in ("/docs/README", "/docs/start.md"):
        route, found = route_of("GET", path)
        assert route.refuse is not None
        with pytest.raises(Refusal, match="no such page of the documentation"):
            route.refuse("", found, None)  # type: ignore[arg-type]
    for path in ("/docs/", "/docs/../pyproject.toml", "/docs/a/b"):
        with pytest.raises(Refusal):
            route_of("GET", path)
