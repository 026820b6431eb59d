"""What was calibrated or learned, kept on disk under the key of exactly what it depends on."""

import hashlib
import json
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from nmviz.base.cache import cache_dir, disk_errors, make_folder
from nmviz.base.errors import StorageError
from nmviz.engine.prune.sparsify import Pruned, States
from nmviz.methods.method import Call

SEPARATOR = "|"
FORMAT = 2  # raise it when calibration comes to mean something else


def key_of(pruned: Pruned, model_sha256: str, corpus_sha256: str) -> str:
    """SHA-256 over model, sites, methods, calibration data and seed, and what they depend on.

    Corpus, window and token budget of the evaluation are no part of it: another budget does not
    calibrate again. The pattern and the other methods count only where calibration sees their mask,
    in which ties go to the lower index, however they are broken later.
    """
    experiment = pruned.experiment
    calibrated = [call for call in pruned.calls if call.method.calibrated]
    masked = any(call.method.facts.sees_mask for call in calibrated)
    seen = pruned.calls if masked else _up_to_the_last_calibrated(pruned.calls)
    depends = {
        "format": FORMAT,
        "model": model_sha256,
        "calibration": corpus_sha256,
        "windows": experiment.calibration_windows,
        "seed": experiment.seed,
        "target": experiment.target,
        "pattern": experiment.pattern if masked else None,
        "methods": [str(call) for call in seen],
        "projections": experiment.projections,
        "blocks": experiment.blocks,
    }
    if masked and (rule := experiment.to_json().get("dropping")):  # what the blocks before it lost
        depends["dropping"] = rule
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def _up_to_the_last_calibrated(calls: Sequence[Call]) -> list[Call]:
    """The calibrated methods, and the mitigations before them that change the inputs they see.

    Inputs reach the criterion last; gradients are the dense model's own.
    """
    criterion, *repairs = calls
    if criterion.method.facts.needs != "inputs":
        while repairs and not repairs[-1].method.calibrated:
            repairs.pop()
    return [criterion, *repairs] if criterion.method.calibrated else repairs


def path_of(key: str) -> Path:
    """Where an artefact lies, or will lie."""
    return cache_dir() / "calibrated" / f"{key}.safetensors"


def save(key: str, pruned: Pruned, figures: Mapping[str, float]) -> None:
    """Write what calibration gave every site, whole or not at all; `figures` are kept beside it."""
    calibrated = {call.method.name for call in pruned.calls if call.method.calibrated}
    path = path_of(key)
    make_folder(path.parent)
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    with disk_errors(path.parent):
        try:
            write(beside, pruned, calibrated, figures)
            os.replace(beside, path)
        except SafetensorError as error:  # its own word for a disk that is full or fails
            said = f"The folder {path.parent} cannot be written: {error}."
            raise StorageError(said, path.parent) from None
        finally:
            beside.unlink(missing_ok=True)


def write(
    path: Path, pruned: Pruned, methods: Collection[str], figures: Mapping[str, float]
) -> None:
    """The state that these methods have at every site, as one file of safetensors, a tensor named
    `site|method|name`. OSError or SafetensorError where it cannot be written."""
    tensors = {
        SEPARATOR.join((site.name, method, name)): tensor.contiguous()
        for site, states in pruned.states.items()
        for method, state in states.items()
        for name, tensor in state.items()
        if method in methods
    }
    about = {name: repr(value) for name, value in figures.items()}
    save_file(_unshared(tensors), path, about or None)  # with {} and no tensors it is unreadable


def load(key: str, pruned: Pruned, device: str) -> dict[str, float] | None:
    """Give the sites their state back; the figures beside it, or None when nothing is kept."""
    path = path_of(key)
    if not path.is_file():
        return None
    try:
        return read(path, pruned, device)
    except (OSError, SafetensorError):  # a spoiled file is made again
        return None


def read(path: Path, pruned: Pruned, device: str) -> dict[str, float]:
    """The same from the file that `write` made. OSError or SafetensorError where it cannot be
    read."""
    by_name = {site.name: site for site in pruned.sites}
    with safe_open(path, framework="pt", device=device) as file:
        for place in file.keys():  # noqa: SIM118 (no mapping: it has no iterator)
            name, method, tensor = place.split(SEPARATOR)
            if name in by_name:
                states: States = pruned.states[by_name[name]]
                states.setdefault(method, {})[tensor] = file.get_tensor(place)
        figures = file.metadata() or {}
    return {name: float(value) for name, value in figures.items()}


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """safetensors refuses tensors that share memory: a shared one is copied."""
    seen: set[int] = set()
    own: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        own[name] = tensor.clone() if tensor.data_ptr() in seen else tensor
        seen.add(tensor.data_ptr())
    return own
