"""The page comes with its finding and three perplexities as text, made once for all visitors."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from loops import ran
from serving import client_of, served_here

from nmviz import service
from nmviz.service import OWN_TEXT
from nmviz.ui.explore.first_paint import first_paint
from nmviz.ui.serving import files
from nmviz.ui.serving.first_paint import FirstPaint
from nmviz.ui.shell.view import View
from nmviz.views.shared import numbers

SMALL = "corpus=wikitext-2&tokens=256&window=64&pattern=2:4"


def asked(page: Any, query: str, **headers: str) -> str:
    with client_of(page) as client:
        answer = client.get(f"/?{query}", headers=headers)
    assert answer.status_code == 200
    return answer.text


def painted(text: str) -> str:
    """What stands in front of the app."""
    assert text.count('<div id="first-paint">') == 1
    return text.partition('<div id="first-paint">')[2].partition("<gradio-app")[0]


def test_a_link_answers_with_its_numbers_and_again_when_there_are_some(
    tiny: str, own_store: Path
) -> None:
    query = f"model={tiny}&{SMALL}"
    with served_here() as page:
        before = painted(asked(page, query))
        assert "Not run yet" in before and "&ndash;" in before
        view = View.from_query(query)
        *_, last = service.run(view.experiments())
        results = {one.experiment.target: one for one in last.results}
        after = painted(asked(page, query))
        assert "At 2:4, pruning" in after and "Not run yet" not in after
        for target, metric in (
            ("weight", "dense_perplexity"),
            ("weight", "perplexity"),
            ("activation", "perplexity"),
        ):
            level = results[target].get(metric)
            assert level is not None
            assert f"<strong>{numbers.show(level)}</strong>" in after
        plain = asked(page, query, **{"accept-encoding": "identity"})
        assert painted(plain) == after
        assert plain.index("#first-paint {") < plain.index("</head>")


def test_what_ships_is_there_without_torch() -> None:
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys\n"
            "from nmviz.ui.explore.first_paint import first_paint\n"
            "print(first_paint('pattern=2:4'))\n"
            "print([name for name in ('torch', 'transformers') if name in sys.modules])",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stdout
    assert "At 2:4, pruning activations costs" in said and said.count("<strong>") == 3
    assert said.strip().endswith("[]")


def test_wrong_links_and_private_texts_say_so(tiny: str) -> None:
    wrong = first_paint(f"model={tiny}&pattern=9:4&tab=claims")
    assert "keeps more than there is" in wrong and "class=chosen>Claims" in wrong
    own = first_paint(f"model={tiny}&corpus={OWN_TEXT}")
    assert "paste it again" in own
    large = first_paint("model=llama2-7b&pattern=8:16")
    assert "as published" in large
    script = first_paint("pattern=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "alert(1)" not in script.replace("&lt;script&gt;alert(1)", "")


@pytest.mark.parametrize(
    ("status", "body", "given"),
    [
        (200, b"<head></head><body><gradio-app></gradio-app></body>", "whole"),
        (200, b"nothing of ours", "as it is"),
        (503, b"<gradio-app>", "as it is"),
    ],
)
def test_a_paint_that_fails_leaves_the_page(status: int, body: bytes, given: str) -> None:
    async def page(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    def fails(query: str) -> str:
        raise ValueError(query)

    told: list[Any] = []

    async def send(message: Any) -> None:
        told.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": []}
    scope["query_string"] = b"x=1"
    ran(FirstPaint(page, "<style></style>", fails)(scope, receive, send))
    whole = b"".join(one.get("body", b"") for one in told)
    assert told[0]["status"] == status
    assert whole == (
        body.replace(b"<head>", b"<head><style></style>") if given == "whole" else body
    )


def test_a_page_is_compressed_once_however_many_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def packing(body: bytes) -> bytes:
        asked.append(len(body))
        return files.brotli.compress(body, quality=5)

    monkeypatch.setitem(files.ENCODINGS, "br", packing)  # type: ignore[arg-type]
    file = files.File("text/html", b"words " * 1000)

    async def several() -> list[tuple[str, bytes]]:
        return list(await asyncio.gather(*(file.told("br") for _ in range(8))))

    told = ran(several())
    assert asked == [6000] and len(set(told)) == 1
