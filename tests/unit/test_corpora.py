"""Texts: the definitions to the letter, and files that cannot be used."""

import errno
import hashlib
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from nmviz.base.errors import UserError
from nmviz.sources import corpora, hub

ENTRIES = ["Alpha", "Beta", "Nero", "Gamma", "Tikal", "Delta", "Epsilon", "Zeta", "Eta", "Theta"]


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(corpora.WIKITEXT2_FOLDER, raising=False)
    corpora._from_hub.cache_clear()


@pytest.fixture
def leads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = {title: {"title": title, "extract": f"{title} is é."} for title in ENTRIES}
    path = tmp_path / "leads.json"
    path.write_text(json.dumps(entries), encoding="utf-8")
    monkeypatch.setattr(corpora, "fetch", lambda pinned: path)


def share(title: str) -> int:
    return int(hashlib.sha256(title.encode("utf-8")).hexdigest(), 16) % 10


def test_every_corpus_is_described_and_identified(tmp_path: Path) -> None:
    for corpus in corpora.CORPORA.values():
        assert corpus.info.title and corpus.info.licence and corpus.info.note
    assert corpora.identify("wiki-leads") == corpora.WIKI_LEADS.sha256


@pytest.mark.parametrize(
    ("title", "remainder"),
    [("Nero", 7), ("Manila", 1), ("Tikal", 3), ("Alpha", 2), ("Eta", 1), ("Zürich", 5)],
)
def test_the_split_is_by_the_hash_of_the_title(title: str, remainder: int) -> None:
    assert share(title) == remainder
    assert corpora.is_calibration(title) is (remainder < 2)


@pytest.mark.usefixtures("leads")
def test_wiki_leads_splits_in_file_order() -> None:
    evaluation = [title for title in ENTRIES if share(title) >= 2]
    calibration = [t for t in ENTRIES if share(t) < 2 and t not in corpora.IN_WIKITEXT2]
    assert evaluation and calibration, "the example has both"
    assert corpora.read("wiki-leads") == "\n\n".join(f"{title} is é." for title in evaluation)
    assert corpora.read("wiki-leads", "calibration") == "\n\n".join(
        f"{title} is é." for title in calibration
    )


@pytest.mark.usefixtures("leads")
def test_what_wikitext_2_holds_never_calibrates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "is_calibration", lambda title: True)
    corpora._wiki_leads_at.cache_clear()
    text = corpora.read("wiki-leads", "calibration")
    assert "Alpha" in text and "Nero" not in text and "Tikal" not in text
    corpora._wiki_leads_at.cache_clear()


def test_wikitext_2_from_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = " \n = Title = \r\n text é \n"
    (tmp_path / "wiki.test.raw").write_bytes(raw.encode())
    monkeypatch.setenv(corpora.WIKITEXT2_FOLDER, str(tmp_path))
    assert corpora.read("wikitext-2") == raw, "not a byte differs, line ends included"
    assert corpora.identify("wikitext-2") == hashlib.sha256(raw.encode()).hexdigest()
    with pytest.raises(UserError, match=r"holds no wiki\.valid\.raw"):
        corpora.read("wikitext-2-validation")
    with pytest.raises(UserError, match="for evaluation only: calibrate on wiki-leads"):
        corpora.read("wikitext-2", "calibration")


def test_whether_a_text_is_here_is_told_without_fetching_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, object]] = []

    def download(*_: object, **how: object) -> str:
        asked.append(how)
        raise hub.LocalEntryNotFoundError("nothing is cached")

    monkeypatch.setattr(hub, "hf_hub_download", download)
    assert not any(map(corpora.is_here, corpora.CORPORA))
    assert asked and all(how["local_files_only"] for how in asked)
    assert not (tmp_path / "cache").exists()
    monkeypatch.setenv(corpora.WIKITEXT2_FOLDER, str(tmp_path))
    assert not corpora.is_here("wikitext-2"), "the folder has no such file"
    (tmp_path / "wiki.test.raw").write_text("text")
    here = [name for name in corpora.CORPORA if corpora.is_here(name)]
    assert here == ["wikitext-2", "wikitext-2-joined"]


