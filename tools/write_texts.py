"""Write results/lessons/texts.json: what dense and pruned models say to the prompts that ship.

python tools/write_texts.py
"""

import time
from pathlib import Path
from typing import Any

from nmviz import service
from nmviz.core.looks.prompts import NEW_TOKENS, PROMPTS
from nmviz.core.results import Continuation, Token
from nmviz.engine.load.loading import load
from nmviz.service.beforehand.files import write
from nmviz.service.beforehand.texts import DENSE, key_of
from nmviz.ui.shell.view import View

RESULTS = Path(__file__).parents[1] / "results"
MODELS = ("smollm2-135m", "gemma-3-270m")
CHOICES: tuple[dict[str, Any], ...] = (
    *({"pattern": pattern} for pattern in ("2:4", "4:8", "8:16", "16:32", "50%")),
    *(
        {"pattern": pattern, **method}
        for pattern in ("2:4", "8:16")
        for method in ({"criterion": "amber"}, {"criterion": "clact"}, {"mitigations": "var"})
    ),
)
"""What the page opens with at the patterns that keep half, and usual ways that need no text."""


def main() -> None:
    told = [_of(model, prompt) for model in MODELS for prompt in PROMPTS]
    write(RESULTS, "texts", told, {model: load(model).sha256 for model in MODELS})


def _of(model: str, prompt: str) -> dict[str, Any]:
    began = time.perf_counter()
    views = [View.build({"model": model, **choice}) for choice in CHOICES]
    asked = {key_of(one): one for view in views for one in view.experiments()}
    chat = service.describe(model).chat
    steps = service.generate([*asked.values()], prompt, max_new_tokens=NEW_TOKENS, chat=chat)
    *_, last = steps  # every model in one walk: the dense one writes once
    by = dict(zip((DENSE, *asked), map(_plain, last.continuations), strict=True))
    print(f"{model}, {prompt[:40]!r}: {time.perf_counter() - began:.1f} s", flush=True)
    return {"model": model, "prompt": prompt, "tokens": NEW_TOKENS, "by": by}


def _plain(text: Continuation) -> dict[str, Any]:
    chances = [float(f"{one:.4g}") for one in text.dense_probability]
    tokens = [*map(_token, text.tokens)]
    return {"tokens": tokens, "dense_probability": chances, "drawn": text.drawn}


def _token(token: Token) -> tuple[int, str, float]:
    return token.id, token.text, float(f"{token.probability:.4g}")


if __name__ == "__main__":
    main()
