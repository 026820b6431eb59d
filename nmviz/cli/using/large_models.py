"""`nmviz bench stream`: models of random weights measured block by block, against one that is all
in memory and against the arithmetic alone."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from nmviz.base.benching import Row, Size, spread
from nmviz.base.cache import cache_dir, megabytes, require_space
from nmviz.base.errors import UserError
from nmviz.base.memory import memory_left
from nmviz.cli.timed_commands import HERE, RUN_CORPUS, RUN_TOKENS, WINDOW, Checkout, Taken
from nmviz.core.experiment import Experiment

GIB = 2**30
TEXT = {"corpus": RUN_CORPUS, "tokens": RUN_TOKENS, "window": WINDOW}
ONE: tuple[dict[str, Any], ...] = ({"pattern": "8:16"},)
FOUR: tuple[dict[str, Any], ...] = (
    {"pattern": "2:4"},
    {"pattern": "8:16"},
    {"pattern": "8:16", "mitigations": ("d-pts", "var")},
    {"pattern": "2:4", "target": "weight", "criterion": "wanda", "calibration_windows": 4},
)
"""What is measured of the smaller and of the larger model."""
SMALLER, LARGER = "1.1 billion parameters", "6.9 billion parameters, four experiments"
IN_MEMORY = 8 * GIB
"""Bytes that all of the smaller model takes, with the work on it."""
BUDGETS = {"loaded whole": None, "streamed": 2_500_000_000}
LARGE_BUDGET = 4 * GIB
DISK = 3_000_000_000, 15_000_000_000
"""Bytes of the two models on disk."""
DRIVE = """
import json, sys
from nmviz import service
from nmviz.core.experiment import Experiment
from nmviz.core.running import Running
asked, how = json.loads(sys.argv[1])
for last in service.run([Experiment.build(**one) for one in asked], how=Running(**how)):
    pass
print(json.dumps([one.get("delta_nll").value for one in last.results]))
"""
HOW = {"keep": False, "keep_passes": False, "partial_results": False, "exact_errors": False}


def stream(_against: Path | None, turns: int) -> Iterator[Row | Size]:
    """Time and peak of a run of 1.1 billion parameters, streamed and loaded whole, a process each;
    then, once, dense and four experiments on a model of the shape of Llama 2 7B, with the words of
    SmolLM2, in 4 GiB, beside what two of its blocks in memory take, reckoned up to all of them.

    UserError where disk or memory do not do.
    """
    from nmviz.engine.stream.random_weights import BILLION, SEVEN_BILLION

    left = memory_left()
    if left is not None and left < IN_MEMORY:
        raise UserError(
            f"The whole model takes {megabytes(IN_MEMORY)} MB of memory, and {megabytes(left)} "
            "MB are free: end what else runs."
        )
    with random_model(BILLION, DISK[0]) as folder:
        found: dict[str, list[Taken]] = {name: [] for name in BUDGETS}
        for _ in range(turns):
            for name, budget in BUDGETS.items():
                found[name].append(_run(folder, ONE, budget))
    first = f"{SMALLER}, {next(iter(BUDGETS))}"
    of_first = found[next(iter(BUDGETS))]
    base = median(one.seconds for one in of_first), median(one.peak for one in of_first)
    for name, some in found.items():
        case = f"{SMALLER}, {name}"
        yield Row(f"{case}, time", *spread([one.seconds for one in some], base[0]), first)
        yield Size(f"{case}, peak", *spread([one.peak for one in some], base[1]), first)
    yield from large(SEVEN_BILLION, DISK[1], LARGER)


def large(shape: Mapping[str, int], disk: int, named: str) -> Iterator[Row | Size]:
    """A model of that shape once in 4 GiB: its time against its arithmetic alone, its peak against
    its weights in fp32."""
    blocks = shape["num_hidden_layers"]
    with random_model({**shape, "num_hidden_layers": 2}, disk) as folder:
        alone = arithmetic(folder, FOUR, blocks)
    with random_model(shape, disk) as folder:
        weights = 2 * sum(file.stat().st_size for file in folder.glob("*.safetensors"))
        taken = _run(folder, FOUR, LARGE_BUDGET)
    against = f"{named}, arithmetic alone"
    yield Row(against, *spread([alone], alone), against)
    yield Row(f"{named}, streamed, time", *spread([taken.seconds], alone), against)
    against = f"{named}, weights in fp32"
    yield Size(against, *spread([weights], weights), against)
    yield Size(f"{named}, streamed, peak", *spread([taken.peak], weights), against)


def arithmetic(folder: Path, asked: Sequence[dict[str, Any]], blocks: int) -> float:
    """Seconds that experiments on a model of so many blocks take once all is in memory, from those
    of a model of fewer that is."""
    from nmviz.core.running import Running
    from nmviz.engine.load.loading import load
    from nmviz.engine.stream.benches import seconds_of_blocks
    from nmviz.service.choices import resolve, text_of

    resolved = [resolve(one) for one in _experiments(folder, asked)]
    return seconds_of_blocks(
        load(str(folder)), resolved, text_of(RUN_CORPUS, None), Running(**HOW), blocks
    )


@contextmanager
def random_model(shape: Mapping[str, int], disk: int) -> Iterator[Path]:
    """Inside, a folder with a model of that shape, which takes so many bytes of disk."""
    from nmviz.engine.load.loading import load
    from nmviz.engine.stream.random_weights import write_random

    with tempfile.TemporaryDirectory() as place:
        require_space(Path(place), disk, "The model that is measured")
        load(Experiment().model)  # whose tokenizer it is given
        folder = Path(place) / "random"
        folder.mkdir()
        write_random(folder, Experiment().model, shape)
        yield folder


def _run(folder: Path, asked: Sequence[dict[str, Any]], budget: int | None) -> Taken:
    here = Checkout(HERE, Path(__file__).parents[3], cache_dir(), DRIVE)
    fields = [{**one.model_dump(mode="json")} for one in _experiments(folder, asked)]
    return here.run([json.dumps([fields, {**HOW, "memory": budget}])])


def _experiments(folder: Path, asked: Sequence[dict[str, Any]]) -> list[Experiment]:
    return [Experiment.build(model=str(folder), **TEXT, **one) for one in asked]
