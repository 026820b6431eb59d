"""lm-eval around a loaded model: its own model class and its own evaluator, pruned or not."""

import copy
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import datasets
import lm_eval.api.task
from lm_eval.evaluator import evaluate
from lm_eval.models.huggingface import HFLM
from tqdm import tqdm

from nmviz.engine.load.loading import LoadedModel, quiet
from nmviz.engine.load.refusals import check_scores, usable_template
from nmviz.engine.load.sites import Site
from nmviz.engine.prune.sparsify import SiteForward, replaced

Answered = Callable[[tuple[int, int]], None]
LARGEST_BATCH = 8
ENTRIES_AT_ONCE = 2**28  # of the logits of a batch of 512 tokens each: 1 GiB


class PrunedLM(HFLM):
    """lm-eval's model class around a model that stays as it is outside every call.

    `cut` counts the requests of all calls whose prompt was too long for the model and lost its
    beginning, of `asked`. The model's lock is held and its sites compute `substitutes` within a
    call only, so that other work may go between two. `answered((done, asked))` is called with every
    answer.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        substitutes: Mapping[Site, SiteForward],
        batch_size: int,
        answered: Answered,
    ) -> None:
        own = copy.deepcopy(loaded.tokenizer)  # lm-eval may give it a padding token
        with silence():
            super().__init__(pretrained=loaded.model, tokenizer=own, batch_size=batch_size)
        self._loaded, self._substitutes, self._answered = loaded, substitutes, answered
        self._done = self._total = 0
        self.asked = self.cut = 0
        self.cache_hook = self  # lm-eval tells its cache of every answer

    def add_partial(self, *_answer: object) -> None:
        """Called by lm-eval with every answer."""
        self._done += 1
        self._answered((self._done, self._total))

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = True) -> list[Any]:
        """As lm-eval's, without its progress bars."""
        self._done, self._total = 0, len(requests)
        return super().loglikelihood(requests, disable_tqdm=True)

    def generate_until(self, requests: list[Any], disable_tqdm: bool = True) -> list[str]:
        """As lm-eval's, without its progress bars."""
        self._done, self._total = 0, len(requests)
        return super().generate_until(requests, disable_tqdm=True)

    def apply_chat_template(self, *arguments: Any, **settings: Any) -> str:
        """As lm-eval's. UserError where the model's template cannot be used."""
        with usable_template(self._loaded.info.id):
            return super().apply_chat_template(*arguments, **settings)

    def _loglikelihood_tokens(self, requests: list[Any], *arguments: Any, **settings: Any) -> Any:
        """As lm-eval's, which keeps the last max_length tokens of what goes into the model: prompt
        and answer but for the answer's last."""
        self.asked += len(requests)
        for _, prompt, answer in requests:
            self.cut += len(prompt) + len(answer) - 1 > self.max_length
        return super()._loglikelihood_tokens(requests, *arguments, **settings)

    def tok_batch_encode(
        self, strings: list[str], *arguments: Any, left_truncate_len: int | None = None, **how: Any
    ) -> Any:
        """As lm-eval's, which leaves the last so many tokens of prompts to write on."""
        self.asked += len(strings)
        if left_truncate_len:
            self.cut += sum(len(self.tok_encode(one)) > left_truncate_len for one in strings)
        return super().tok_batch_encode(
            strings, *arguments, left_truncate_len=left_truncate_len, **how
        )

    def _model_call(self, *arguments: Any, **settings: Any) -> Any:
        with self._loaded.lock, replaced(self._substitutes), _finite(self._loaded.model):
            return super()._model_call(*arguments, **settings)

    def _model_generate(self, *arguments: Any, **settings: Any) -> Any:
        with self._loaded.lock, replaced(self._substitutes), _finite(self._loaded.model):
            return super()._model_generate(*arguments, **settings)


@contextmanager
def _finite(model: Any) -> Iterator[None]:
    """Inside, a pass whose scores are not finite is refused (UserError): the likeliest answer would
    be the first one, whatever it says."""

    def check(_model: object, _given: object, output: Any) -> None:
        check_scores(output.logits, "answered")

    handle = model.register_forward_hook(check)
    try:
        yield
    finally:
        handle.remove()


def score(lm: HFLM, task: Mapping[str, Any], limit: int | None, chat: bool) -> dict[str, Any]:
    """What lm-eval's evaluator says of a task (see `lm_eval_tasks.load_task`), samples included."""
    with silence():
        found = evaluate(
            lm=lm, task_dict=dict(task), limit=limit, apply_chat_template=chat, log_samples=True
        )
    return dict(found or {})


def batch_size(loaded: LoadedModel, together: bool) -> int:
    """Requests in one forward pass: 8, fewer where the vocabulary is large, one where a token's
    mask depends on the other tokens of the pass."""
    fit = ENTRIES_AT_ONCE // (512 * len(loaded.tokenizer))
    return max(1, min(LARGEST_BATCH, fit)) if together else 1


@contextmanager
def silence() -> Iterator[None]:
    """No progress bars and no remarks of lm-eval and its libraries inside; as before afterwards."""
    logger, bars = logging.getLogger("lm_eval"), datasets.are_progress_bars_disabled()
    level, own_tqdm = logger.level, lm_eval.api.task.tqdm
    logger.setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    lm_eval.api.task.tqdm = partial(tqdm, disable=True)
    try:
        with quiet():
            yield
    finally:
        lm_eval.api.task.tqdm = own_tqdm
        logger.setLevel(level)
        if not bars:
            datasets.enable_progress_bars()
