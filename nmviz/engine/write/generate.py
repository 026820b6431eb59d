"""Text from the dense and the pruned models, token by token and side by side."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from threading import Event
from time import perf_counter

import torch
from torch import Tensor
from transformers import DynamicCache

from nmviz.base.errors import Cancelled, UserError, check_of
from nmviz.core.experiment import Experiment
from nmviz.core.results import Column, Continuation, GenerationProgress, Token
from nmviz.engine.calibrate.calibration import bind
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.refusals import check_scores, enough_memory
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.load.tokens import bos_token, encode, in_template
from nmviz.engine.measure.evaluate import Check, logits
from nmviz.engine.prune.sparsify import Pruned, SiteForward, forwards, replaced
from nmviz.engine.prune.weights import is_drawn
from nmviz.engine.write.bytes_read import Read, dense_bytes, skip


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen: temperature 0 is greedy. `chat` wants the chat template."""

    max_new_tokens: int = 60
    temperature: float = 0.0
    seed: int = 0
    chat: bool = True
    stop: bool = True  # at the end-of-text token


def generate(
    loaded: LoadedModel,
    experiments: Sequence[Experiment],
    prompt: str,
    sampling: Sampling,
    cancel: Event,
    real_speed: bool = False,
) -> Iterator[GenerationProgress]:
    """The dense model and each experiment's model continue the prompt; ends early on `cancel`.

    With `real_speed` pruned activations are really skipped (`skipping`), and the last step says how
    many bytes of weights each model read a token.
    """
    check = check_of(cancel)
    with enough_memory(loaded.info.id):
        yield from _generate(loaded, experiments, prompt, sampling, check, real_speed)


def _generate(
    loaded: LoadedModel,
    experiments: Sequence[Experiment],
    prompt: str,
    sampling: Sampling,
    check: Check,
    real_speed: bool,
) -> Iterator[GenerationProgress]:
    ids = prompt_ids(loaded, prompt, sampling.chat, sampling.max_new_tokens)
    try:
        pruned = [bind(loaded, experiment, check).pruned for experiment in experiments]
        reads = [skip(one) for one in pruned] if real_speed else []
        for progress in continue_all(loaded, pruned, ids, sampling, check):
            yield _with_reads(progress, loaded, reads) if progress.done and reads else progress
    except Cancelled:
        return


def _with_reads(
    progress: GenerationProgress, loaded: LoadedModel, reads: Sequence[Read]
) -> GenerationProgress:
    """The texts, the dense one first, with the bytes read a token once it comes by itself."""
    dense, *others = progress.continuations
    told = [replace(dense, bytes_a_token=dense_bytes(loaded))]
    for text, read in zip(others, reads, strict=True):
        told.append(replace(text, bytes_a_token=read(loaded)))
    return replace(progress, continuations=tuple(told))


def prompt_ids(loaded: LoadedModel, prompt: str, chat: bool, room: int) -> Tensor:
    """Token ids int64 [length], through the chat template where there is one and it is wanted.

    UserError when the prompt is empty or leaves less than `room` tokens of the model's context, and
    when the template cannot be used.
    """
    if not prompt.strip():
        raise UserError("The prompt is empty: write a few words.")
    if chat and loaded.tokenizer.chat_template:
        ids = in_template(loaded, prompt)
    else:
        ids, bos = encode(loaded, prompt), bos_token(loaded)
        ids = ids if bos is None else torch.cat([ids.new_tensor([bos]), ids])
    if 0 < loaded.info.context < len(ids) + room:
        raise UserError(
            f"The prompt has {len(ids)} tokens; with {room} new ones that is more than the "
            f"{loaded.info.context} the model reads: shorten it."
        )
    return ids


