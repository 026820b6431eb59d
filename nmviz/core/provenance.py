"""Where a run of our own comes from: versions, commit and machine. Names no person and no host."""

import os
import platform
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import nmviz
from nmviz.core.coverage import Coverage
from nmviz.core.results import Provenance

OWN = "nmviz"
"""The source of runs made with this program."""
PACKAGES = ("torch", "transformers", "numpy", "safetensors", "gguf")
"""Those that decide what number comes out."""
TASK_PACKAGES = (*PACKAGES, "lm-eval", "datasets")
"""The same where tasks are run."""
SPECIAL_TOKENS = "special_tokens"
"""The setting of a run over a text of the user's own that says how they are read there."""
UNREAD, STORED, PART = "unread tensors", "stored weights", "part of the model"
ORIGIN, STREAMED = "origin", "streamed"
"""The settings that say how a checkpoint was read, what it was made from where nmviz made it, and
that it was never in memory as a whole; a run has those that there is something to say of."""
MAYBE_SPECIAL = re.compile(r"<\S+>|\[/?[A-Z_]+\]")
"""How tokenizers write their special tokens."""
PROJECT = Path(__file__).resolve().parents[2]
GIB = 2**30


def as_text(count: int) -> str:
    """What that setting says of so many that are written out."""
    return f"{count:,} written out, read as text" if count else "none written out"


def as_read(made: Provenance) -> list[str]:
    """What a result says of how its model was read, in lines."""
    asked = {name: made.settings.get(name) for name in (ORIGIN, PART, STORED, UNREAD, STREAMED)}
    return [f"{name}: {said}" for name, said in asked.items() if said]


def cut_of(task: str) -> str:
    """The setting that says how many prompts of a task were cut; missing where none were."""
    return f"prompts cut of {task}"


def cut_in_words(cut: int, asked: int) -> str:
    """What it says: prompts are counted with each of their answers."""
    return (
        f"{cut:,} of {asked:,} prompts ({cut / asked:.1%}) are longer than the model reads at once "
        "and lost their beginning"
    )


def may_read_otherwise(made: Provenance, text: str | None) -> bool:
    """Whether special tokens written out in the user's text may have been control tokens in a
    result: those of older versions do not say that they were read as text."""
    return bool(text and SPECIAL_TOKENS not in made.settings and MAYBE_SPECIAL.search(text))


def collect(
    *,
    started: datetime | str,
    seconds: float,
    device: str,
    threads: int | None,
    settings: Mapping[str, str],
    artefacts: Mapping[str, str],
    packages: tuple[str, ...] = PACKAGES,
    note: str | None = None,
    coverage: Coverage | None = None,
) -> Provenance:
    """The provenance of a run that just ended. A `started` without a time zone is taken as
    UTC; `threads` are left out where nothing hangs on them."""
    return Provenance(
        source=OWN,
        started=_utc(started),
        seconds=seconds,
        versions=dict(_versions(packages)),
        commit=_commit(),
        machine={**machine(), **({} if threads is None else {"threads": threads})},
        device=device,
        settings=dict(settings),
        artefacts=dict(artefacts),
        note=note,
        coverage=coverage,
    )


def _utc(started: datetime | str) -> str:
    time = datetime.fromisoformat(started) if isinstance(started, str) else started
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="milliseconds")


@cache
def _versions(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    found = {"nmviz": nmviz.__version__, "python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def _commit(project: Path = PROJECT) -> str | None:
    """The commit of the checkout, `+changes` behind it when a tracked file differs; else None."""
    if not (project / ".git").exists():
        return None
    command = ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+changes"]
    try:
        done = subprocess.run(
            command, cwd=project, capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


@cache
def machine() -> dict[str, str | int]:
    """Processor, cores, system and memory of this machine; no name of it."""
    facts: dict[str, str | int] = {
        "processor": _processor(),
        "cores": _cores(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    memory = _memory_gib()
    return facts if memory is None else {**facts, "memory_gib": memory}


def _processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    try:
        for line in cpuinfo.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return " ".join(value.split())
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _cores() -> int:
    """Those this process may use, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_gib() -> int | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB)
    except (AttributeError, ValueError, OSError):
        return None
