"""What a sweep on Ray costs beside the measuring, and how much a database takes: the numbers of
docs/scaling.md.

    python tools/measure_scaling.py tasks MODEL        # seconds of a task beside its measuring
    python tools/measure_scaling.py puts [PROCESSES]   # results a second into NMVIZ_STORE_URL

`tasks` runs twenty small tasks by one worker on a cluster of this machine alone and keeps nothing:
its store is a temporary file. `puts` writes results that ship under other seeds, so name a database
that may be dropped afterwards.
"""

import gzip
import multiprocessing
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from nmviz.core.grids import parse_grid
from nmviz.core.results import Result
from nmviz.service import schedules
from nmviz.service.cluster.apart import Apart
from nmviz.service.cluster.asked import Asked, Node
from nmviz.service.cluster.messages import Connected, Ended
from nmviz.store import open_store
from nmviz.store.transfer.jsonl import read_jsonl

TASKS = 20
PUTS = 200  # by each process
GRID = "grids: [{{model: '{model}', tokens: [{tokens}], window: '32', pattern: 8:16}}]"
SAMPLE = Path(__file__).parents[1] / "results" / "runs"


def main() -> None:
    """Measure what is named."""
    what, *rest = sys.argv[1:]
    print({"tasks": tasks, "puts": puts}[what](rest))


def tasks(given: Sequence[str]) -> str:
    """Seconds until there is a cluster, until the first task ended, and between two tasks beside
    what they measured."""
    tokens = ", ".join(f"'{64 + 32 * number}'" for number in range(TASKS))
    grid = parse_grid(GRID.format(model=given[0], tokens=tokens), "the grid")
    schedule = schedules.schedule(grid)
    own = Node("this machine", 1.0, 0.0)
    asked = Asked(workers=1)
    began = time.perf_counter()
    ended: list[tuple[float, float]] = []
    with TemporaryDirectory() as folder:
        store = f"sqlite:///{folder}/store.sqlite"
        open_store(store).close()
        with Apart(asked, own, schedule.groups, schedule.how, store) as ray:
            for message in ray.messages():
                now = time.perf_counter() - began
                if isinstance(message, Connected):
                    connected = now
                elif isinstance(message, Ended):
                    ended.append((now, message.came.seconds))
    beside = [later - earlier - measured for (earlier, _), (later, measured) in pairwise(ended)]
    return (
        f"cluster {connected:.1f} s, first task after {ended[0][0]:.1f} s, {len(ended)} tasks of "
        f"{median(measured for _, measured in ended):.2f} s, beside that {median(beside):.3f} s "
        f"(at most {max(beside):.3f})"
    )


def puts(given: Sequence[str]) -> str:
    """Results a second, written one by one by so many processes, and bytes of one as text."""
    count = int(given[0]) if given else 1
    with multiprocessing.get_context("spawn").Pool(count) as pool:
        pool.map(_ready, range(count))
        began = time.perf_counter()
        pool.map(_put, range(count), chunksize=1)
        seconds = time.perf_counter() - began
    texts = [one.model_dump_json().encode() for one in _sample()]
    size, small = (median(map(len, some)) for some in (texts, list(map(gzip.compress, texts))))
    return (
        f"{count} writers: {count * PUTS / seconds:.0f} results a second, "
        f"{seconds / PUTS * 1000:.1f} ms each; "
        f"a result is {size / 1000:.0f} kB as JSON, {small / 1000:.0f} kB compressed"
    )


def _sample() -> list[Result]:
    file = max(SAMPLE.glob("*.jsonl"), key=lambda one: one.stat().st_size)
    return read_jsonl(file)[:20]


def _ready(_number: int) -> None:
    open_store().close()
    time.sleep(1)


def _put(number: int) -> None:
    sample = _sample()
    with open_store() as store:
        for at in range(PUTS):
            one = sample[at % len(sample)]
            seed = 1_000 + number * PUTS + at
            experiment = one.experiment.model_copy(update={"seed": seed})
            store.put(one.model_copy(update={"experiment": experiment}))


if __name__ == "__main__":
    main()
