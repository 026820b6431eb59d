"""`nmviz report`: one page without a network, one zip, every file of it opened."""

import csv
import dataclasses
import io
import json
import re
import shlex
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from commands import Run, in_process

from nmviz.core.experiment import Experiment
from nmviz.service.comparing.two_results import found
from nmviz.service.reports import collecting
from nmviz.service.reports.commands import run_command, why_none
from nmviz.service.reports.writing import _files
from nmviz.service.runs import lookup, store
from nmviz.store import OWN
from nmviz.views.paper.sheet import Sheet

EIGHT, WEIGHTS = "pattern=8:16", "pattern=8:16&target=weight"
OUTSIDE = r"""<(?:script|link|img|iframe|source)[^>]+(?:src|href)=["']?(?!data:|#)"""
pytestmark = pytest.mark.usefixtures("module_store")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`nmviz ARGUMENTS` in this process: status, stdout, stderr."""
    return in_process(monkeypatch, capsys)


@pytest.fixture(scope="module")
def pair(module_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of two results, written once."""
    from nmviz import report

    return report(EIGHT, WEIGHTS, out=tmp_path_factory.mktemp("report") / "pair.html")


def test_the_page_holds_everything_and_loads_nothing(pair: Path) -> None:
    text = pair.read_text(encoding="utf-8")
    assert re.findall(OUTSIDE, text) == [] and "default-src 'none'" in text
    assert text.count("Plotly.newPlot(") >= 4 and text.count("<script>/**") == 1
    result = found(EIGHT)
    for said in (
        *(
            result.key,
            "|x_j|",
            "windows of 512 without overlap",
            "mean over predicted tokens of KL",
        ),
        *("@software{nmviz,", "@misc{alanova2025motivating,", "not told apart", "in pairs"),
        *("nmviz run --model smollm2-135m --pattern", result.provenance.commit, "SHA-256 of model"),
    ):
        assert str(said) in text, said
    for name in re.findall(r'<a href="#([\w-]+)"', text):
        assert f'<section id="{name}">' in text


def test_every_file_of_the_zip_opens(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    one, other = (f"{pattern}&tasks=core&limit=100" for pattern in (EIGHT, WEIGHTS))
    status, out, err = run("report", one, other, "--out", file, "--columns", 1)
    assert (status, err) == (0, "") and "2 results" in out
    with zipfile.ZipFile(file) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    endings = {name.rpartition(".")[2] for name in files}
    assert endings == {"txt", "html", "pdf", "svg", "csv", "json", "tex", "sh", "bib"}
    for name, data in files.items():
        text = "" if name.endswith(".pdf") else data.decode()
        if name.endswith(".pdf"):
            assert data.startswith(b"%PDF-") and b"/FontFile2" in data
        elif name.endswith(".svg"):
            width = ElementTree.fromstring(data).attrib["width"]
            assert float(width.removesuffix("pt")) == pytest.approx(84 / 25.4 * 72, abs=0.01)
        elif name.endswith(".csv"):
            rows = list(csv.DictReader(io.StringIO(text)))
            beside = files.get(name.replace(".csv", ".json"))
            assert rows and (beside is None or len(json.loads(beside)) == len(rows))
        elif name.endswith(".tex"):
            assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1
    made = json.loads(files["provenance.json"])
    assert [one["key"] for one in made] == [found(one).key, found(other).key]
    assert found(other).key in files["citation.bib"].decode()


def test_the_layers_are_in_the_zip_for_model_explorer() -> None:
    collected = collecting.collect([found(EIGHT), found("pattern=8:16&tasks=core&limit=100")])
    bare = dataclasses.replace(collected, pictures=(), tables=())
    files = dict(_files(bare, b"", Sheet()))
    place = "model-explorer/01"
    layers = {name: json.loads(data) for name, data in files.items() if name.startswith(place)}
    kinds = ("errors", "drift", "costs")  # those of blocks alone ship
    assert list(layers) == [f"{place}-{kind}.json" for kind in ("graph", *kinds)]
    (graph,) = layers["model-explorer/01-graph.json"]["graphs"]
    named = {node["id"] for node in graph["nodes"]}
    for kind in kinds:
        (data,) = layers[f"model-explorer/01-{kind}.json"].values()
        assert data["results"] and set(data["results"]) <= named


def test_the_commands_measure_the_same_experiments() -> None:
    """Every run of ours that ships, by the options that a report prints for it."""
    from nmviz.core.settings import Settings, option_of

    named = {option_of(name): name for name in Settings.model_fields}
    ours = [one for one in store().find(sites=False, source=OWN) if not why_none(one)]
    assert len(ours) > 100
    for one in ours[::4]:
        if one.experiment.plan:
            continue
        words = shlex.split(run_command(one.experiment))[2:]
        asked: dict[str, object] = {}
        while words:
            name = named[words.pop(0)]
            flag = not words or words[0].startswith("--")
            asked[name] = True if flag else words.pop(0)
        again = lookup(Experiment.build(**asked))
        assert again is not None and again.experiment.answers[0].key in {
            answer.key for answer in (*one.experiment.answers, one.experiment)
        }, run_command(one.experiment)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((EIGHT, "--out", "a.docx"), "A report is not written as '.docx'"),
        ((EIGHT, "--out", "there.html"), "there.html is a file that exists"),
        ((EIGHT, "--out", "folder.zip"), "folder.zip is a folder that exists"),
        ((EIGHT, "--out", "absent/a.html"), "absent/a.html cannot be written"),
        (("ffffffffff", "--out", "a.html"), "No stored result has the key ffffffffff"),
        ((EIGHT, EIGHT, "--out", "a.html"), "A result is named twice"),
        (([EIGHT] * 7 + ["--out", "a.html"]), "A report is of 1 to 6 results, not of 7"),
        ((EIGHT, "--out", "a.zip", "--width", "0"), "30 to 1,000 mm wide, not 0"),
        ((EIGHT, "--out", "a.zip", "--font", "Nofont"), "no font 'Nofont'"),
        ((EIGHT,), "--out"),
        (("--out", "a.html"), "A"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_written(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(collecting, "_pictures", lambda results: [])
    (tmp_path / "there.html").write_text("before")
    (tmp_path / "folder.zip").mkdir()
    status, out, err = run("report", *arguments)
    assert (status, out) == (2, "")
    assert said in err and err.count("\n") == 1
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder.zip", "there.html"]
    assert (tmp_path / "there.html").read_text() == "before"
