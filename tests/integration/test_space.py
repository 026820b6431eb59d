"""The repository pushed as it is to a free CPU Space: another user, code that is read-only, an
empty home, two cores, 16 GB, no Chromium; the first start fetches, the next has no network."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import metadata, version
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml
from gradio_client import Client
from other_user import others_enter
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from serving import free_port, wait_for

ROOT = Path(__file__).parents[2]
VISITOR = 1000
"""The user that a Space runs as."""
GIB = 2**30
MEMORY, CORES = 16 * GIB, 2
PATIENCE = 300
"""Seconds for one step: how fast it is here is no test, and other tests run beside these."""
KEYS = frozenset(
    (
        *("title", "emoji", "colorFrom", "colorTo", "sdk", "python_version", "sdk_version"),
        *("suggested_hardware", "suggested_storage", "app_file", "app_build_command", "app_port"),
        *("base_path", "fullWidth", "header", "short_description", "models", "datasets", "tags"),
        *("thumbnail", "pinned", "license", "hf_oauth", "hf_oauth_scopes", "disable_embedding"),
        *("hf_oauth_expiration_minutes", "hf_oauth_authorized_org", "startup_duration_timeout"),
        *("custom_headers", "preload_from_hub"),
    )
)
"""What huggingface.co/docs/hub/spaces-config-reference lists."""
COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
BESIDE = "gradio[oauth,mcp]"
"""What a Space installs in one go with the requirements, at the header's version."""


@pytest.fixture(scope="module")
def header() -> dict[str, Any]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    opening, told, _ = text.split("---\n", 2)
    assert opening == ""
    return dict(yaml.safe_load(told))


def requirements() -> dict[str, Requirement]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    told = [Requirement(line.partition("#")[0]) for line in lines if line.partition("#")[0].strip()]
    return {one.name: one for one in told}


def test_the_header_has_keys_and_values_that_spaces_know(header: dict[str, Any]) -> None:
    assert set(header) <= KEYS
    assert header["sdk"] == "gradio"
    assert {header["colorFrom"], header["colorTo"]} <= set(COLOURS)
    assert header["header"] in ("mini", "default") and header["fullWidth"] is True
    assert 0 < len(header["short_description"]) <= 60
    assert (ROOT / header["app_file"]).is_file()
    assert header["license"].lower() in (ROOT / "pyproject.toml").read_text().lower()


def test_the_header_names_the_gradio_that_the_requirements_give(header: dict[str, Any]) -> None:
    assert header["sdk_version"] == version("gradio")
    assert header["sdk_version"] in requirements()["gradio"].specifier


def test_every_requirement_takes_the_headers_python(header: dict[str, Any]) -> None:
    project = re.search(r'requires-python = "(.+)"', (ROOT / "pyproject.toml").read_text())
    assert project and isinstance(header["python_version"], str)
    asked = {"nmviz": project[1]}
    asked |= {name: metadata(name)["Requires-Python"] or "" for name in requirements()}
    refusing = [
        name for name, told in asked.items() if header["python_version"] not in SpecifierSet(told)
    ]
    assert refusing == []


def test_what_a_space_installs_beside_them_agrees_with_the_requirements() -> None:
    """The extras of gradio may pin what the requirements ask for too: then nothing is installed."""
    extras = Requirement(BESIDE).extras
    own = requirements()
    for line in metadata("gradio").get_all("Requires-Dist") or []:
        told = Requirement(line)
        wanted = told.marker is None or any(
            told.marker.evaluate({"extra": e}) for e in ("", *extras)
        )
        if wanted and told.name in own:
            both = told.specifier & own[told.name].specifier
            ends = {one.version for one in both if one.operator in ("<=", ">=", "==")}
            assert any(end in both for end in ends), f"{told} and {own[told.name]}"


@dataclass(frozen=True)
class Space:
    """A checkout, a home with a temporary folder of the user that runs it, and its Python."""

    code: Path
    home: Path
    python: Path

    def environment(self, network: bool) -> dict[str, str]:
        """What a Space sets, and of ours only how to reach the package index."""
        kept = {name: one for name, one in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
        path = str(self.python.parent)  # no Chromium, no git, nothing of the system
        told = {
            "HOME": str(self.home),
            "HF_HOME": str(self.home / ".cache" / "huggingface"),
            "TMPDIR": str(self.home / "tmp"),
            "PATH": path,
            "LD_LIBRARY_PATH": str(self.python.parents[1] / "lib"),  # of a copied interpreter
            "SYSTEM": "spaces",
            "GRADIO_SERVER_NAME": "127.0.0.1",  # a Space has 0.0.0.0, which a test does not open
            "GRADIO_ANALYTICS_ENABLED": "False",
            "PYTHONUNBUFFERED": "1",
            "LANG": "C.UTF-8",
        }
        nowhere = {f"{kind}_PROXY": "http://127.0.0.1:9" for kind in ("HTTP", "HTTPS", "ALL")}
        off = {**nowhere, "NO_PROXY": "127.0.0.1,localhost", "HF_HUB_OFFLINE": "1"}
        off |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.home / "tmp")}
        return {**kept, **told, **({} if network else off)}

    def start(self, port: int, network: bool, log: Path) -> subprocess.Popen[bytes]:
        """`python app.py` as a Space runs it. prlimit and setpriv limit it before Python starts."""
        command = [_tool("prlimit"), f"--as={MEMORY}", _tool("taskset"), "--cpu-list", _cores()]
        if os.geteuid() == 0:
            user = [f"--reuid={VISITOR}", f"--regid={VISITOR}", "--clear-groups", "--no-new-privs"]
            command += [_tool("setpriv"), *user]
        command += [str(self.python), "app.py"]
        environment = {**self.environment(network), "GRADIO_SERVER_PORT": str(port)}
        with log.open("wb") as said:
            return subprocess.Popen(
                command, cwd=self.code, env=environment, stdout=said, stderr=subprocess.STDOUT
            )


