"""Write results/lessons/hands.json: the sixteen inputs that the page lets a visitor choose among,
for the prompts that ship.

    python tools/write_hands.py
"""

import time
from pathlib import Path

from nmviz.base.stepping import at_once
from nmviz.engine.load.loading import load
from nmviz.engine.load.sites import find_site
from nmviz.engine.look.capture import Captures
from nmviz.engine.look.hand import hand
from nmviz.service.beforehand.files import write
from nmviz.service.beforehand.hands import PLACES, PROMPTS, rounded

RESULTS = Path(__file__).parents[1] / "results"


def main() -> None:
    told, content = [], {}
    for model, place in PLACES.items():
        loaded, captures = load(model), Captures()
        content[model] = loaded.sha256
        site = find_site(loaded.model, *place)
        for prompt in PROMPTS:
            began = time.perf_counter()
            made = at_once(hand(loaded, captures, prompt, site, lambda: None))
            told.append({"model": model, "prompt": prompt, "hand": rounded(made.to_json())})
            print(f"{model}, {prompt[:40]!r}: {time.perf_counter() - began:.1f} s", flush=True)
    write(RESULTS, "hands", told, content)


if __name__ == "__main__":
    main()
