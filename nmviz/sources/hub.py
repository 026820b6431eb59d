"""The model hub: which files of a repository are wanted, and its refusals in plain words.

Only safetensors (or GGUF where there are none) and text files are ever fetched: no pickle, no code.
"""

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from time import monotonic

from huggingface_hub import HfApi, constants, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from nmviz.base.cache import make_folder, require_space
from nmviz.base.errors import UserError

HUB_ID = re.compile(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")
ADAPTER = "adapter_config.json"
INDEX = "model.safetensors.index.json"
WHOLE = "model.safetensors"
TEXT_FILES = frozenset(
    "config.json generation_config.json tokenizer.json tokenizer_config.json tokenizer.model "
    "special_tokens_map.json added_tokens.json vocab.json vocab.txt merges.txt chat_template.jinja "
    f"chat_template.json {INDEX}".split()
)
"""Config and tokenizer files: with the weights, all that is fetched and all that is hashed."""

HUB_PATIENCE = 10  # seconds
FAILURE_KEPT = 60  # seconds
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")


@dataclass(frozen=True)
class Listing:
    """What a repository holds at one commit: file name to bytes (0 where unknown)."""

    commit: str
    sizes: Mapping[str, int]


_answers: dict[str, tuple[float, Listing | UserError | None]] = {}
_asking = Lock()


def choose_weights(names: Iterable[str], where: str) -> tuple[str, ...]:
    """The weight files to use, sorted: safetensors, else the one GGUF file.

    UserError when there are several GGUF files, only pickles, or none at all, and for an adapter:
    transformers would put it into the model, whose layers and identity would be others.
    """
    names = sorted(name for name in names if "/" not in name)
    if ADAPTER in names:
        raise UserError(
            f"{where} holds an adapter ({ADAPTER}): merge it into its model first, and give what "
            "comes out."
        )
    tensors = [name for name in names if name.endswith(".safetensors")]
    if tensors:
        usual = r"model(-\d+-of-\d+)?\.safetensors"
        return tuple([name for name in tensors if re.fullmatch(usual, name)] or tensors)
    ggufs = [name for name in names if name.endswith(".gguf")]
    if len(ggufs) == 1:
        return tuple(ggufs)
    if ggufs:
        raise UserError(
            f"{where} holds {len(ggufs)} GGUF files: choose one and give its path as the model "
            f"({', '.join(ggufs[:3])}{' ...' if len(ggufs) > 3 else ''})."
        )
    if any(name.endswith(PICKLES) for name in names):
        raise UserError(
            f"{where} has its weights only as pickles, which can run code: use a model saved as "
            "safetensors or GGUF."
        )
    raise UserError(f"{where} holds no safetensors or GGUF weights: choose a model that has some.")


def snapshot(model_id: str, *, again: bool = False) -> Path:
    """The folder with the wanted files of `owner/name[@revision]`, fetched where missing, or all of
    them `again`."""
    repository, revision = split_id(model_id)
    listing = _listing(repository, revision, model_id)
    if listing is None and again:
        raise _unreachable(model_id)
    if listing is None:
        return _snapshot_offline(repository, revision, model_id)
    weights = choose_weights(listing.sizes, model_id)
    _require_space_for(listing, weights, repository, model_id)
    wanted = [*weights, *(name for name in listing.sizes if name in TEXT_FILES)]
    download = partial(snapshot_download, force_download=True) if again else snapshot_download
    with _plain_words(model_id):
        made = Path(download(repository, revision=listing.commit, allow_patterns=wanted))
    if _fetched(repository, revision) != made:
        _know_by_name(repository, revision, listing.commit, weights[0])
    return made


def _know_by_name(repository: str, revision: str | None, commit: str, file: str) -> None:
    """What was fetched by its commit is found without the hub by its name alone, too: the hub's
    cache learns what a name stands for when a file, which is here, is asked for by that name."""
    with suppress(Exception):  # it is here; without the hub it would have to be fetched again
        info = HfApi().model_info(repository, revision=revision, timeout=HUB_PATIENCE)
        if info.sha == commit:
            hf_hub_download(repository, file, revision=revision)


def is_here(model_id: str) -> bool:
    """Whether its weights were fetched before; the hub is not asked."""
    return _fetched(*split_id(model_id)) is not None


def refuse_without_weights(model_id: str) -> None:
    """UserError for a repository without weights that are read, and for one that can neither be
    asked for nor lies here whole. Nothing is fetched."""
    repository, revision = split_id(model_id)
    listing = _listing(repository, revision, model_id)
    if listing is None:
        _snapshot_offline(repository, revision, model_id)
    else:
        choose_weights(listing.sizes, model_id)


def text_file(model_id: str, name: str, *, needed: bool = True) -> Path | None:
    """One config or tokenizer file of a repository, cached copy first; None where it has none, and
    where nobody can tell unless it is `needed`."""
    repository, revision = split_id(model_id)
    with _plain_words(model_id), suppress(LocalEntryNotFoundError):
        return Path(hf_hub_download(repository, name, revision=revision, local_files_only=True))
    listing = _listing(repository, revision, model_id)
    if listing is None and needed:
        raise _unreachable(model_id)
    if listing is None or name not in listing.sizes:
        return None
    with _plain_words(model_id):
        return Path(hf_hub_download(repository, name, revision=listing.commit))


def cached_dataset_file(repository: str, name: str) -> Path | None:
    """One file of a data set on the hub where it was fetched before; the hub is not asked."""
    with _plain_words(repository), suppress(LocalEntryNotFoundError):
        return Path(hf_hub_download(repository, name, repo_type="dataset", local_files_only=True))
    return None


def dataset_file(repository: str, name: str) -> Path:
    """One file of a data set on the hub, cached copy first."""
    known = cached_dataset_file(repository, name)
    if known is not None:
        return known
    with _plain_words(repository):
        commit = HfApi().dataset_info(repository).sha
        return Path(hf_hub_download(repository, name, repo_type="dataset", revision=commit))


@lru_cache(maxsize=64)
def dataset_commit(repository: str) -> str:
    """The newest commit of a data set, asked of the hub once in a process."""
    with _plain_words(repository):
        return str(HfApi().dataset_info(repository, timeout=HUB_PATIENCE).sha)


def split_id(model_id: str) -> tuple[str, str | None]:
    """`owner/name@revision` to its two parts. UserError when it has another form."""
    match = HUB_ID.fullmatch(model_id)
    if not match:
        raise UserError(
            f"{model_id[:80]!r} is not a model: give a known name, a folder, a GGUF file, or an "
            "id of the hub as owner/name."
        )
    return match[1], match[2]


def _listing(repository: str, revision: str | None, model_id: str) -> Listing | None:
    """The repository's files, asked of the hub; None when the hub cannot be reached.

    An answer is remembered as long as the process lives, a failure for a minute: the page describes
    what it offers several times an event, and would wait for the hub each time.
    """
    with _asking:
        asked, answer = _answers.get(model_id, (-math.inf, None))
        if not isinstance(answer, Listing) and monotonic() - asked > FAILURE_KEPT:
            answer = _ask(repository, revision, model_id)
            _answers[model_id] = monotonic(), answer
    if isinstance(answer, UserError):
        raise UserError(str(answer))
    return answer


def _ask(repository: str, revision: str | None, model_id: str) -> Listing | UserError | None:
    try:
        with _plain_words(model_id):
            info = HfApi().model_info(
                repository, revision=revision, files_metadata=True, timeout=HUB_PATIENCE
            )
    except _UnreachableError:
        return None
    except UserError as refusal:
        return refusal
    sizes = {entry.rfilename: entry.size or 0 for entry in info.siblings or ()}
    return Listing(info.sha or "main", sizes)


def _snapshot_offline(repository: str, revision: str | None, model_id: str) -> Path:
    folder = _fetched(repository, revision)
    if folder is None:
        raise _unreachable(model_id)
    return folder


def _fetched(repository: str, revision: str | None) -> Path | None:
    """The folder of what was fetched before, with its weights; the hub is not asked. Its client
    calls a folder incomplete that lacks any file that is asked for, and pickles always are."""
    wanted = ["config.json"]  # what else there has to be is looked at here
    try:
        found = snapshot_download(
            repository, revision=revision, local_files_only=True, allow_patterns=wanted
        )
        return Path(found) if _is_complete(Path(found)) else None
    except (LocalEntryNotFoundError, OSError, ValueError, KeyError):  # or its index is damaged
        return None


def _is_complete(folder: Path) -> bool:
    """Whether the weights are there; a config alone leaves a folder behind as well."""
    index = folder / INDEX
    if index.is_file():
        shards = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        return all((folder / shard).is_file() for shard in shards)
    return any(folder.glob("*.safetensors")) or any(folder.glob("*.gguf"))


def _require_space_for(
    listing: Listing, weights: tuple[str, ...], repository: str, model_id: str
) -> None:
    variable = "HF_HUB_CACHE" if os.environ.get("HF_HUB_CACHE") else "HF_HOME"
    cache = make_folder(Path(constants.HF_HUB_CACHE), variable)
    owned = cache / f"models--{repository.replace('/', '--')}" / "snapshots" / listing.commit
    missing = sum(listing.sizes[name] for name in weights if not (owned / name).exists())
    require_space(cache, missing, model_id, variable)


class _UnreachableError(UserError):
    """No answer from the hub; what is cached may still do."""


def _unreachable(model_id: str) -> _UnreachableError:
    return _UnreachableError(
        f"{model_id} could not be fetched, because the model hub cannot be reached, and there is "
        "no complete copy on this machine: connect, or give a folder that holds the model."
    )


@contextmanager
def _plain_words(name: str) -> Iterator[None]:
    """The hub's refusals, each as one sentence (UserError)."""
    try:
        yield
    except GatedRepoError:
        raise UserError(
            f"{name} asks for its terms to be accepted: accept them on its page on the hub and "
            "set HF_TOKEN, or choose another model."
        ) from None
    except RevisionNotFoundError:
        raise UserError(f"{name} has no such revision: check what stands after the @.") from None
    except RepositoryNotFoundError:
        raise UserError(
            f"The hub has no {name}, or it is private: check the name, or set HF_TOKEN."
        ) from None
    except HFValidationError:
        raise UserError(f"{name} is not a valid name on the hub: write owner/name.") from None
    except UserError:
        raise
    except OSError as error:
        if isinstance(error, LocalEntryNotFoundError) or error.errno is None:
            raise _unreachable(name) from None
        raise UserError(f"{name} could not be stored ({error.strerror}): mend that.") from None
    except Exception:  # the HTTP library's errors share no public class of the hub's
        raise _unreachable(name) from None
