"""What the page's hand of sixteen inputs is made of: one capture, and a pass a rule."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.lessons.hand import KEPT, PATTERN, SIZE, Guess, Hand, Rule
from nmviz.core.settings import Target
from nmviz.engine.calibrate.calibration import bind, is_ready
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
WINDOWS = 16
MOST_WORDS = 64
"""Of a prompt that somebody brings."""
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
    windows: int = WINDOWS,
    live: bool = False,
) -> Generator[float, None, Hand]:
    """Sixteen inputs of a layer where a choice matters on the prompt, with what every rule makes of
    them, calibrated on so many `windows` where it must be. Yields which share of it is done;
    `check` may raise Cancelled.

    What is made `live`, for somebody who waits, is of the first 64 words at most, leaves the rules
    out that would have to be calibrated first, and lets no model write on.

    UserError for a prompt without a word, where d_in is no multiple of sixteen, and for a layer
    that is not given each word once.
    """
    parse_pattern(PATTERN).check_divides(site.d_in, site.name)
    ids = prompt_ids(loaded, prompt)
    x = captures.get(loaded, prompt).of(site)  # [words, d_in]
    if len(x) != len(ids):
        raise UserError(f"{site.name} is not given each word once: look at another layer.")
    if live:
        x, ids = x[:MOST_WORDS], ids[:MOST_WORDS]
    part = _Part(loaded, site, x, site.dense(x), ids, not live)
    columns, made, left_out = part.columns, [], []
    with loaded.lock:
        likely, written = part.likely(), part.written()
    for done, (target, name) in enumerate(RULES):
        yield done / len(RULES)
        asked = Experiment.build(
            model=loaded.info.id,
            target=target,
            criterion=name,
            pattern=PATTERN,
            ties="index" if target == "weight" else "auto",
            calibration_windows=windows,
        )
        if live and not is_ready(loaded, asked):
            left_out.append(BY_TARGET[target].get(name).short_title)
            continue
        with loaded.lock:
            made.append(part.rule(bind(loaded, asked, check, packed=True).pruned, likely, check))
    weight = site.weight[:, columns].double()
    return Hand(
        block=site.block,
        projection=site.projection,
        first=columns.start,
        words=[loaded.tokenizer.decode([word]) for word in ids.tolist()],
        inputs=x[:, columns].tolist(),
        outputs=torch.linalg.vector_norm(part.y.double(), dim=-1).tolist(),
        gram=(weight.T @ weight).tolist(),
        weights=weight[:ROWS].tolist(),
        guesses=part.guesses(likely, likely),
        written=written,
        rules=made,
        left_out=left_out,
    )


@dataclass(frozen=True)
class _Part:
    """A layer with its inputs x [words, d_in] and dense outputs y on a prompt of those ids, and
    whether models write on behind it."""

    loaded: LoadedModel
    site: Site
    x: Tensor
    y: Tensor
    ids: Tensor
    writes: bool

    @cached_property
    def columns(self) -> slice:
        """Those that are shown."""
        first = _liveliest(self.x)
        return slice(first, first + SIZE)

    def likely(self) -> Tensor:
        """Probabilities of the model as it is now after each word, [words, vocabulary]."""
        return logits(self.loaded, self.ids).float().softmax(-1)

    def written(self) -> str:
        """What the model as it is now adds to the prompt, the likeliest word each time."""
        read = self.ids
        for _ in range(MORE_WORDS if self.writes else 0):
            best = logits(self.loaded, read)[-1].argmax()
            read = torch.cat([read, best[None].to(read.device)])
        return str(self.loaded.tokenizer.decode(read[len(self.ids) :]))

    def rule(self, pruned: Pruned, dense: Tensor, check: Callable[[], None]) -> Rule:
        """What a rule makes of the sixteen, of the layer and of the model; `dense` as `likely` of
        the dense model."""
        site, x, columns = self.site, self.x, self.columns
        method, target = pruned.calls[0].method, pruned.experiment.target
        mask, gram = pruned.masked(site, x).mask[:, columns], None
        if target == "weight":
            dropped = torch.where(mask, 0, site.weight[:, columns]).double()
            gram = (dropped.T @ dropped).tolist()
            mask = mask[:ROWS]
        lost = torch.linalg.vector_norm(pruned.lost(site, x).double(), dim=-1)
        whole = torch.linalg.vector_norm(self.y.double(), dim=-1)
        with replaced(forwards(pruned, check)):
            guesses, written = self.guesses(self.likely(), dense), self.written()
        return Rule(
            name=method.name,
            title=BY_TARGET[target].get(method.name).short_title,
            target=target,
            kept=mask.tolist(),
            layer=torch.where(whole > 0, lost / whole, 0).tolist(),
            guesses=guesses,
            written=written,
            gram=gram,
        )

    def guesses(self, own: Tensor, dense: Tensor) -> Sequence[Guess]:
        """After each word, from probabilities [words, vocabulary] of a model and of the dense
        one."""
        best, words = own.max(-1)
        of_dense = own.gather(-1, dense.argmax(-1, keepdim=True))[..., 0]
        decode = self.loaded.tokenizer.decode
        return [
            Guess(decode([word]), float(one), float(other))
            for word, one, other in zip(words.tolist(), best, of_dense, strict=True)
        ]


def _liveliest(x: Tensor) -> int:
    """The first of the sixteen inputs whose eight largest stand out least clearly from the rest:
    where a choice matters. The first word is left out, whose inputs are of another size."""
    sizes = x[1:] if len(x) > 1 else x
    blocks = sizes.abs().unflatten(-1, (-1, SIZE)).sort(-1).values.double()
    squares = blocks.square()
    share = squares[..., : SIZE - KEPT].sum(-1) / squares.sum(-1).clamp_min(1e-30)
    return int(share.mean(0).argmax()) * SIZE
