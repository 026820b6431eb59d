"""What a view is shared as, of its address alone."""

import base64
import html
import json
import re
import shlex
from urllib.parse import parse_qsl

import pytest

import nmviz
from nmviz import service
from nmviz.service.reports.commands import OWN_FILE
from nmviz.ui.link.panels import PANELS, known
from nmviz.ui.share.answer import PRIVATE, report, shared
from nmviz.ui.share.figures import drawn
from nmviz.ui.shell.view import View

pytestmark = pytest.mark.usefixtures("module_store")


def commands(query: str) -> list[str]:
    return re.findall(r"<pre[^>]*>(nmviz [^<]*)</pre>", shared(query))


def test_explore_is_two_runs_with_their_keys() -> None:
    said = shared("?pattern=2:4")
    assert commands("?pattern=2:4")[:2] == [
        "nmviz run --model smollm2-135m --pattern 2:4 --target weight",
        "nmviz run --model smollm2-135m --pattern 2:4",
    ]
    for experiment in View.from_query("pattern=2:4").experiments():
        stored = service.lookup(experiment)
        assert stored is not None and stored.key in said
    assert "@misc{" in said and "2509.22166" in said


def test_explore_is_two_lines_of_python_that_run() -> None:
    lines = html.unescape(shared("pattern=2:4").partition("import nmviz")[2]).splitlines()[1:3]
    for line, one in zip(lines, View.from_query("pattern=2:4").experiments(), strict=True):
        found = eval(line.partition("</pre>")[0].replace(".run(", ".lookup("), {"nmviz": nmviz})
        stored = service.lookup(one)
        assert stored is not None and found.key == stored.key


def test_a_report_is_of_what_is_shown_or_pinned() -> None:
    told = json.loads(report("pattern=2:4"))
    assert told["name"].endswith(".html") and "nothing is loaded from anywhere" in told["text"]
    keys = [service.lookup(one).key for one in View.from_query("pattern=2:4").experiments()]
    assert all(key in told["text"] for key in keys)
    assert "failed" in json.loads(report("tab=methods"))


def test_every_tab_has_its_command() -> None:
    assert "nmviz cost llama2-7b" in " ".join(
        commands("tab=trade-offs&faster=a100,fp16,llama2-7b,prefill,weight,2:4,512")
    )
    asked = "published.words=value+<+10,+method+~+act&published.models=&published.each_task=true"
    rows = html.unescape(commands(f"tab=published&{asked}")[0])
    named = shlex.split(rows)[3]
    assert rows.startswith("nmviz table published ")
    assert dict(parse_qsl(named))["words"] == "value < 10, method ~ act" and "models" not in named
    assert commands("tab=published&published.ready=methods-2-4")[0].startswith(
        "nmviz figure methods-2-4 "
    )
    for tab in PANELS:
        assert "nmviz app" in commands(f"tab={tab}")


def test_a_text_of_ones_own_is_not_in_it() -> None:
    assert PRIVATE in shared("corpus=text") and OWN_FILE in shared("corpus=text")
    assert PRIVATE not in shared("corpus=text&tab=claims")


def test_a_tray_is_compared_and_cited() -> None:
    keys = [
        stored.key for one in View().experiments() if (stored := service.lookup(one)) is not None
    ]
    a, b = (key[:12] for key in keys)
    said = shared(f"tab=methods&tray={a}.{b}&tray_part=numbers")
    assert f"nmviz compare {a} {b}" in said and all(key in said for key in keys)


def test_what_is_wrong_is_escaped() -> None:
    assert "<script" not in shared("pattern=<script>&tray=<script>&tab=<script>")


def test_panels_are_known() -> None:
    assert known("depth") and known("tray") and known("claim-metadata") and not known("header")


def file_of(query: str, choice: str, ending: str = "pdf", columns: str = "1") -> dict[str, str]:
    asked = {"query": query, "choice": choice, "columns": columns, "ending": ending}
    told: dict[str, str] = json.loads(drawn(json.dumps(asked)))
    return told


@pytest.mark.parametrize(
    ("query", "choice"),
    [
        ("pattern=2:4", "error-by-layer:both"),
        ("tab=published", "methods-2-4:all"),
        ("tab=trade-offs", "metadata:all"),
    ],
)
def test_a_figure_is_drawn_for_a_column(query: str, choice: str) -> None:
    assert f'value="{choice}"' in shared(query)
    told = file_of(query, choice)
    data = base64.b64decode(told["base64"])
    assert told["name"].endswith(".pdf") and data.startswith(b"%PDF")
    assert b"/MediaBox [ 0 0 238" in data.replace(b"[0", b"[ 0")  # 84 mm are 238 points


def test_a_figure_of_the_tray_is_of_the_pair() -> None:
    keys = [stored.key[:12] for one in View().experiments() if (stored := service.lookup(one))]
    query = f"tab=methods&tray={'.'.join(keys)}"
    svg = base64.b64decode(file_of(query, "compare-layers:pair", "svg")["base64"])
    assert svg.startswith(b"<?xml") and all(key.encode() in svg for key in keys)


@pytest.mark.parametrize(
    "asked",
    [
        ("pattern=2:4", "metadata:all", "pdf", "1"),
        ("pattern=2:4", "error-by-layer:both", "exe", "1"),
        ("pattern=2:4", "error-by-layer:both", "pdf", "9"),
        ("corpus=text", "error-by-layer:both", "pdf", "1"),
        ("tab=lessons", "", "pdf", "1"),
    ],
)
def test_a_figure_that_share_does_not_list_is_refused(asked: tuple[str, str, str, str]) -> None:
    assert "that Share lists" in file_of(*asked)["failed"]


def test_what_is_no_request_is_refused() -> None:
    for told in ("", "[]", "{}", "{", json.dumps({"query": "x"})):
        assert "that Share lists" in json.loads(drawn(told))["failed"]
