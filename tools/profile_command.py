"""Where the time of one command goes, in processor seconds on one thread, as a Markdown table.

    OMP_NUM_THREADS=1 python tools/profile_command.py [--checkout FOLDER] run --tokens 2048 ...

What Python does not see, such as a product in torch, counts for the function that called it.
"""

import cProfile
import io
import os
import pstats
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

PARTS = {
    "products of layers": ("_nn.linear",),
    "attention": ("scaled_dot_product_attention",),
    "the rest of the model": ("/transformers/models/", "/torch/nn/", "/transformers/integrations/"),
    "errors of layers": ("lost", "samples.py", "vecdot", "in square", "add_sample"),
    "masks": ("/kernels/", "masking.py", "activations.py", "one_pass.py", "weights.py"),
    "figures of tokens": ("statistics.py", "rows.py"),
    "loading": ("/loading.py", "/safetensors/", "core_model_loading.py", "modeling_utils.py"),
    "compiling kernels, once a machine": ("/numba/", "/llvmlite/"),
    "imports": (
        *("<frozen importlib", "builtins.compile", "marshal.loads", "/inspect.py"),
        *("/import_utils.py", "/re/_", "/dataclasses.py", "/_dynamo/"),
    ),
}


def main() -> None:
    """Run the command, whose own output is dropped, and print the table."""
    arguments = sys.argv[1:]
    checkout = Path(__file__).parents[1]
    if arguments[:1] == ["--checkout"]:
        checkout, arguments = Path(arguments[1]).resolve(), arguments[2:]
    sys.path.insert(0, str(checkout))
    os.chdir(checkout)
    profile = cProfile.Profile(time.process_time)
    given = patch.object(sys, "argv", ["nmviz", *arguments])
    with given, redirect_stdout(io.StringIO()), suppress(SystemExit):
        profile.runcall(_start)
    sums: dict[str, float] = defaultdict(float)
    for name, seconds in _calls(pstats.Stats(profile)):
        sums[_part(name)] += seconds
    total = sum(sums.values())
    print(f"| `nmviz {' '.join(arguments)}` | s | share |\n|---|---|---|")
    for part in (*PARTS, "all else"):
        print(f"| {part} | {sums[part]:.1f} | {sums[part] / total:.0%} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"| all, at most {peak:.2f} GB resident | {total:.1f} | |")


def _start() -> None:
    for module in ("nmviz.cli.main", "nmviz.cli"):
        with suppress(ModuleNotFoundError):
            import_module(module).main()


def _calls(stats: Any) -> Iterator[tuple[str, float]]:
    """Every function, with who calls it where Python does not see into it, and its own time."""
    for (file, _, name), (_, _, own, _, callers) in stats.stats.items():
        if file != "~" or not callers:
            yield f"{file} {name}", own
            continue
        for (where, _, caller), (_, _, seconds, _) in callers.items():
            yield f"{name} in {caller} {where}", seconds


def _part(name: str) -> str:
    """Of a product with rows that were drawn, their error: so that comes first."""
    first = ("errors of layers", *PARTS)
    return next((part for part in first if any(one in name for one in PARTS[part])), "all else")


if __name__ == "__main__":
    main()
