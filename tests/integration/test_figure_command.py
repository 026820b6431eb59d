"""`nmviz figure`: vector files without a page, one sentence for what cannot be done."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import plotly.graph_objects as go
import pytest
from commands import Run, in_process
from loops import ran

from nmviz.views.published.catalogue import FIGURES
from nmviz.views.shared.figure_files import write_figure

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def run(
    module_store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """`nmviz figure ARGUMENTS` in this process: status, stdout, stderr."""

    return in_process(monkeypatch, capsys, "figure")


@pytest.fixture
def chromium() -> None:
    if shutil.which("chromium") is None:
        pytest.skip("there is no chromium on the path to draw with")


def test_every_figure_is_listed(run: Run) -> None:
    status, out, _ = run("--list")
    assert status == 0
    tradeoffs = ["frontier", "roofline", "speed-map", "together", "metadata"]
    assert [line.split()[0] for line in out.splitlines()] == [*FIGURES, *tradeoffs]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing", "--out", "a.html"), "no published figure 'nothing': choose one of"),
        (("layers", "--out", "a.gif"), "not written as '.gif'"),
        (("layers", "--out", "a"), "end --out in one of .svg"),
        (("layers",), "such as --out layers.svg"),
        (("layers", "--out", "absent/a.html"), "absent/a.html cannot be written"),
        ((), "choose one of pattern-ladder"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert said in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_html_needs_nothing_else(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "layers.html"
    status, out, _ = run("layers", "--out", str(file))
    assert status == 0 and "written to" in out
    text = file.read_text()
    assert "Least accuracy lost among pruned activations" in text
    outside = r"""<(?:script|link|img)[^>]+(?:src|href)=["']?(?!data:)[a-z]+:?//"""
    assert re.findall(outside, text) == []
    assert "newPlot" in text


def test_a_file_is_replaced_as_a_whole(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "layers.html"
    file.write_text("before")
    assert run("nothing", "--out", str(file))[0] == 2
    assert file.read_text() == "before"
    assert run("layers", "--out", str(file))[0] == 0
    assert file.stat().st_size > 1_000_000
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_svg_is_vector_throughout(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "heatmap.svg"
    assert run("heatmap-2-4", "--out", str(file))[0] == 0
    text = file.read_text()
    root = ElementTree.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert "<image" not in text
    words = [" ".join(one.itertext()) for one in root.iter(f"{SVG}text")]
    assert any("Llama" in word for word in words)
    assert "14.15" in words  # ACT on Llama 3.1, recomputed from two decimals


@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_pdf_is_vector_throughout(run: Run, tmp_path: Path) -> None:
    assert run("heatmap-2-4", "--out", str(tmp_path / "a.pdf"))[0] == 0
    pdf = (tmp_path / "a.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert not re.search(rb"/Subtype\s*/Image", pdf)


@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_a_picture_is_drawn_where_an_event_loop_runs(tmp_path: Path) -> None:
    file = tmp_path / "a.png"

    async def in_a_notebook() -> None:
        write_figure(go.Figure(go.Scatter(x=[0, 1], y=[0, 1])), file)

    ran(in_a_notebook())
    assert file.read_bytes().startswith(b"\x89PNG")


def test_without_chromium_it_says_what_to_install(module_store: Path, tmp_path: Path) -> None:
    file = tmp_path / "layers.svg"
    done = subprocess.run(
        [sys.executable, "-m", "nmviz", "figure", "layers", "--out", str(file)],
        env={
            "PATH": str(tmp_path),
            "HOME": str(tmp_path),
            "BROWSER_PATH": str(tmp_path / "none"),
            "NMVIZ_STORE_URL": f"sqlite:///{module_store}",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "install it (apt-get install chromium)" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.glob("*.svg")) == []
