"""A wheel built from the checkout, alone in an environment: it brings the results that ship."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import pytest
from gradio_client import Client
from serving import free_port, wait_for

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"
PATIENCE = 240
"""Seconds for one step: how fast it is here is no test, and other tests run beside these."""


def build(project: Path, folder: Path, *targets: str) -> None:
    """Build with the project's own backend, the one installed here: nothing is fetched for it."""
    wanted = [word for target in targets for word in ("-t", target)]
    command = [sys.executable, "-m", "hatchling", "build", *wanted, "-d", str(folder)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    build(ROOT, folder, "sdist", "wheel")
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, and a home in which nothing was ever fetched."""

    python: Path
    package: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """No setting of nmviz, no path to a checkout, and no way to the network."""
        ours = ("NMVIZ_", "PYTHON", "XDG_", "HF_", "GRADIO_")
        kept = {name: one for name, one in os.environ.items() if not name.startswith(ours)}
        nowhere = {f"{kind}_PROXY": "http://127.0.0.1:9" for kind in ("HTTP", "HTTPS", "ALL")}
        proxies = {**nowhere, **{name.lower(): one for name, one in nowhere.items()}}
        local = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
        home = {"HOME": str(self.home), "PYTHONNOUSERSITE": "1", "HF_HUB_OFFLINE": "1"}
        return {**kept, **proxies, **local, **home, "GRADIO_ANALYTICS_ENABLED": "False"}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Python with these arguments, in a folder that is no checkout."""
        return subprocess.run(
            [str(self.python), *arguments],
            cwd=self.home,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def files(self) -> dict[str, str]:
        """Every file of the package with its hash, but for what Python compiles."""
        return {
            str(file.relative_to(self.package)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(self.package.rglob("*"))
            if file.is_file() and "__pycache__" not in file.parts
        }


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """The wheel in an environment of its own, which borrows the packages nmviz runs on.

    Afterwards nothing may have been written into the package.
    """
    folder, home = tmp_path_factory.mktemp("environment"), tmp_path_factory.mktemp("home")
    create = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(create, check=True, timeout=PATIENCE)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*install, "--no-deps", "--no-index", str(wheel)], check=True, timeout=PATIENCE)
    (site,) = folder.glob("lib/python*/site-packages")
    # Paths in a .pth file are added without reading .pth files there, so a checkout that is
    # installed in the environment of the tests cannot be imported from this one.
    borrowed = [place for place in sys.path if place.endswith(("-packages", "lib-dynload"))]
    (site / "borrowed.pth").write_text("\n".join(borrowed))
    there = Installed(python, site / "nmviz", home)
    before = there.files()
    yield there
    assert there.files() == before


def contents(wheel: Path) -> dict[str, str]:
    with ZipFile(wheel) as archive:
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


def test_the_sdist_builds_the_same_wheel(built: Path, wheel: Path, tmp_path: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (project,) = tmp_path.glob("nmviz-*")
    build(project, tmp_path / "again", "wheel")
    (again,) = (tmp_path / "again").glob("*.whl")
    assert contents(again) == contents(wheel)


def test_the_wheel_holds_the_package_and_what_ships(wheel: Path) -> None:
    names = contents(wheel)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"nmviz"}
    told = {name for name in names if name.startswith("nmviz/guide/")}
    assert told == {f"nmviz/guide/{file.name}" for file in (ROOT / "docs").glob("*.md")}
    code = {str(file.relative_to(ROOT)) for file in (ROOT / "nmviz").rglob("*.py")}
    assert code <= set(names)
    kinds = ("runs/*.jsonl", "published/*.*", "lessons/*.json", "looks/*.looks")
    ships = [file for kind in kinds for file in RESULTS.glob(kind)]
    copies = {name for name in names if name.startswith("nmviz/shipped/")}
    assert copies == {f"nmviz/shipped/{file.relative_to(RESULTS)}" for file in ships}
    for file in ships:
        there = names[f"nmviz/shipped/{file.relative_to(RESULTS)}"]
        assert there == hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_wheel_asks_for_the_requirements(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith("METADATA"))
        told = archive.read(name).decode()
    asked = {
        re.split("[<>=]", line.removeprefix("Requires-Dist: "))[0]
        for line in told.splitlines()
        if line.startswith("Requires-Dist: ") and "extra ==" not in line
    }
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert asked == {re.split("[<>=]", line)[0] for line in lines if not line.startswith("#")}


def test_it_is_the_wheel_that_runs(installed: Installed) -> None:
    done = installed.run("-c", "import nmviz; print(nmviz.__file__)")
    assert done.stdout.strip() == str(installed.package / "__init__.py"), done.stderr


def test_the_store_is_whole_and_lies_in_the_cache(installed: Installed) -> None:
    built = installed.run("-m", "nmviz", "store", "build")
    shipped = sum(len(file.read_text().splitlines()) for file in RESULTS.glob("runs/*.jsonl"))
    added = re.match(r"Results that ship: (\d+) added, 0 replaced, 0 removed", built.stdout)
    assert added and int(added[1]) > shipped, built
    verified = installed.run("-m", "nmviz", "store", "verify")
    assert (verified.returncode, verified.stdout) == (0, "Every key and every seeded row agrees.\n")
    (database,) = installed.home.rglob("nmviz.sqlite")
    assert database.parent.name == "nmviz"


def test_the_usual_run_is_answered_without_a_model(installed: Installed) -> None:
    done = installed.run("-m", "nmviz", "run", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    lines = map(json.loads, (RESULTS / "runs" / "default.jsonl").open())
    assert told["experiment"]["target"] == "activation"
    assert any(
        line["provenance"]["started"] == told["provenance"]["started"]
        and line["measurements"] == told["measurements"]
        for line in lines
    )
    assert not list(installed.home.rglob("*.safetensors"))


@pytest.fixture(scope="module")
def served(installed: Installed) -> Iterator[str]:
    """The page of the installed command on a port of its own; its process is stopped at the end."""
    port = free_port()
    log = installed.home / "log"
    with log.open("w") as said:
        process = subprocess.Popen(
            [str(installed.python), "-m", "nmviz", "app", "--port", str(port)],
            cwd=installed.home,
            env=installed.environment,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            url = f"http://127.0.0.1:{port}/"
            wait_for(url, process, log, PATIENCE)
            yield url
            assert "Traceback" not in log.read_text(), log.read_text()
        finally:
            process.terminate()
            process.wait(timeout=30)


def open_published(url: str) -> str:
    """What the page is sent when a visitor opens Published, as text."""
    with httpx.Client(base_url=url, timeout=PATIENCE) as web:
        config = web.get("config").json()
        parts = {part["id"]: part["props"] for part in config["components"]}
        event = next(
            event
            for event in config["dependencies"]
            for place, kind in event["targets"]
            if kind == "select" and parts[place].get("label") == "Published" and event["inputs"]
        )
        values = [parts[one].get("value") for one in event["inputs"]]
        asked: dict[str, Any] = {"data": values, "fn_index": event["id"], "session_hash": "visit"}
        web.post("gradio_api/queue/join", json=asked).raise_for_status()
        with web.stream("GET", "gradio_api/queue/data?session_hash=visit") as answer:
            for line in answer.iter_lines():
                if "process_completed" in line:
                    return line
    raise AssertionError("the tab was not answered")


def test_the_page_has_the_published_numbers(served: str) -> None:
    answer = open_published(served)
    assert "16.52" in (RESULTS / "published" / "arxiv-2509.22166v1.csv").read_text()
    assert "16.52% (Table 2)" in answer


def test_the_page_has_the_shipped_runs(served: str) -> None:
    client = Client(served, verbose=False)
    found = client.predict({}, api_name="/lookup")
    assert {one["metric"] for one in found["measurements"]} >= {"perplexity", "delta_nll"}
