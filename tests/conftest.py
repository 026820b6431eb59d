"""What several test files share."""

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock
from hypothesis import settings

from nmviz.base.stubs import write_no_stubs

if TYPE_CHECKING:
    from postgres import Server

settings.register_profile("nmviz", deadline=None)  # tests assert no times
settings.load_profile("nmviz")
write_no_stubs()  # here too, since some tests import Gradio before the page

LONGEST_FIRST = (
    *("browser/one", "browser/other", "real/test_shipped", "integration/test_space"),
    *("integration/test_cluster_killed", "integration/test_cluster"),
    *("real/test_numbers", "integration/test_serving", "integration/test_read_only_store"),
    *("integration/test_cli", "integration/test_wheel", "integration/test_cli_store"),
    *("integration/test_page_methods", "integration/test_service", "real/test_gemma"),
    *("integration/test_claims_live", "integration/test_figure_command", "real/test_pinned"),
    *("real/test_lm_eval", "integration/test_store_concurrent", "integration/test_sweep_killed"),
    *("integration/test_memory", "integration/test_bench", "unit/test_tested"),
    *("compatibility/test_old_store", "compatibility/test_old_links", "unit/test_import_fuzz"),
)
"""Groups of tests that take long; what takes long and begins last keeps one process waiting."""
BROWSER_ONE = ("test_explore", "test_address", "test_states", "test_looks", "test_layout")
"""Files of the first group in the browser: about half of its time."""


def pytest_sessionstart() -> None:
    """No sweeps for garbage while test files and what they import are read: hardly any is made."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Sweep again, but leave out what exists by now: the large libraries and thousands of tests."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In parallel runs a file stays together, and browser tests do in two groups: one app each."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=lambda item: _turn(_group(item)))


def _group(item: pytest.Item) -> str:
    folder = item.path.parent.name
    if folder == "browser":
        return f"browser/{'one' if item.path.stem in BROWSER_ONE else 'other'}"
    return f"{folder}/{item.path.stem}"


def _turn(group: str) -> int:
    return LONGEST_FIRST.index(group) if group in LONGEST_FIRST else len(LONGEST_FIRST)


@pytest.fixture(scope="session")
def postgres() -> Iterator["Server"]:
    """A PostgreSQL of this process's own; without one the tests skip, or fail where it is
    required."""
    from postgres import serving, skip_without

    skip_without()
    with serving() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'nmviz.sqlite'}"
        return
    with request.getfixturevalue("postgres").new_database() as url:
        yield url


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random Llama with its tokenizer, made once a session."""
    from tiny import make_tiny_model  # here, so that tests without a model need no torch

    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of what ships, made once a run of the tests: stores of tests begin as copies."""
    from nmviz.store import open_store, seed

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # each has a folder of its own inside the run's
        folder = folder.parent
    place = folder / "shipped.sqlite"
    with FileLock(f"{place}.lock"):
        if not place.exists():
            begun = folder / "shipped-begun.sqlite"
            with open_store(begun) as store:
                seed.build(store)
            begun.rename(place)
    return place


@pytest.fixture
def own_store(shipped: Path, tmp_path: Path) -> Iterator[Path]:
    """What ships is all that the process's store holds."""
    with _store_at(shutil.copy(shipped, tmp_path / "store.sqlite")) as place:
        yield place


@pytest.fixture(scope="module")
def module_store(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """As `own_store`, one for all tests of a file."""
    folder = tmp_path_factory.mktemp("store")
    with _store_at(shutil.copy(shipped, folder / "store.sqlite")) as place:
        yield place


@pytest.fixture
def lent() -> Iterator[None]:
    """What a test registers is forgotten behind it."""
    from nmviz.methods import ACTIVATION, WEIGHT

    yield
    for registry in (ACTIVATION, WEIGHT):
        for name in [*registry._lent]:
            registry._lent.discard(name)
            del registry._entries[name]


@pytest.fixture(scope="module")
def tiny(tiny_model: Path, module_store: Path) -> Iterator[str]:
    """The id of the tiny model, offered beside the others, with a corpus and a store."""
    from tiny import PARAGRAPHS

    folder = module_store.parent
    (folder / "wiki.test.raw").write_text("\n\n".join(PARAGRAPHS * 20), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NMVIZ_MODELS", str(tiny_model))
        patch.setenv("NMVIZ_WIKITEXT2", str(folder))
        yield str(tiny_model)


@pytest.fixture
def empty_store(tmp_path: Path) -> Iterator[Path]:
    """The process's store holds nothing, not even what ships."""
    from nmviz.store import seed

    with pytest.MonkeyPatch.context() as patch, _store_at(tmp_path / "store.sqlite") as place:
        patch.setattr(seed, "build", lambda _: None)
        yield place


@pytest.fixture(scope="module")
def read_once() -> Iterator[None]:
    """What ships is read from its files once for all tests of a module that are of the database:
    the same files give the same results."""
    from nmviz.store import seed

    with pytest.MonkeyPatch.context() as patch:
        for name in ("_read", "_pack_published"):
            patch.setattr(seed, name, _remembered(getattr(seed, name), seed))
        yield


def _remembered(read: Callable[[Path], Any], seed: Any) -> Callable[[Path], Any]:
    """The same function of a folder, called once for each content of its files."""
    known: dict[str, Any] = {}

    def remembered(folder: Path) -> Any:
        content = seed._digest(seed._files(folder))
        if content not in known:
            known[content] = read(folder)
        return known[content].copy()

    return remembered


@contextmanager
def _store_at(place: Path) -> Iterator[Path]:
    """The process's store lies there; nothing is remembered of another, before and after."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NMVIZ_STORE_URL", f"sqlite:///{place}")
        _forget_store()
        yield place
        _forget_store()


def _forget_store() -> None:
    from nmviz import service
    from nmviz.service.listing import to_choose

    if service.store.cache_info().currsize:
        service.store().close()
    for cache in (service.store, service.published, to_choose):
        cache.cache_clear()


@pytest.fixture
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache of its own, and no model kept from before or afterwards."""
    from nmviz.engine.load import loading

    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path / "cache"))
    loading.forget()
    yield
    loading.forget()


@pytest.fixture
def paragraphs_calibrate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calibrate on a few paragraphs that need no network, in windows of 32 tokens."""
    from pruning import WINDOW
    from tiny import PARAGRAPHS

    from nmviz.engine.calibrate import artefacts, calibration
    from nmviz.sources import corpora

    monkeypatch.setattr(artefacts, "path_of", lambda key: tmp_path / f"{key}.safetensors")
    monkeypatch.setattr(calibration, "WINDOW", WINDOW)
    monkeypatch.setattr(corpora, "read", lambda *_: "\n\n".join(PARAGRAPHS))
    monkeypatch.setattr(corpora, "identify", lambda _: "paragraphs")


@pytest.fixture
def copy(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model that a test may damage."""
    return Path(shutil.copytree(tiny_model, tmp_path / "copy"))
