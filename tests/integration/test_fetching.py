"""A model is fetched from a hub: one on this machine that speaks the hub's language, asked by the
real client in a process of its own, which alone reads where its hub is."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from tiny import PARAGRAPHS

from nmviz.sources.opening import FETCHING, LOADING

NAME, COMMIT = "somebody/tiny-llama", "c0ffee" + 34 * "0"
NEVER = ("pytorch_model.bin", "modeling_tiny.py", "README.md")
ASKS_ABOUT = re.compile(rf"/api/models/{NAME}(?:/revision/(?P<revision>[^?]+))?(?:\?.*)?")
LISTS = re.compile(rf"/api/models/{NAME}/tree/(?P<revision>[^?]+)(?:\?.*)?")
ASKS_FOR = re.compile(rf"/{NAME}/resolve/(?P<revision>[^/]+)/(?P<file>[^?]+)")


@dataclass
class Hub:
    """Where it listens, what it has, and which files it was asked for."""

    folder: Path
    url: str = ""
    fetched: list[str] = field(default_factory=list)

    def tree(self) -> bytes:
        files = [
            {"type": "file", "path": one.name, "oid": "0" * 40, "size": one.stat().st_size}
            for one in self.folder.iterdir()
        ]
        return json.dumps(files).encode()

    def about(self) -> bytes:
        files = [
            {"rfilename": one.name, "size": one.stat().st_size} for one in self.folder.iterdir()
        ]
        return json.dumps({"id": NAME, "sha": COMMIT, "siblings": files, "tags": []}).encode()


@contextmanager
def listening(hub: Hub) -> Iterator[None]:
    class Answering(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, with_body: bool) -> None:
            about, file = ASKS_ABOUT.fullmatch(self.path), ASKS_FOR.fullmatch(self.path)
            listed = LISTS.fullmatch(self.path)
            known = about or file or listed
            if known is None or known["revision"] not in (None, "main", COMMIT):
                self.tell(
                    404, b"", {"X-Error-Code": "RevisionNotFound" if known else "RepoNotFound"}
                )
                return
            if file is not None:
                body = (hub.folder / file["file"]).read_bytes()
            else:
                body = hub.about() if listed is None else hub.tree()
            if file is not None and with_body:
                hub.fetched.append(file["file"])
            named = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha1(body).hexdigest()}"'}
            self.tell(200, body, named, with_body)

        def tell(self, code: int, body: bytes, named: dict[str, str], whole: bool = True) -> None:
            self.send_response(code)
            for name, value in {**named, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if whole:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Not into the output of the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=20)


@pytest.fixture
def hub(copy: Path) -> Hub:
    for name in NEVER:
        (copy / name).write_text("raise SystemExit('nobody reads this')")
    return Hub(copy)


def said_of(hub: Hub, home: Path) -> str:
    """What the page says while the model is opened."""
    code = f"from nmviz.sources.opening import opening; print(opening({NAME!r}))"
    return python(hub, home, "-c", code).stdout.strip()


def nmviz(hub: Hub, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python(hub, home, "-m", "nmviz", *arguments)


def python(hub: Hub, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (home / "wiki.test.raw").write_text("\n\n".join(PARAGRAPHS * 20), encoding="utf-8")
    own = {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home / "hub"),
        "NMVIZ_CACHE": str(home / "cache"),
        "NMVIZ_STORE_URL": f"sqlite:///{home / 'store.sqlite'}",
        "NMVIZ_WIKITEXT2": str(home),
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return subprocess.run(
        [sys.executable, *arguments],
        env={**others, **own},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


ASKED = (
    "--corpus",
    "wikitext-2",
    "--tokens",
    "256",
    "--window",
    "64",
    "--pattern",
    "2:4",
    "--json",
)


def test_a_model_is_fetched_run_and_there_without_the_hub(hub: Hub, tmp_path: Path) -> None:
    with listening(hub):
        assert said_of(hub, tmp_path) == FETCHING and not hub.fetched
        first = nmviz(hub, tmp_path, "run", "--model", NAME, *ASKED)
        assert first.returncode == 0, first.stderr
        wanted = {one.name for one in hub.folder.iterdir()} - {*NEVER}
        assert {*hub.fetched} == wanted and "model.safetensors" in wanted
        none = nmviz(hub, tmp_path, "run", "--model", f"{NAME}@other", *ASKED)
        assert none.returncode and f"{NAME}@other has no such revision" in none.stderr
        lost = nmviz(hub, tmp_path, "run", "--model", "somebody/else", *ASKED)
        assert lost.returncode and "The hub has no somebody/else" in lost.stderr
        assert "Traceback" not in none.stderr + lost.stderr
    assert said_of(hub, tmp_path) == LOADING
    of_folder = nmviz(hub, tmp_path, "run", "--model", str(hub.folder), *ASKED)
    again = nmviz(hub, tmp_path, "run", "--model", NAME, "--rerun", *ASKED)
    found = [json.loads(one.stdout)["measurements"] for one in (first, of_folder, again)]
    assert found[0] and found[0] == found[1] == found[2]
