"""`nmviz figure`: vector files without a page, one sentence for what cannot be done."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import plotly.graph_objects as go
import pytest
from commands import Run, in_process
from loops import ran

from nmviz.core.experiment import Experiment
from nmviz.service.attribution import attribute
from nmviz.service.comparing.two_results import found
from nmviz.views.paper.figure_files import write_figure
from nmviz.views.published.catalogue import FIGURES

EIGHT, TWO = "pattern=8:16", "pattern=2:4"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def run(
    module_store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """`nmviz figure ARGUMENTS` in this process: status, stdout, stderr."""

    return in_process(monkeypatch, capsys, "figure")


def test_every_figure_is_listed(run: Run) -> None:
    status, out, _ = run("--list")
    assert status == 0
    names = [line.split()[0] for line in out.splitlines()]
    assert names[: len(FIGURES)] == [*FIGURES]
    assert {"frontier", "roofline", "metadata", "error-by-layer", "mask", "compare-masks"} < {
        *names
    }
    assert len(names) == len({*names})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing", "--out", "a.html"), "no figure 'nothing': choose one of"),
        (("layers", "--out", "a.gif"), "not written as '.gif'"),
        (("layers", "--out", "a"), "end --out in one of .svg"),
        (("layers",), "such as --out layers.svg"),
        (("layers", "--out", "absent/a.html"), "absent/a.html cannot be written"),
        ((), "choose one of pattern-ladder"),
        (("layers", "pattern=2:4", "--out", "a.svg"), "layers is drawn of no result that is named"),
        (("error-by-layer", "--out", "a.svg"), "error-by-layer is drawn of 1 or 2 results"),
        (("error-by-layer", "ffffffffff", "--out", "a.svg"), "No stored result has the key"),
        (("error-by-layer", "pattern=dense", "--out", "a.svg"), "was not run on that text"),
        (("compare-layers", EIGHT, "--out", "a.svg"), "compare-layers is drawn of 2 results"),
        (("error-by-layer", EIGHT, TWO, "--out", "a.svg"), "Both results are of activations"),
        (("cost-by-layer", EIGHT, "--out", "a.svg"), "nmviz attribute smollm2-135m --pattern 8:16"),
        (("sensitivity", EIGHT, "--out", "a.svg"), "7 of 7 projections were not measured alone"),
        (("mask", EIGHT, "--out", "a.svg"), "say --block, --projection and --prompt"),
        (("layers", "--out", "a.svg", "--block", "3"), "layers is of no layer: leave --block"),
        (("layers", "--out", "a.svg", "--width", "0"), "30 to 1,000 mm wide, not 0"),
        (("layers", "--out", "a.svg", "--columns", "3"), "1 or 2 columns wide"),
        (("layers", "--out", "a.svg", "--font", "Nofont"), "no font 'Nofont'"),
        (("layers", "--out", "a.svg", "--palette", "pink"), "not by 'pink'"),
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


def test_svg_is_vector_throughout(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "heatmap.svg"
    assert run("heatmap-2-4", "--out", str(file))[0] == 0
    text = file.read_text()
    root = ElementTree.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert "<image" not in text
    words = ["".join(one.itertext()) for one in root.iter(f"{SVG}text")]
    assert any("Llama" in word for word in words)
    assert "14.15" in words  # ACT on Llama 3.1, recomputed from two decimals


def test_a_stored_result_fits_one_column(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.pdf"
    both = ("error-by-layer", EIGHT, f"{EIGHT}&target=weight")
    status, out, err = run(*both, "--out", str(file), "--columns", 1, "--palette", "grey")
    assert (status, err) == (0, "")
    pdf = file.read_bytes()
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", pdf)
    assert box and float(box[1]) == pytest.approx(84 / 25.4 * 72, abs=0.01)
    assert b"/FontFile2" in pdf and not re.search(rb"/Subtype\s*/Image", pdf)
    _, caption = out.splitlines()
    assert caption.startswith("SmolLM2 135M Instruct, 2,048 tokens of wiki-leads, windows of 512")
    assert "activations 8:16, magnitude (key dcc35ea54a5e); weights 8:16" in caption


def test_the_numbers_of_a_figure_are_those_of_the_result(run: Run, tmp_path: Path) -> None:
    for name in ("a.json", "a.csv"):
        assert run("error-by-layer", EIGHT, "--out", str(tmp_path / name))[0] == 0
    told = json.loads((tmp_path / "a.json").read_text())
    known = {site.rel_error for site in found(EIGHT).layers}
    assert {one["y"] for one in told if one["series"] == "activations, each layer"} == known
    lines = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert [float(one["y"]) for one in lines] == [one["y"] for one in told]


def test_a_layer_is_drawn_as_it_is_looked_at(run: Run, tiny: str, tmp_path: Path) -> None:
    at = ("--block", 1, "--projection", "down", "--prompt", "A river begins where rain")
    one = f"model={tiny}&pattern=2:4"
    small = ("--rows", 4, "--entries", 16)
    file = tmp_path / "mask.json"
    status, out, _ = run("mask", one, *at, *small, "--out", str(file))
    assert status == 0 and "block 1, down, on “A river begins where rain”" in out
    cells = json.loads(file.read_text())
    kept = [row["value"] for row in cells if row["kind"] == "heatmap"]
    assert len(kept) == 4 * 16 and sum(kept) == 4 * 8
    assert (
        run("compare-masks", one, f"{one}&criterion=wina", *at, "--out", tmp_path / "b.svg")[0] == 0
    )
    status, _, err = run("mask", one, *at, "--rows", 0, "--out", str(tmp_path / "c.svg"))
    assert status == 2 and "at least 1 is shown" in err
    status, _, err = run("mask", one, *at[:3], "x", *at[4:], "--out", str(tmp_path / "c.svg"))
    assert status == 2 and "no layer 'x' in block 1" in err
    assert not (tmp_path / "c.svg").exists()


def test_parts_are_drawn_once_they_are_measured(run: Run, tiny: str, tmp_path: Path) -> None:
    experiment = Experiment.build(
        model=tiny, corpus="wikitext-2", pattern="2:4", window=64, tokens=256
    )
    *_, last = attribute(experiment, "block")
    file = tmp_path / "a.json"
    assert run("cost-by-block", last.results[0].key, "--out", str(file))[0] == 0
    drawn = [row["y"] for row in json.loads(file.read_text()) if row["series"] == "activations"]
    assert drawn == [one.get("delta_nll").value for one in last.results[1:]]


def test_a_picture_is_drawn_where_an_event_loop_runs(tmp_path: Path) -> None:
    file = tmp_path / "a.png"

    async def in_a_notebook() -> None:
        write_figure(go.Figure(go.Scatter(x=[0, 1], y=[0, 1])), file)

    ran(in_a_notebook())
    assert file.read_bytes().startswith(b"\x89PNG")


def test_no_browser_is_needed(module_store: Path, tmp_path: Path) -> None:
    file = tmp_path / "layers.pdf"
    done = subprocess.run(
        [sys.executable, "-m", "nmviz", "figure", "layers", "--out", str(file)],
        env={
            "PATH": str(tmp_path),
            "HOME": str(tmp_path),
            "MPLCONFIGDIR": matplotlib.get_configdir(),  # its list of fonts, made already
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "NMVIZ_STORE_URL": f"sqlite:///{module_store}",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert file.read_bytes().startswith(b"%PDF-")
