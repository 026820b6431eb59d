"""What whole commands take, of time and of memory: each a process of its own, beside an older
checkout that is given the same to do."""

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

from nmviz.base.benching import Row, Size, seconds_of, spread
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment

CORPUS, TOKENS, WINDOW = "wikitext-2-validation", 8192, 512
"""A text of which no run ships at that budget: a shipped one would be found, and not measured."""
PATTERNS = ("1:4", "2:4", "4:8", "8:16", "16:32", "50%")
ACTIVATION = {"criterion": ("magnitude", "clact", "amber", "wina")}
MAGNITUDE = {"target": ("weight",), "criterion": ("magnitude",), "ties": ("index",)}
WANDA = {"target": ("weight",), "criterion": ("wanda",)}
RUNS = {"activations": (), "weights": ("--target", "weight", "--ties", "index")}
OLDER = ("--target", "weight")  # the rule of ties that a checkout of before `--ties` has
RUN_CORPUS, RUN_TOKENS = "wikitext-2", 2048  # of these no run ships either

PEAK = "NMVIZ_BENCH_PEAK"
TELL_PEAK = f"""
import atexit, os, pathlib
def tell():
    status = pathlib.Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.is_file() else ():
        if line.startswith("VmHWM:"):
            pathlib.Path(os.environ["{PEAK}"]).write_text(str(1024 * int(line.split()[1])))
atexit.register(tell)
"""
"""What a command is started with, so that at its end it writes down the most that it held."""

Fields = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Checkout:
    """A checkout whose own `nmviz` is run, with a cache of its own."""

    name: str
    folder: Path
    cache: Path
    start: str = "from nmviz.cli.main import main; main()"

    def run(self, arguments: Sequence[str]) -> "Taken":
        """What a command takes whose store has nothing but what ships. UserError where it fails."""
        with tempfile.TemporaryDirectory() as place:
            own = {
                "PYTHONPATH": str(self.folder),
                "NMVIZ_CACHE": str(self.cache),
                "NMVIZ_STORE_URL": f"sqlite:///{place}/store.sqlite",
            }
            command = [sys.executable, "-c", TELL_PEAK + self.start, *arguments]
            return taken(command, {**os.environ, **own}, Path(place))

    def sweep(self, grid: Path, count: int) -> "Taken":
        """What a sweep takes that measures so many. UserError where it would find some of them."""
        plan = self.run(("sweep", str(grid), "--plan", "--json"))
        to_do = json.loads(plan.said)["counts"]["to_do"]
        if to_do != count:
            raise UserError(f"{self.name}: of {count} only {to_do} would be measured.")
        return self.run(("sweep", str(grid), "--json"))


@dataclass(frozen=True)
class Taken:
    """Seconds, the most bytes that were resident, and what was said. Where the system tells the
    peak of a process by itself it is that: the one of `wait4` begins with what the parent had."""

    seconds: float
    peak: int
    said: str