@pytest.mark.parametrize("raw", [" = T = \n é \n", " \n = T = \n é \n"])
def test_wikitext_2_from_the_hub_is_the_raw_file(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    asked: list[str] = []
    rows = SimpleNamespace(read_parquet=lambda file, columns: {"text": ["", " = T = \n", " é \n"]})
    monkeypatch.setitem(sys.modules, "pandas", rows)
    monkeypatch.setattr(corpora.importlib.util, "find_spec", lambda name: ModuleType(name))
    monkeypatch.setattr(hub, "dataset_file", lambda repo, name: asked.append(name) or Path("x"))
    monkeypatch.delenv(corpora.WIKITEXT2_FOLDER, raising=False)
    corpora._from_hub.cache_clear()
    with pytest.raises(
        UserError, match=r"not the text it was: name a folder .* in NMVIZ_WIKITEXT2"
    ):
        corpora.read("wikitext-2")
    known = hashlib.sha256(raw.encode()).hexdigest()
    monkeypatch.setitem(corpora.WIKITEXT2_SHA256, "test", known)
    assert corpora.identify("wikitext-2") == known
    assert corpora.read("wikitext-2") == raw
    assert set(asked) == {"wikitext-2-raw-v1/test-00000-of-00001.parquet"}
    corpora._from_hub.cache_clear()


def test_what_is_stored_of_wikitext_2_is_found_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(corpora.WIKITEXT2_FOLDER, raising=False)
    assert corpora.identify("wikitext-2") == corpora.WIKITEXT2_SHA256["test"]


def test_wikitext_2_without_pyarrow_or_network_names_the_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(corpora.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pyarrow.*NMVIZ_WIKITEXT2"):
        corpora.read("wikitext-2")

    def unreachable(*_: object) -> Path:
        raise UserError("The hub cannot be reached.")

    monkeypatch.setattr(corpora.importlib.util, "find_spec", lambda name: ModuleType(name))
    monkeypatch.setattr(hub, "dataset_file", unreachable)
    with pytest.raises(UserError, match=r"cannot be reached; or .*NMVIZ_WIKITEXT2"):
        corpora.read("wikitext-2")


def test_an_unknown_corpus_suggests() -> None:
    with pytest.raises(UserError, match="did you mean wikitext-2"):
        corpora.read("wikitext2")


def test_a_user_s_file_is_read_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes("\ufeffGrüße\r\nund mehr 😀".encode())
    assert corpora.read_file(file) == "Grüße\r\nund mehr 😀", "only the byte order mark goes"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("Grüße".encode("latin-1"), "is not UTF-8 text"),
        (b"\xff\xfea\0", "is not UTF-8 text"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"a\0b", "zero bytes"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes(content)
    with pytest.raises(UserError, match=words):
        corpora.read_file(file)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("x" * 5000, r"^x{200} cannot be read \("),
        ("~nosuchuser/x", "'~nosuchuser/x' is not a path"),
        ("a\0b", "is not a path"),
        ("a\ud800b", "is not a path"),
    ],
    ids=["long", "no such home", "zero byte", "half a character"],
)
def test_what_can_be_no_path_is_one_sentence(path: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        corpora.read_file(path)


def test_a_file_in_a_folder_that_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "stat", forbidden)
    with pytest.raises(UserError, match=r"text\.txt cannot be read \(Permission denied\)"):
        corpora.read_file(tmp_path / "text.txt")


def test_missing_folders_and_large_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no file"):
        corpora.read_file(tmp_path / "none.txt")
    with pytest.raises(UserError, match="There is no file"):
        corpora.read_file(Path(__file__) / "none.txt")
    with pytest.raises(UserError, match="is not a file"):
        corpora.read_file(tmp_path)
    large = tmp_path / "large.txt"
    with large.open("wb") as file:
        file.truncate(corpora.LARGEST_TEXT + 1)
    with pytest.raises(UserError, match="larger than 50 MB"):
        corpora.read_file(large)


def test_text_that_no_tokenizer_takes() -> None:
    assert corpora.check_text("fine") == "fine"
    with pytest.raises(UserError, match="half characters"):
        corpora.check_text("a\ud800")
    with pytest.raises(UserError, match="larger than 50 MB"):
        corpora.check_text("é" * 25_000_001)


def test_wikitext_2_joined_is_its_rows_with_a_blank_line_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = " \n = Title = \n \n A text\u2028 of one row . \n"
    (tmp_path / "wiki.test.raw").write_text(raw, encoding="utf-8", newline="")
    monkeypatch.setenv(corpora.WIKITEXT2_FOLDER, str(tmp_path))
    rows = ["", " = Title = \n", "", " A text\u2028 of one row . \n"]  # as the hub has them
    assert corpora.read("wikitext-2-joined") == "\n\n".join(rows)
    assert corpora.identify("wikitext-2-joined") == corpora.identify("wikitext-2")
