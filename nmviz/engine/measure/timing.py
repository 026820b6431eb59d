"""How long a forward pass takes here, dense and pruned, in turns so that a busy machine is fair."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import torch

from nmviz.core.experiment import Experiment
from nmviz.core.provenance import machine
from nmviz.core.settings import Target
from nmviz.engine.calibrate.calibration import bind
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.tokens import encode
from nmviz.engine.measure.evaluate import logits
from nmviz.engine.prune.sparsify import forwards, replaced

WARM_UP = 1
REPEATS = 5


@dataclass(frozen=True)
class Timing:
    """Seconds of every repeat of a forward pass: dense, activations masked, weights pruned."""

    pattern: str
    tokens: int
    device: str
    threads: int
    seconds: dict[str, tuple[float, ...]]

    @property
    def repeats(self) -> int:
        return len(self.seconds["dense"])

    def median(self, name: str) -> float:
        """The middle of the repeats."""
        return median(self.seconds[name])

    def ratios(self, name: str) -> tuple[float, ...]:
        """Dense time over that one, a number a repeat."""
        return tuple(
            dense / other
            for dense, other in zip(self.seconds["dense"], self.seconds[name], strict=True)
        )


def measure(
    loaded: LoadedModel,
    experiment: Experiment,
    text: str,
    tokens: int,
    check: Callable[[], None],
) -> Generator[int, None, Timing]:
    """Yields how many passes are done and returns the whole; `check` may raise Cancelled."""
    ids = encode(loaded, text)
    ids = ids.repeat(-(-tokens // len(ids)))[:tokens]
    targets: dict[str, Target] = {"activations": "activation", "weights": "weight"}
    bound = {
        name: bind(loaded, experiment.but(target=target, mitigations=(), ties="auto"), check).pruned
        for name, target in targets.items()
    }
    seconds: dict[str, list[float]] = {name: [] for name in ("dense", *bound)}
    done = 0
    for turn in range(WARM_UP + REPEATS):
        for name, taken in seconds.items():
            check()
            computing: AbstractContextManager[None] = nullcontext()
            if name in bound:
                computing = replaced(forwards(bound[name], check))
            with loaded.lock, computing:
                began = perf_counter()
                logits(loaded, ids)
                _finish(loaded.device)
                elapsed = perf_counter() - began
            if turn >= WARM_UP:
                taken.append(elapsed)
            done += 1
            yield done
    return Timing(
        pattern=experiment.pattern,
        tokens=tokens,
        device=_device(loaded.device),
        threads=torch.get_num_threads(),
        seconds={name: tuple(taken) for name, taken in seconds.items()},
    )


def _finish(device: str) -> None:
    """Wait for a device that works ahead of its caller."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def _device(device: str) -> str:
    if device != "cpu":
        return device
    facts = machine()
    return f"{facts['cores']} cores of {facts['processor']}"
