"""Runs that ship, repeated on the pinned model, give the numbers that ship.

What rounding may move is as in test_numbers: nothing to speak of in one block, up to 5% of the
perplexity where every block is pruned.
"""

import os
from pathlib import Path

import pytest

from nmviz import service
from nmviz.core.results import Result
from nmviz.core.tokenwise.tails import TAILS
from nmviz.engine.load.loading import LoadedModel, load
from nmviz.engine.measure.runner import Run
from nmviz.service.beforehand.texts import written_beforehand
from nmviz.sources import corpora
from nmviz.store.database import results_folder
from nmviz.store.transfer.jsonl import read_jsonl
from nmviz.ui.shell.view import View

pytestmark = pytest.mark.real
MODEL = "smollm2-135m"
needs_wikitext = pytest.mark.skipif(
    not os.environ.get("NMVIZ_WIKITEXT2"), reason="NMVIZ_WIKITEXT2 names no raw files"
)


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load(MODEL)


def shipped(name: str, target: str, **chosen: object) -> Result:
    folder = results_folder()
    assert folder is not None
    wanted = {"model": MODEL, "target": target, "pattern": "8:16", "mitigations": (), **chosen}
    (one,) = (
        result
        for result in read_jsonl(Path(folder) / "runs" / f"{name}.jsonl")
        if all(getattr(result.experiment, field) == given for field, given in wanted.items())
    )
    return one


def again(loaded: LoadedModel, run: Result) -> Result:
    *_, last = Run(loaded, [run.experiment], corpora.read(str(run.experiment.corpus)))
    return last.results[0]


def numbers(result: Result) -> dict[str, float]:
    """Every level: perplexities, KL, agreement, the share of ties; not the range over random ones,
    which a run by index had once, nor tails, which runs of before have none of."""
    without = {"delta_nll", *TAILS}
    levels = {one.metric: one.value for one in result.measurements if one.metric not in without}
    return {name: value for name, value in levels.items() if "ties" not in name}


@pytest.mark.parametrize("target", ["activation", "weight"])
def test_one_block_gives_the_shipped_numbers(loaded: LoadedModel, target: str) -> None:
    run = shipped("one-block", target)
    repeated = again(loaded, run)
    # What ships was measured with noise as large beside it; a plain run is not.
    plain = {name: one for name, one in numbers(run).items() if "noise" not in name}
    assert numbers(repeated) == pytest.approx(plain, rel=1e-3)
    cost, told = (one.get("delta_nll") for one in (repeated, run))
    assert cost and told and cost.value == pytest.approx(told.value, abs=1e-4)
    assert cost.stderr == pytest.approx(told.stderr, rel=0.02)
    errors = {site.name: site.rel_error for site in repeated.sites}
    assert errors == pytest.approx({site.name: site.rel_error for site in run.sites}, rel=1e-4)
    if target == "weight":  # of 4 bits, so ties decide much
        assert 0.3 < numbers(repeated)["tie_share"] < 0.6
        drawn = again(
            loaded, run.model_copy(update={"experiment": run.experiment.but(ties="auto")})
        )
        assert drawn.experiment.ties == "random"
        reach = [drawn.get(f"perplexity_ties_{end}") for end in ("low", "high")]
        low, high = (one.value for one in reach if one is not None)
        assert low < numbers(drawn)["perplexity"] < high


@pytest.mark.parametrize("name", ["default", pytest.param("methods", marks=needs_wikitext)])
def test_all_blocks_give_the_shipped_perplexity_within_5_percent(
    loaded: LoadedModel, name: str
) -> None:
    run = shipped(name, "activation", criterion="magnitude")
    repeated = numbers(again(loaded, run))
    assert repeated["perplexity"] == pytest.approx(numbers(run)["perplexity"], rel=0.05)
    assert repeated["dense_perplexity"] == pytest.approx(numbers(run)["dense_perplexity"], rel=1e-4)


def test_texts_written_beforehand_begin_as_they_are_written_now(loaded: LoadedModel) -> None:
    """Rounding may part two texts later on."""
    experiments = [one for one in View().experiments() if one.target == "activation"]
    told, _ = written_beforehand(experiments)
    *_, last = service.generate(experiments, told.prompt, max_new_tokens=6)
    for now, then in zip(last.continuations, told.continuations, strict=True):
        assert [token.text for token in now.tokens] == [token.text for token in then.tokens[:6]]
