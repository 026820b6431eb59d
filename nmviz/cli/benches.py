"""`nmviz bench`: what speed is measured on, each a ratio in one run on this machine."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

from nmviz import service
from nmviz.base.benching import Row, Size, in_turns
from nmviz.base.errors import UserError
from nmviz.base.registry import Registry
from nmviz.cli import timed_commands
from nmviz.cli.using import large_models
from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.published.listing import Row as Shown
from nmviz.published.listing import Selection, rows
from nmviz.service.flips import flips_in_words
from nmviz.service.listing import explore

PROMPT = "The sky is blue at noon because the air scatters short waves more than long ones. " * 12
MODEL = Experiment().model
SERVED = """
import os, socket
from nmviz.base.starting import quick_start
quick_start()
from nmviz.ui.launch import serve
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
serve(port=port, block=False)
os._exit(0)
"""
LOOK = """
from nmviz import service
from nmviz.core.experiment import Experiment
from nmviz.ui.shell.view import DEFAULT_PROMPT
for target in ("activation", "weight"):
    service.look(Experiment(target=target), DEFAULT_PROMPT, 15, "down", keep={keep})
"""
REPORTED = tuple(
    f"pattern={pattern}&target={target}"
    for pattern in ("8:16", "2:4")
    for target in ("activation", "weight")
)
"""Results that ship, as `nmviz figure` and `nmviz report` take them."""
IMPORTS = {
    "python alone": "pass",
    "import nmviz": "import nmviz",
    "import nmviz.cli": "import nmviz.cli.main",
    "import gradio": "import gradio",
    "the page, served": SERVED,
    "pictures of the opening layer, kept": LOOK.format(keep=True),
    "pictures of the opening layer, made": LOOK.format(keep=False),
}


@dataclass(frozen=True)
class Bench:
    """One set of cases that are timed in turns."""

    name: str
    title: str
    rows: Callable[..., Iterator[Row | Size]]
    of_commands: bool = False  # is told how many turns, and what checkout to set beside this one


BENCHES: Registry[Bench] = Registry("benchmark")


def _bench(
    name: str, title: str, of_commands: bool = False
) -> Callable[[Callable[..., Iterator[Row | Size]]], None]:
    def register(rows: Callable[..., Iterator[Row | Size]]) -> None:
        BENCHES.add(name, Bench(name, title, rows, of_commands))

    return register


@_bench("masks", "one mask of one layer's input, against the layer's own product")
def _masks() -> Iterator[Row]:
    from nmviz.engine.benches import masks

    return masks()


@_bench("forward", "one window of 512 tokens through the whole model, against dense")
def _forward() -> Iterator[Row]:
    from nmviz.engine.benches import forward

    return forward(MODEL)


@_bench("attribute", "each block pruned alone: what is behind it, against whole passes")
def _attribute() -> Iterator[Row]:
    from nmviz.engine.benches import attribution

    for model in (MODEL, "gemma-3-270m"):
        yield from attribution(model)


@_bench("decode", "one token through a 4096x11008 layer and the whole model, half skipped")
def _decode() -> Iterator[Row]:
    from nmviz.engine.benches import decode

    return decode(MODEL)


_bench("sweep", "sweeps of 24 and twelve experiments, against a plain dense pass: hours", True)(
    timed_commands.sweep
)
_bench("memory", "the most that `nmviz run` holds, on 2,048 tokens", True)(timed_commands.memory)
_bench("stream", "large models block by block, against loaded whole: an hour, 15 GB of disk", True)(
    large_models.stream
)


@_bench("hardware", "the four models' widest layer, dense and pruned, on the GPU or this CPU")
def _hardware() -> Iterator[Row]:
    from nmviz.engine.hardware_bench import hardware

    return hardware()


@_bench("training", "calibrating and training all blocks from nothing, once: minutes")
def _training() -> Iterator[Row]:
    from nmviz.engine.benches import training

    return training(MODEL)


@_bench("layer", "a new pattern or criterion at one captured layer, against the first look")
def _layer() -> Iterator[Row]:
    cases = {
        "8:16 magnitude": Experiment(),
        "2:4 magnitude": Experiment(pattern="2:4"),
        "16:32 clact": Experiment(pattern="16:32", criterion="clact"),
        "8:16 amber": Experiment(criterion="amber"),
        "8:16 d-pts+var": Experiment(mitigations=("d-pts", "var")),
        "50% magnitude": Experiment(pattern="50%"),
        "2:4 weights": Experiment(pattern="2:4", target="weight"),
    }
    looks = {
        name: lambda experiment=experiment: service.look(experiment, PROMPT, 15, "down")
        for name, experiment in cases.items()
    }
    every = {"every method": lambda: service.sweep_layer(Experiment(), PROMPT, 15, "down")}
    return in_turns({**looks, **every}, "8:16 magnitude")


def _tradeoffs() -> dict[str, Callable[[], object]]:
    """What the tab asks for, with every measured speed and every experiment in."""
    from nmviz.service.tradeoffs import figures
    from nmviz.service.tradeoffs.axes import Asked
    from nmviz.service.tradeoffs.baselines import compared
    from nmviz.service.tradeoffs.equal_memory import in_memory
    from nmviz.service.tradeoffs.frontier import points

    of_one = Asked(quality="delta_nll", cost="metadata", patterns=("8:16",))
    return {
        "trade-offs: what was measured": figures.draw_speed_map,
        "trade-offs: a model on the roofline": figures.draw_roofline,
        "trade-offs: frontier, published": partial(figures.draw_frontier, Asked()),
        "trade-offs: frontier, runs": partial(figures.draw_frontier, Asked(quality="delta_nll")),
        "trade-offs: blocks left out beside patterns": partial(compared, "smollm2-135m"),
        "trade-offs: less memory, as published": in_memory,
        "trade-offs: what a pattern loses": partial(points, of_one),
        "trade-offs: tokens together": figures.figures()["together"].draw,
        "trade-offs: metadata": figures.figures()["metadata"].draw,
    }


@_bench("views", "answers from the store and their figures, against one stored result")
def _views() -> Iterator[Row]:
    from nmviz.service import claims
    from nmviz.views.published.catalogue import FOUR, KINDS

    known = Experiment()
    selections = {
        "four models": Selection(models=FOUR, patterns=("2:4", "8:16", "50%")),
        "everything, each task": Selection(tasks=(), each_task=True),
    }
    cases: dict[str, Callable[[], object]] = {
        "one stored result": lambda: service.lookup(known),
        "its words that changed": lambda: _words(service.lookup(known)),
        "all own results, no sites": lambda: service.store().find(sites=False, source="nmviz"),
        "what is published of an experiment": lambda: service.of_experiment(
            Experiment(model="llama3.1-8b")
        ),
        "every published accuracy, explored": lambda: _explored(
            Selection(metric="acc", tasks=(), each_task=True)
        ),
        "everything, each task, live runs laid over it": lambda: explore(
            Selection(tasks=(), each_task=True, live=True)
        ),
        "every claim, answered": lambda: claims.answers(),
    }
    cases |= _trays() | _tradeoffs()
    for (title, draw), (name, chosen) in product(KINDS.values(), selections.items()):
        cases[f"{title}, {name}"] = partial(_figure, draw, chosen)
    return in_turns(cases, "one stored result")


def _trays() -> dict[str, Callable[[], object]]:
    """What the page is sent when something changes in a tray of six, by what is shown of it."""
    from nmviz.core.comparing.pins import pin_of
    from nmviz.ui.tray.answer import shown

    costs = (one for one in service.store().own_runs() if one.get("delta_nll"))
    names = ".".join([*dict.fromkeys(map(pin_of, costs))][:6])
    parts = ("numbers", "layers", "words")
    return {f"tray of six: {one}": partial(shown, f"tray={names}&tray_part={one}") for one in parts}


def _words(result: Result | None) -> object:
    return None if result is None else flips_in_words(result)


def _figure(draw: Callable[..., Any], chosen: Selection) -> Any:
    """From the question to what the page is sent."""
    from nmviz.views.published.catalogue import MOST_DRAWN

    return draw(_explored(chosen)[:MOST_DRAWN]).to_json()


def _explored(chosen: Selection) -> list[Shown]:
    """As for the first time: nothing is known from an earlier answer."""
    known = service.published()
    return rows(known.results, known.names, known.marks, chosen)


@_bench("figures", "figures as SVG for one column, once warm, and a report of four results")
def _figures() -> Iterator[Row]:
    from nmviz.service.figures.catalogue import draw
    from nmviz.service.reports.writing import write_report
    from nmviz.views.paper.figure_files import figure_as
    from nmviz.views.paper.sheet import sheet_of

    sheet, both = sheet_of(columns=1), (REPORTED[0], REPORTED[1])
    first, *others = ("pattern-ladder", "methods-8-16", "summary-heatmap", "frontier")
    asked = (
        {first: ()} | dict.fromkeys(others, ()) | dict.fromkeys(("error-by-layer", "drift"), both)
    )

    def svg(name: str) -> Callable[[], object]:
        return lambda: figure_as(draw(name, asked[name]).figure, "svg", sheet)

    def report() -> None:
        with tempfile.TemporaryDirectory() as place:
            write_report(REPORTED, Path(place) / "report.zip", sheet)

    yield from in_turns({name: svg(name) for name in asked}, first)
    cases = {first: svg(first), "a report of four results, .zip": report}
    yield from list(in_turns(cases, first, warm_up=1, repeats=3))[1:]


@_bench("start", "a fresh process until something is there, against importing gradio")
def _start() -> Iterator[Row]:
    def process(code: str) -> Callable[[], object]:
        return lambda: subprocess.run(
            [sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL
        )

    cases = {name: process(code) for name, code in IMPORTS.items()}
    return in_turns(cases, "import gradio", warm_up=1, repeats=5)


@_bench("page", "what the page's process holds while one visitor acts 300 times: long")
def _page() -> Iterator[Size]:
    return _with_aiohttp("long_use")


@_bench("visitors", "200 visitors of the page who act every ten seconds, and a live run beside 50")
def _visitors() -> Iterator[Row]:
    return _with_aiohttp("visitors")


def _with_aiohttp(name: str) -> Iterator[Any]:
    """The rows of a module whose function has its name, which needs a package of its own."""
    try:
        module = import_module(f"nmviz.cli.using.{name}")
    except ModuleNotFoundError as missing:
        raise UserError(f"This needs {missing.name}: pip install {missing.name}.") from None
    rows: Iterator[Any] = getattr(module, name)()
    return rows
