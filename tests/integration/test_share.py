"""What a view is shared as, of its address alone."""

import re

import pytest

from nmviz import service
from nmviz.service.reports.commands import OWN_FILE
from nmviz.ui.link.panels import PANELS, known
from nmviz.ui.share.answer import PRIVATE, shared
from nmviz.ui.shell.view import View

pytestmark = pytest.mark.usefixtures("module_store")


def commands(query: str) -> list[str]:
    html = shared(query)
    return re.findall(r"<pre[^>]*>(nmviz [^<]*)</pre>", html)


def test_explore_is_two_runs_with_their_keys() -> None:
    html = shared("?pattern=2:4")
    assert commands("?pattern=2:4")[:2] == [
        "nmviz run --target weight --pattern 2:4",
        "nmviz run --pattern 2:4",
    ]
    for experiment in View.from_query("pattern=2:4").experiments():
        stored = service.lookup(experiment)
        assert stored is not None and stored.key in html
    assert "@misc{" in html and "2509.22166" in html


def test_every_tab_has_its_command() -> None:
    assert "nmviz cost llama2-7b" in " ".join(
        commands("tab=trade-offs&faster=a100,fp16,llama2-7b,prefill,weight,2:4,512")
    )
    assert commands("tab=published&published.ready=methods-2-4")[0].startswith(
        "nmviz figure methods-2-4 "
    )
    for tab in PANELS:
        assert commands(f"tab={tab}")[-1] == "nmviz app"


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
