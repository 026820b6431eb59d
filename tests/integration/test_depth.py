"""Blocks left out of a tiny random Llama: the model without them, which ones, what is refused."""

import copy
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nmviz.base.errors import UserError
from nmviz.core.depth import EACH_ALONE, IN_TURN, LEFT_OUT, cheapest, last_blocks, left_out
from nmviz.core.experiment import Experiment
from nmviz.core.grids import parse_grid
from nmviz.core.results import Result
from nmviz.core.running import Running
from nmviz.engine.calibrate.calibration import bind, calibration_windows
from nmviz.engine.load.loading import LoadedModel, load
from nmviz.engine.load.tokens import encode
from nmviz.engine.measure.runner import Run
from nmviz.service.schedules import pruned_in_words

TEXT = "The river rises in spring. Two bridges join the market and the harbour. " * 60

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is calibrated here is kept nowhere else."""
    from nmviz.base.cache import cache_dir

    for entry in cache_dir().glob("*"):
        if entry.name != "calibrated":
            (tmp_path / entry.name).symlink_to(entry)
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path))


@pytest.fixture(scope="module")
def loaded(tiny_model: Path) -> LoadedModel:
    return load(str(tiny_model))


def experiment(**fields: object) -> Experiment:
    usual = {"target": "blocks", "window": 64, "tokens": 640, "calibration_windows": 2}
    return Experiment.build(**{**usual, **fields})


def measured(loaded: LoadedModel, *asked: Experiment) -> tuple[Result, ...]:
    *_, last = Run(loaded, asked, TEXT, how=Running())
    assert last.stage == "done"
    return last.results


def nll_without(loaded: LoadedModel, blocks: set[int], windows: Tensor) -> float:
    """Mean NLL of the model whose list of blocks has the others alone."""
    chosen = log_shares(loaded, blocks, windows).gather(-1, windows[:, 1:, None])
    return -chosen.mean().item()


def log_shares(loaded: LoadedModel, blocks: set[int], windows: Tensor) -> Tensor:
    """What it predicts: ln p, float64 [windows, window - 1, vocabulary]."""
    model = copy.deepcopy(loaded.model)
    kept = [block for n, block in enumerate(model.model.layers) if n not in blocks]
    model.model.layers = nn.ModuleList(kept)
    model.config.num_hidden_layers = len(kept)
    with torch.inference_mode():
        scores = model(input_ids=windows, use_cache=False).logits[:, :-1].double()
    return scores.log_softmax(-1)


@pytest.mark.parametrize("by", ["0", "1", "2", "0,2"])
def test_it_is_the_model_without_these_blocks(loaded: LoadedModel, by: str) -> None:
    before = {name: value.clone() for name, value in loaded.model.state_dict().items()}
    dense = nll_without(loaded, set(), windows(loaded))
    (result,) = measured(loaded, experiment(by=by))
    chosen = {int(one) for one in by.split(",")}
    found = result.get("delta_nll")
    assert found is not None
    wanted = nll_without(loaded, chosen, windows(loaded)) - dense
    assert found.value == pytest.approx(wanted, abs=2e-5) and abs(wanted) > 1e-3
    assert left_out(result.provenance.settings) == sorted(chosen)
    assert not result.sites and len(result.drift) == 3
    after = loaded.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any("forward" in block.__dict__ for block in loaded.model.model.layers)


def windows(loaded: LoadedModel) -> Tensor:
    return encode(loaded, TEXT)[:640].view(10, 64)


def test_by_cost_leaves_out_what_costs_least_alone_on_calibration_text(
    loaded: LoadedModel,
) -> None:
    """The costs are those of the text that methods are calibrated on, and are kept on disk."""
    text = calibration_windows(loaded, 2, 0)
    dense = nll_without(loaded, set(), text)
    alone = [nll_without(loaded, {n}, text) - dense for n in range(3)]
    one, two = measured(loaded, experiment(drop=1), experiment(drop=2))
    told = [float(part.partition(": ")[2]) for part in _said(one, EACH_ALONE).split(", ")]
    assert told == pytest.approx(alone, abs=1e-4)
    order = sorted(range(3), key=alone.__getitem__)
    assert left_out(one.provenance.settings) == order[:1]
    assert left_out(two.provenance.settings) == sorted(order[:2])
    (again,) = measured(loaded, experiment(drop=1))
    assert again.provenance.settings == one.provenance.settings


def test_by_attribution_each_is_chosen_on_top_of_those_before(loaded: LoadedModel) -> None:
    """By KL from the dense model on calibration text; cost, which looks at each alone, is kept
    apart from it."""
    text = calibration_windows(loaded, 2, 0)
    dense = log_shares(loaded, set(), text)

    def moved(blocks: set[int]) -> float:
        without = log_shares(loaded, blocks, text)
        return (dense.exp() * (dense - without)).sum(-1).mean().item()

    first = min(range(3), key=lambda n: moved({n}))
    second = min({0, 1, 2} - {first}, key=lambda n: moved({first, n}))
    by_cost, one, two = measured(
        loaded,
        experiment(drop=1),
        experiment(drop=1, by="attribution"),
        experiment(drop=2, by="attribution"),
    )
    assert left_out(one.provenance.settings) == [first]
    assert left_out(two.provenance.settings) == sorted([first, second])
    told = [part.partition(": ") for part in _said(two, IN_TURN).split(", ")]
    assert [int(number) for number, _, _ in told] == [first, second]
    wanted = [moved({first}), moved({first, second})]
    assert [float(kl) for *_, kl in told] == pytest.approx(wanted, rel=2e-3)
    assert len({by_cost.key, one.key, two.key}) == 3
    assert IN_TURN not in by_cost.provenance.settings
    assert EACH_ALONE not in two.provenance.settings
    again = measured(loaded, experiment(drop=2, by="attribution"))
    assert again[0].provenance.settings == two.provenance.settings


def _said(result: Result, name: str) -> str:
    return str(result.provenance.settings[name])


def test_the_last_are_those_before_the_very_last(loaded: LoadedModel) -> None:
    (result,) = measured(loaded, experiment(drop=1, by="last"))
    assert _said(result, LEFT_OUT) == "1" and EACH_ALONE not in result.provenance.settings
    assert last_blocks(3, 30) == [26, 27, 28]
    assert cheapest([3.0, 1.0, 2.0, 1.0], 3) == [1, 2, 3]


def test_it_says_what_share_of_the_model_is_gone(loaded: LoadedModel) -> None:
    (result,) = measured(loaded, experiment(by="1"))
    covered = result.provenance.coverage
    assert covered is not None
    assert math.isclose(covered.parameters, 1 / 3) and math.isclose(covered.multiply_adds, 1 / 3)
    assert {one.reason for one in covered.left_dense} == {"its block is kept"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"drop": 3}, "The model has 3 blocks: leave out 2 at most"),
        ({"drop": 4, "by": "last"}, "The model has 3 blocks"),
        ({"by": "7"}, "no block 7"),
    ],
)
def test_a_model_with_too_few_blocks_is_one_sentence(
    loaded: LoadedModel, fields: dict[str, object], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        measured(loaded, experiment(**fields))


def test_there_is_no_mask_to_look_at_and_nothing_is_written(loaded: LoadedModel) -> None:
    with pytest.raises(UserError, match="only a text is read"):
        bind(loaded, experiment(by="1"), lambda: None)


def test_a_grid_has_them_and_says_them_in_words() -> None:
    text = "grids: [{target: blocks, drop: [1, 2], by: [cost, attribution, last]}]"
    experiments, refused = parse_grid(text, "grid.yaml").experiments()
    assert not refused and [pruned_in_words(one) for one in experiments] == [
        "1 block left out, by cost",
        "1 block left out, by attribution",
        "1 block left out, the last",
        "2 blocks left out, by cost",
        "2 blocks left out, by attribution",
        "2 blocks left out, the last",
    ]
