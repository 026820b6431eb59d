"""Memory stays bounded however long a run is: a process of its own says what it needed at most."""

import subprocess
import sys
from pathlib import Path

MEASURE = """
import resource, sys
from pathlib import Path
from nmviz.engine.measure.dense import PASSES
from nmviz.engine.load.loading import load
from nmviz.engine.measure.runner import Run
from nmviz.core.experiment import Experiment

loaded = load(sys.argv[1])
PASSES.memory = lambda: 2**23
text = Path(sys.argv[2]).read_text()

def peak(windows):
    chosen = [
        Experiment.build(target=target, pattern="2:4", window=128, tokens=128 * windows)
        for target in ("weight", "activation")
    ]
    *_, last = Run(loaded, chosen, text)
    assert last.stage == "done"
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

print(peak(5), peak(100))
"""
MORE = 60  # MiB that 95 more windows may need; to keep what was seen of them would take 80


def test_a_run_of_a_hundred_windows_needs_little_more_than_one_of_five(
    tiny_model: Path, tmp_path: Path
) -> None:
    from tiny import PARAGRAPHS

    text = tmp_path / "text"
    text.write_text("\n\n".join(PARAGRAPHS) * 60, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tiny_model), str(text)],
        capture_output=True,
        text=True,
        check=True,
    )
    short, long = map(int, done.stdout.split())
    assert long - short < MORE
