"""How many tokens a model reads at once."""

import re
from typing import Any

from torch import nn

from nmviz.sources.model_info import CONTEXTS
from nmviz.sources.widths import first_number

LEARNED = re.compile(r"(^|[._])(positions?|pos|wpe)([._]|$)")
OTHER_PARTS = re.compile(r"vision|visual|image|patch|audio")


def context_of(model: Any, stated: int) -> int:
    """The most tokens of a window: what the config states under whatever name its type has for it
    (`stated` where config.json says so in plain words), and no more than a learned table of
    positions has rows to give; 0 where there is no end."""
    names = {name: getattr(model.config, name, None) for name in CONTEXTS}
    ahead = 1 if hasattr(model.config, "ngram") else 0  # ProphetNet's predicting stream
    rows = [_rows(table) - ahead for table in _tables(model)]
    limits = [stated or first_number(names, *CONTEXTS), *rows]
    return min((limit for limit in limits if limit > 0), default=0)


def _tables(model: nn.Module) -> list[nn.Embedding]:
    return [
        module
        for name, module in model.named_modules()
        if isinstance(module, nn.Embedding)
        and LEARNED.search(name)
        and not OTHER_PARTS.search(name)
    ]


def _rows(table: nn.Embedding) -> int:
    """Some count from behind the row for padding (RoBERTa), some from a fixed row (OPT)."""
    before = 0 if table.padding_idx is None else table.padding_idx + 1
    return table.num_embeddings - max(before, getattr(table, "offset", None) or 0)
