"""What the page's hand of sixteen inputs is made of: one capture, and a pass a rule."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nmviz.core.experiment import Experiment
from nmviz.core.lessons.hand import KEPT, PATTERN, SIZE, Guess, Hand, Rule
from nmviz.core.settings import Target
from nmviz.engine.calibrate.calibration import bind
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.sites import Site
from nmviz.engine.look.capture import Captures, prompt_ids
from nmviz.engine.measure.dense import logits
from nmviz.engine.prune.sparsify import Pruned, forwards, replaced
from nmviz.methods import BY_TARGET
from nmviz.methods.patterns import parse_pattern

RULES: tuple[tuple[Target, str], ...] = (
    ("activation", "magnitude"),
    ("activation", "clact"),
    ("activation", "wina"),
    ("weight", "magnitude"),
    ("weight", "wanda"),
)
"""Who chooses instead of the visitor."""
MORE_WORDS = 12
"""Tokens that each model writes behind the prompt."""
ROWS = 8
"""Rows of the weight that are shown."""


@torch.inference_mode()
def hand(
    loaded: LoadedModel,
    captures: Captures,
    prompt: str,
    site: Site,
    check: Callable[[], None],
    windows: int = 16,
) -> Hand:
    """Sixteen inputs of a layer where a choice matters on the prompt, with what every rule makes of
    them, calibrated on so many `windows` where it must be; `check` may raise Cancelled.

    UserError for a prompt without a word, and where d_in is no multiple of sixteen.
    """
    parse_pattern(PATTERN).check_divides(site.d_in, site.name)
    capture = captures.get(loaded, prompt)
    x = capture.of(site)  # [words, d_in]
    y, ids = site.dense(x), prompt_ids(loaded, prompt)
    first = _liveliest(x)
    columns = slice(first, first + SIZE)
    part = site.weight[:, columns].double()
    likely = logits(loaded, ids).float().softmax(-1)  # [words, vocabulary]
    made = []
    for target, name in RULES:
        asked = Experiment.build(
            model=loaded.info.id,
            target=target,
            criterion=name,
            pattern=PATTERN,
            ties="index" if target == "weight" else "auto",
            calibration_windows=windows,
        )
        pruned = bind(loaded, asked, check).pruned
        made.append(_rule(loaded, pruned, site, x, y, columns, ids, likely))
    return Hand(
        block=site.block,
        projection=site.projection,
        first=first,
        words=capture.tokens,
        inputs=x[:, columns].tolist(),
        outputs=torch.linalg.vector_norm(y.double(), dim=-1).tolist(),
        gram=(part.T @ part).tolist(),
        weights=part[:ROWS].tolist(),
        guesses=_guesses(loaded, likely, likely),
        written=_written(loaded, ids),
        rules=made,
    )


def _rule(
    loaded: LoadedModel,
    pruned: Pruned,
    site: Site,
    x: Tensor,
    y: Tensor,
    columns: slice,
    ids: Tensor,
    likely: Tensor,
) -> Rule:
    call, target = pruned.calls[0], pruned.experiment.target
    mask = pruned.masked(site, x).mask[:, columns]
    gram = None
    if target == "weight":
        dropped = torch.where(mask, 0, site.weight[:, columns]).double()
        gram = (dropped.T @ dropped).tolist()
        mask = mask[:ROWS]
    lost = torch.linalg.vector_norm(pruned.lost(site, x).double(), dim=-1)
    whole = torch.linalg.vector_norm(y.double(), dim=-1)
    with replaced(forwards(pruned, _go_on)):
        guessed, written = logits(loaded, ids).float().softmax(-1), _written(loaded, ids)
    return Rule(
        name=call.method.name,
        title=BY_TARGET[target].get(call.method.name).short_title,
        target=target,
        kept=mask.tolist(),
        layer=torch.where(whole > 0, lost / whole, 0).tolist(),
        guesses=_guesses(loaded, guessed, likely),
        written=written,
        gram=gram,
    )


def _written(loaded: LoadedModel, ids: Tensor) -> str:
    """What the model as it is now adds to the prompt, the likeliest word each time."""
    read = ids
    for _ in range(MORE_WORDS):
        best = logits(loaded, read)[-1].argmax()
        read = torch.cat([read, best[None].to(read.device)])
    return str(loaded.tokenizer.decode(read[len(ids) :]))


def _liveliest(x: Tensor) -> int:
    """The first of the sixteen inputs whose eight largest stand out least clearly from the rest:
    where a choice matters. The first word is left out, whose inputs are of another size."""
    sizes = x[1:] if len(x) > 1 else x
    blocks = sizes.abs().unflatten(-1, (-1, SIZE)).sort(-1).values.double()
    squares = blocks.square()
    share = squares[..., : SIZE - KEPT].sum(-1) / squares.sum(-1).clamp_min(1e-30)
    return int(share.mean(0).argmax()) * SIZE


def _guesses(loaded: LoadedModel, own: Tensor, dense: Tensor) -> Sequence[Guess]:
    """After each word, from probabilities [words, vocabulary] of a model and of the dense one."""
    best, words = own.max(-1)
    of_dense = own.gather(-1, dense.argmax(-1, keepdim=True))[..., 0]
    decode = loaded.tokenizer.decode
    return [
        Guess(decode([word]), float(one), float(other))
        for word, one, other in zip(words.tolist(), best, of_dense, strict=True)
    ]


def _go_on() -> None:
    pass
