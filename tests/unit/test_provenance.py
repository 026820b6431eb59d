"""The provenance of our own runs: what decides the numbers, and nothing about a person."""

import getpass
import platform
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from importlib.metadata import version
from pathlib import Path

import pytest

import nmviz
from nmviz.core import provenance
from nmviz.core.results import Provenance


def collect(started: datetime | str = "2026-01-02T03:04:05Z") -> Provenance:
    return provenance.collect(
        started=started,
        seconds=1.5,
        device="cpu",
        threads=2,
        settings={"dtype": "float32"},
        artefacts={"model": "a" * 64},
    )


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_what_it_holds() -> None:
    found = collect()
    assert found.source == "nmviz"
    assert (found.seconds, found.device) == (1.5, "cpu")
    assert found.settings == {"dtype": "float32"}
    assert found.artefacts == {"model": "a" * 64}
    assert found.versions["nmviz"] == nmviz.__version__
    assert found.versions["python"] == platform.python_version()
    for name in provenance.PACKAGES:
        assert found.versions[name] == version(name)
    assert set(found.machine) == {"processor", "cores", "threads", "memory_gib", "system"}
    assert found.machine["threads"] == 2
    assert Provenance.model_validate_json(found.model_dump_json()) == found


def test_a_package_that_is_missing_is_left_out() -> None:
    packages = ("no-such-package", "numpy")
    assert set(provenance._versions.__wrapped__(packages)) == {"nmviz", "python", "numpy"}


@pytest.mark.parametrize(
    "started",
    [
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5),
        datetime(2026, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2))),
        "2026-01-02T03:04:05Z",
    ],
)
def test_the_time_is_utc(started: datetime | str) -> None:
    assert collect(started).started == "2026-01-02T03:04:05.000+00:00"


def test_no_host_no_user_no_path() -> None:
    text = collect().model_dump_json()
    for private in {platform.node(), str(Path.home()), str(Path(nmviz.__file__).parent)} - {""}:
        assert private not in text
    if len(getpass.getuser()) > 3:
        assert getpass.getuser() not in text


def test_the_commit(tmp_path: Path) -> None:
    commit = provenance._commit.__wrapped__
    assert commit(tmp_path) is None
    git(tmp_path, "init", "--quiet")
    assert commit(tmp_path) is None
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    git(tmp_path, "tag", "-a", "v1", "-m", "a tag is not the commit")
    head = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "untracked").write_text("x")
    assert commit(tmp_path) == head
    (tmp_path / "file").write_text("two")
    assert commit(tmp_path) == f"{head}+changes"


def test_no_git_is_no_commit(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance._commit.__wrapped__(tmp_path) is None


def test_the_processor(tmp_path: Path) -> None:
    listing = tmp_path / "cpuinfo"
    listing.write_text("processor\t: 0\nmodel name\t: A  Fine Processor\n")
    assert provenance._processor(listing) == "A Fine Processor"
    listing.write_text("processor\t: 0\n")
    assert provenance._processor(listing) == (platform.processor() or platform.machine())
    assert provenance._processor(tmp_path / "missing")


def test_it_loads_no_torch() -> None:
    collect()
    code = "import sys, nmviz.core.provenance as p; p._versions(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
