"""Write results/looks: what the page shows of every layer of the pinned models, pruned as it opens
with at the patterns that are chosen most. One that is there already is made anew.

python tools/write_looks.py
"""

import time
from pathlib import Path

from nmviz.base.stepping import at_once
from nmviz.base.whole_files import replace_with
from nmviz.core.experiment import Experiment
from nmviz.core.looks.kept import pruned_alone
from nmviz.core.running import Running
from nmviz.core.settings import TARGETS
from nmviz.service.choices import canonical
from nmviz.service.looks.finding import FOLDER, name_of_file
from nmviz.service.looks.making import made

RESULTS = Path(__file__).parents[1] / "results"
MODELS = ("smollm2-135m", "gemma-3-270m")
PATTERNS = ("2:4", "8:16", "50%")
LARGEST = 1_000_000
"""Bytes of a file: enough for the part of the masks that the page opens with, 24 rows by 64
columns, and little for who fetches the repository."""


def main() -> None:
    folder = RESULTS / FOLDER
    folder.mkdir(exist_ok=True)
    for model in MODELS:
        for pattern in PATTERNS:
            for target in TARGETS:
                began = time.perf_counter()
                asked = Experiment.build(model=model, pattern=pattern, target=target)
                data = at_once(made(asked, Running(), largest=LARGEST))
                name = name_of_file(pruned_alone(canonical(asked)))
                replace_with(folder / name, data)
                seconds = time.perf_counter() - began
                print(f"{name}: {len(data):,} bytes, {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