def python_for_others(folder: Path) -> Path:
    """This interpreter, or where other users cannot reach it a copy of it that borrows the packages
    of this environment."""
    real = Path(sys.executable).resolve()
    if os.geteuid() != 0 or all(place.stat().st_mode & 0o001 for place in (real, *real.parents)):
        return Path(sys.executable)
    base, copy = Path(sys.base_prefix), folder / "python"
    left_out = shutil.ignore_patterns("test", "site-packages", "*.a", "share")
    shutil.copytree(base, copy, symlinks=True, ignore=left_out)
    packages = copy / Path(os.__file__).parent.relative_to(base) / "site-packages"
    packages.mkdir()
    borrowed = [place for place in sys.path if place.endswith("-packages")]
    (packages / "borrowed.pth").write_text("\n".join(borrowed))
    return copy / real.relative_to(base)


def _tool(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} of util-linux is needed"
    return found


def _cores() -> str:
    return ",".join(map(str, sorted(os.sched_getaffinity(0))[:CORES]))


def tracked() -> list[str]:
    """What a push sends: tracked files, and new ones that are not ignored."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True, timeout=PATIENCE)
    names = [name for name in done.stdout.decode().split("\0") if name]
    return [name for name in names if not name.startswith(("tests/", "docs/"))]


@pytest.fixture(scope="module")
def space() -> Iterator[Space]:
    """Outside pytest's own folder, which other users cannot enter."""
    others_enter()
    folder = Path(tempfile.mkdtemp(prefix="space-"))
    code, home = folder / "app", folder / "home"
    for name in tracked():
        if (ROOT / name).is_file():
            (code / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, code / name)
    (home / "tmp").mkdir(parents=True)
    for place in (home, home / "tmp"):
        if os.geteuid() == 0:
            os.chown(place, VISITOR, VISITOR)
    folder.chmod(0o755)
    _read_only(code)
    yield Space(code, home, python_for_others(folder))
    _read_only(code, writable=True)
    shutil.rmtree(folder)


def _read_only(code: Path, writable: bool = False) -> None:
    for place in (code, *code.rglob("*")):
        place.chmod((0o755 if writable else 0o555) if place.is_dir() else 0o444)


@contextmanager
def served(space: Space, log: Path, network: bool) -> Iterator[tuple[str, int]]:
    """The page's address and process, which is stopped by its own id."""
    port = free_port()
    process = space.start(port, network, log)
    try:
        url = f"http://127.0.0.1:{port}/"
        wait_for(url, process, log, PATIENCE)
        yield url, process.pid
        assert process.poll() is None, log.read_text()
        assert "Traceback" not in log.read_text(), log.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=30)


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: told.strip() for name, _, told in (line.partition(":") for line in lines)}


@pytest.mark.real
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a Space runs on Linux")
def test_it_starts_with_nothing_and_again_without_a_network(space: Space, tmp_path: Path) -> None:
    before = sorted(str(place) for place in space.code.rglob("*"))
    for network in (True, False):
        with served(space, tmp_path / f"log-{network}", network) as (url, pid):
            told = status(pid)
            assert told["Uid"].split()[1] == str(VISITOR if os.geteuid() == 0 else os.geteuid())
            assert len(told["Cpus_allowed_list"].replace("-", ",").split(",")) <= CORES
            client = Client(url, verbose=False, httpx_kwargs={"timeout": PATIENCE})
            stored = client.predict({}, api_name="/lookup")
            assert "perplexity" in {one["metric"] for one in stored["measurements"]}
            asked = ({"pattern": "2:4"}, "The river rises.", 3, "down")
            assert 0 < client.predict(*asked, api_name="/look")["rel_error"] < 1
            assert int(status(pid)["VmHWM"].split()[0]) * 1024 < 4 * GIB
            config = urlopen(f"{url}config", timeout=PATIENCE).read().decode()
            assert str(space.home) not in config and str(space.code) not in config
            assert "is kept: the store is read-only" not in config  # it lies in the home
    assert before == sorted(str(place) for place in space.code.rglob("*"))
    assert list(space.home.rglob("nmviz.sqlite"))
