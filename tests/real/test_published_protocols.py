"""Perplexities of the pinned model on WikiText-2 under each protocol, against the plain formulas.

Worked out with transformers and cross entropy alone, tokens chosen by hand: every token but the
first of two windows of 512; the last 256 of each window that begins 256 behind the one before; the
tokens 257 to 511 of every window. Over the first 8,192 tokens the same gives 36.003, 36.635
(joined), 28.944 and 29.245; that takes minutes, so the first 1,024 are read here.
"""

import os

import pytest

from nmviz.core.experiment import Experiment
from nmviz.engine.load.loading import LoadedModel, load
from nmviz.engine.measure.runner import Run
from nmviz.sources import corpora

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not os.environ.get(corpora.WIKITEXT2_FOLDER), reason="needs WikiText-2: set NMVIZ_WIKITEXT2"
    ),
]


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load("smollm2-135m")


@pytest.mark.parametrize(
    ("how", "perplexity"),
    [
        ({}, 26.68378),
        ({"protocol": "second-half"}, 21.37222),
        ({"protocol": "stride", "stride": 256}, 23.86761),
        ({"corpus": "wikitext-2-joined"}, 28.23302),
    ],
)
def test_the_dense_perplexity_is_that_of_the_protocol(
    loaded: LoadedModel, how: dict[str, object], perplexity: float
) -> None:
    # One pruned block: the blocks before it are not run again.
    fields = {"corpus": "wikitext-2", "tokens": 1024, "window": 512, "blocks": "29", **how}
    experiment = Experiment.build(**fields)
    text = corpora.read(str(experiment.corpus))[:20_000]
    *_, last = Run(loaded, [experiment], text)
    found = last.results[0].get("dense_perplexity")
    assert found is not None
    assert found.value == pytest.approx(perplexity, rel=1e-4)
    assert last.done == last.total == 1024