def continue_all(
    loaded: LoadedModel, pruned: Sequence[Pruned], ids: Tensor, sampling: Sampling, check: Check
) -> Iterator[GenerationProgress]:
    """The dense model and every pruned one continue ids [length] in turns, a token each.

    The last step adds the probability of each dense token under every model.
    """
    names: list[Column] = ["dense", *(p.experiment.target for p in pruned)]
    computing = [_watched(loaded, check), *(_watched(loaded, check, p) for p in pruned)]
    drawn = [False, *map(is_drawn, pruned)]
    texts = [Continuation(name, drawn=one) for name, one in zip(names, drawn, strict=True)]
    writers = [write(loaded, ids, sampling, forward) for forward in computing]
    for turn in count():
        if all(text.finished for text in texts):
            break
        for place in range(len(texts)):
            # another begins each time: whoever watches is busy with the last turn's words meanwhile
            index = (turn + place) % len(texts)
            if not texts[index].finished:
                texts[index] = _one_more(texts[index], writers[index])
        yield GenerationProgress(tuple(texts))
    dense_ids = torch.tensor([token.id for token in texts[0].tokens], dtype=torch.int64)
    for index, forward in enumerate(computing):
        chances = _probabilities(loaded, ids, dense_ids, forward)
        texts[index] = replace(texts[index], dense_probability=chances)
    yield GenerationProgress(tuple(texts), done=True)


def _watched(
    loaded: LoadedModel, check: Check, pruned: Pruned | None = None
) -> dict[Site, SiteForward]:
    """Dense or pruned forwards of all sites, with a check for cancelling at each."""

    def dense(site: Site) -> Callable[[Tensor], Tensor]:
        def forward(x: Tensor) -> Tensor:
            check()
            return site.dense(x)

        return forward

    computing: dict[Site, SiteForward] = {site: dense(site) for site in find_sites(loaded.model)}
    return computing | (forwards(pruned, check) if pruned else {})


def _one_more(text: Continuation, writer: Iterator[Token]) -> Continuation:
    token = next(writer, None)
    if token is None:
        return replace(text, finished=True)
    return replace(text, tokens=(*text.tokens, token))


def write(
    loaded: LoadedModel, ids: Tensor, sampling: Sampling, computing: dict[Site, SiteForward]
) -> Iterator[Token]:
    """Tokens that continue ids int64 [length], sites computing what is given, one at a time."""
    cache = DynamicCache(config=loaded.model.config)
    generator = torch.Generator().manual_seed(sampling.seed)
    written: list[int] = []
    shown = ""
    stops = _stop_ids(loaded) if sampling.stop else set()
    ids = ids[None].to(loaded.device)
    for _ in range(sampling.max_new_tokens):
        with loaded.lock, replaced(computing), torch.inference_mode():
            began = perf_counter()
            output = loaded.model(input_ids=ids, past_key_values=cache, use_cache=True)
            chances = output.logits[0, -1].float()
            seconds = perf_counter() - began
        check_scores(chances, "written")
        chosen = _choose(chances, sampling.temperature, generator)
        if chosen in stops:
            return
        written.append(chosen)
        text = loaded.tokenizer.decode(written, skip_special_tokens=True)
        piece = "" if text.endswith("\ufffd") else text[len(shown) :]  # wait for a whole character
        shown += piece
        yield Token(chosen, piece, chances.softmax(-1)[chosen].item(), seconds)
        ids = ids.new_tensor([[chosen]])


def _choose(chances: Tensor, temperature: float, generator: torch.Generator) -> int:
    if temperature <= 0:
        return int(chances.argmax())
    return int((chances / temperature).softmax(-1).cpu().multinomial(1, generator=generator))


def _stop_ids(loaded: LoadedModel) -> set[int]:
    stops = loaded.model.generation_config.eos_token_id or loaded.tokenizer.eos_token_id
    return set(stops) if isinstance(stops, list) else {stops}


def _probabilities(
    loaded: LoadedModel, ids: Tensor, dense_ids: Tensor, computing: dict[Site, SiteForward]
) -> tuple[float, ...]:
    """Probability of every dense token after the prompt and the dense tokens before it."""
    if len(dense_ids) == 0:
        return ()
    whole = torch.cat([ids, dense_ids])
    with loaded.lock, replaced(computing):
        chances = logits(loaded, whole)[len(ids) - 1 : -1].float().softmax(-1)
    return tuple(chances.gather(-1, dense_ids[:, None].to(chances.device))[:, 0].tolist())
