"""What the pages in docs/ tell people to type is there."""

import ast
import json
import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from nmviz.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINKS = re.compile(r"\]\(([\w./-]+\.md)\)")


def fenced(page: Path, language: str) -> list[str]:
    return [code for kind, code in FENCED.findall(page.read_text("utf-8")) if kind == language]


COMMANDS = [
    (page.stem, line)
    for page in (*PAGES, ROOT / "README.md")
    for code in fenced(page, "")
    for line in code.splitlines()
    if line.startswith("nmviz ")
]


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=lambda one: str(one)[:60])
def test_a_command_is_read(page: str, line: str) -> None:
    """Its name and its options are there, and every option has a value that can be one."""
    _, name, *rest = shlex.split(line, comments=True)
    group = get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    command = group.commands[name]
    while isinstance(command, typer.core.TyperGroup):
        command = command.commands[rest.pop(0)]
    command.make_context(name, rest)


@pytest.mark.usefixtures("module_store", "lent")
@pytest.mark.parametrize("page", ["start", "researchers"])
def test_python_runs(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    for code in fenced(ROOT / "docs" / f"{page}.md", "python"):
        exec(code, {})
    assert capsys.readouterr().out.strip()


@pytest.mark.usefixtures("module_store", "lent")
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cell by cell; what a cell ends with is shown as a notebook shows it."""
    monkeypatch.chdir(tmp_path)
    told = json.loads(notebook.read_text("utf-8"))
    assert (told["nbformat"], told["nbformat_minor"]) == (4, 5)
    there: dict[str, object] = {}
    for cell in told["cells"]:
        assert not cell.get("outputs"), "outputs are not kept: they are those of who runs it"
        if cell["cell_type"] == "code":
            *lines, last = ast.parse("".join(cell["source"])).body
            exec(compile(ast.Module(lines, []), notebook.name, "exec"), there)
            if isinstance(last, ast.Expr):
                shown = eval(compile(ast.Expression(last.value), notebook.name, "eval"), there)
                html = getattr(shown, "_repr_html_", None)
                assert repr(shown) if html is None else html()
            else:
                exec(compile(ast.Module([last], []), notebook.name, "exec"), there)
    assert all(path.stat().st_size > 1000 for path in tmp_path.iterdir() if path.is_file())


def test_pages_find_one_another() -> None:
    linked = {link for page in PAGES for link in LINKS.findall(page.read_text("utf-8"))} | set(
        LINKS.findall((ROOT / "README.md").read_text("utf-8").replace("docs/", ""))
    )
    assert linked == {page.name for page in PAGES} & linked
    assert {page.name for page in PAGES} <= linked