def taken(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Taken:
    """What a process takes from its start to its end; what it says is shown where it fails."""
    told_peak = folder / "peak"
    environment = {**environment, PEAK: str(told_peak)}
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as answer:
        began = perf_counter()
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=answer, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = perf_counter() - began
        if process.returncode:
            said.seek(0)
            last = said.read().decode(errors="replace").strip().splitlines()[-1:]
            raise UserError(f"nmviz {' '.join(command[3:])} failed: {' '.join(last)}")
        answer.seek(0)
        told = answer.read().decode()
    unit = 1 if sys.platform == "darwin" else 1024
    peak = int(told_peak.read_text()) if told_peak.is_file() else used.ru_maxrss * unit
    return Taken(seconds, peak, told)


def sweep(against: Path | None, turns: int) -> Iterator[Row | Size]:
    """Sweeps of 24 experiments on activations and twelve on weights, over the plain dense pass of
    transformers and over the usual way. Hours: what every turn takes is some twenty minutes."""
    from nmviz.engine.plain import Plain

    plain = Plain(Experiment().model, CORPUS, TOKENS, WINDOW)
    with tempfile.TemporaryDirectory() as place:
        cases = _sweeps(_checkouts(against, Path(place)), Path(place))
        calibrated = {name: case() for name, case in cases.items() if "weights" in name}
        seconds: dict[str, list[float]] = {name: [] for name in (PLAIN, USUAL, *cases)}
        peaks: dict[str, list[int]] = {name: [] for name in cases}
        for _ in range(turns):
            seconds[PLAIN].append(seconds_of(plain.dense))
            seconds[USUAL].append(seconds_of(plain.usual_way))
            for name, case in cases.items():
                one = case()
                seconds[name].append(one.seconds / _count(name))
                peaks[name].append(one.peak)
    base = median(seconds[PLAIN])
    yield from (Row(name, *spread(some, base), PLAIN) for name, some in seconds.items())
    for name, first in calibrated.items():
        apart = first.seconds - _count(name) * median(seconds[name])
        yield Row(f"calibrating for {name}", *spread([max(apart, 0.0)], base), PLAIN)
    first_peak = median(next(iter(peaks.values())))
    yield from (
        Size(name, *spread(some, first_peak), next(iter(peaks))) for name, some in peaks.items()
    )


def memory(against: Path | None, turns: int) -> Iterator[Row | Size]:
    """The most that `nmviz run` holds, on 2,048 tokens."""
    asked = ("run", "--corpus", RUN_CORPUS, "--tokens", str(RUN_TOKENS), "--json")
    with tempfile.TemporaryDirectory() as place:
        checkouts = _checkouts(against, Path(place))
        cases = {
            f"{one.name}, {what}": partial(
                one.run, (*asked, *(OLDER if extra and one.name != HERE else extra))
            )
            for what, extra in RUNS.items()
            for one in checkouts
        }
        peaks: dict[str, list[int]] = {name: [] for name in cases}
        for _ in range(turns):
            for name, case in cases.items():
                peaks[name].append(case().peak)
    first = next(iter(peaks))
    base = median(peaks[first])
    yield from (Size(name, *spread(some, base), first) for name, some in peaks.items())


PLAIN = f"a plain dense pass of transformers, {TOKENS:,} tokens"
USUAL = "an experiment the usual way, with a dense pass of its own"
HERE, THERE = "here", "the other checkout"


def _checkouts(against: Path | None, place: Path) -> list[Checkout]:
    here = Checkout(HERE, Path(__file__).parents[2], place / "cache-here")
    if against is None:
        return [here]
    return [here, Checkout(THERE, against.resolve(), place / "cache-there", _start_of(against))]


def _start_of(checkout: Path) -> str:
    """What starts its `nmviz`, by its own pyproject.toml."""
    try:
        about = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))
        module, _, function = about["project"]["scripts"]["nmviz"].partition(":")
    except (OSError, ValueError, KeyError):
        raise UserError(f"{checkout} is no checkout of nmviz: name the folder of one.") from None
    return f"from {module} import {function}; {function}()"


def _sweeps(checkouts: Sequence[Checkout], place: Path) -> dict[str, Callable[[], Taken]]:
    """A sweep by what an experiment of it is called; one of before `ties` is given only Wanda."""
    cases: dict[str, Callable[[], Taken]] = {}
    for one in checkouts:
        weights = [MAGNITUDE, WANDA] if one.name == HERE else [WANDA]
        for what, grids in (("activations", [ACTIVATION]), ("weights", weights)):
            count = sum(len(PATTERNS) * len(grid["criterion"]) for grid in grids)
            file = place / f"{one.name}-{what}.yaml"
            file.write_text(_yaml(grids), encoding="utf-8")
            name = f"{one.name}, an experiment on {what} of {count}"
            cases[name] = partial(one.sweep, file, count)
    return cases


def _yaml(grids: Sequence[Fields]) -> str:
    shared = {"corpus": [CORPUS], "tokens": [str(TOKENS)], "window": [str(WINDOW)]}
    lines = ["shared:"]
    lines += [f"  {name}: {values[0]}" for name, values in shared.items()]
    lines += [f"  pattern: [{', '.join(PATTERNS)}]", "grids:"]
    for grid in grids:
        fields = [f"{name}: [{', '.join(values)}]" for name, values in grid.items()]
        lines.append("  - " + "\n    ".join(fields))
    return "\n".join(lines) + "\n"


def _count(name: str) -> int:
    return int(name.rpartition(" ")[2])
