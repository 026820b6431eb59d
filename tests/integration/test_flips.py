"""Which words change when a model is pruned: worked out apart from its logits, bounded, and private
where the text is one's own."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from pruning import nothing
from torch import Tensor

from nmviz import service
from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.core.running import Running
from nmviz.core.tokenwise.flips import MOST, Flip
from nmviz.engine.calibrate.calibration import bind
from nmviz.engine.load.loading import LoadedModel, load
from nmviz.engine.measure.evaluate import logits
from nmviz.engine.measure.flips import Gathered, Predictions
from nmviz.engine.measure.runner import Run, windows_of
from nmviz.engine.prune.sparsify import forwards, replaced
from nmviz.engine.prune.weights import PrunedWeights

TEXT = "The river rises in spring. Two bridges join the market and the harbour. " * 60
SECRET = "Zebedee hid the emerald under the seventh stair of the lighthouse. " * 60


@pytest.fixture(scope="module")
def loaded(tiny_model: Path) -> LoadedModel:
    return load(str(tiny_model))


def asked(**fields: object) -> Experiment:
    return Experiment.build(**{"pattern": "2:4", "window": 64, "tokens": 640, **fields})


def measured(loaded: LoadedModel, experiment: Experiment) -> Result:
    *_, last = Run(loaded, [experiment], TEXT)
    return last.results[0]


def worked_out(loaded: LoadedModel, experiment: Experiment) -> Iterator[Flip]:
    """Every flip, token by token, from the two models' whole distributions."""
    windows = windows_of(loaded, experiment, TEXT)
    pruned = bind(loaded, experiment, nothing).pruned
    for number, (ids, skipped) in enumerate(zip(windows.ids, windows.uncounted, strict=True)):
        before = logits(loaded, ids).double().softmax(-1)
        with replaced(forwards(pruned, nothing)):
            after = logits(loaded, ids).double().softmax(-1)
        for place in range(skipped, len(ids) - 1):
            p, q = before[place], after[place]
            dense, other = int(p.argmax()), int(q.argmax())
            if dense != other:
                yield Flip(
                    window=number,
                    token=place + 1,
                    right=int(ids[place + 1]),
                    dense=dense,
                    pruned=other,
                    dense_before=p[dense],
                    dense_after=q[dense],
                    pruned_before=p[other],
                    pruned_after=q[other],
                    kl=(p * (p / q).log()).sum(),
                )


def where(flip: Flip) -> tuple[int, ...]:
    return flip.window, flip.token, flip.right, flip.dense, flip.pruned


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"target": "weight", "ties": "index"},
        {"target": "weight", "ties": "random"},
        {"protocol": "second-half"},
        {"protocol": "stride", "stride": 16, "tokens": 256},
    ],
    ids=lambda fields: "-".join(map(str, fields.values())) or "activation",
)
def test_flips_are_those_of_the_two_models_distributions(
    loaded: LoadedModel, fields: dict[str, object]
) -> None:
    experiment = asked(**fields)
    flips, known = measured(loaded, experiment).flips, list(worked_out(loaded, experiment))
    assert flips is not None and flips.total == len(known) > MOST
    assert flips.counts == {
        kind: Counter(one.kind for one in known)[kind]
        for kind in ("right to wrong", "wrong to right", "wrong to wrong")
    }
    largest = {where(one): one for one in known}
    falls = sorted((one.fall for one in known), reverse=True)
    assert len(flips.rows) == MOST
    for row, fall in zip(flips.rows, falls, strict=False):
        assert row.fall == pytest.approx(fall, abs=2e-5)
        same = largest.pop(where(row))
        sizes = {"dense_before", "dense_after", "pruned_before", "pruned_after", "kl"}
        told, found = (one.model_dump(include=sizes) for one in (row, same))
        assert told == pytest.approx(found, rel=1e-3, abs=2e-5)


def test_the_share_of_tokens_that_keep_their_word_is_what_is_left(loaded: LoadedModel) -> None:
    result = measured(loaded, asked())
    agree, flips = result.get("top1_agreement"), result.flips
    assert agree is not None and flips is not None
    assert flips.n == 10 * 63
    assert 1 - flips.total / flips.n == pytest.approx(agree.value)


def test_a_dense_model_flips_nothing(loaded: LoadedModel) -> None:
    flips = measured(loaded, asked(pattern="dense")).flips
    assert flips is not None and (flips.total, flips.rows) == (0, ())


def predictions(scores: Tensor) -> Predictions:
    return Predictions(scores, scores.double().logsumexp(-1), scores.argmax(-1))


def test_however_long_the_text_no_more_is_held_than_the_largest() -> None:
    gathered, falls = Gathered(), []
    made = torch.Generator().manual_seed(0)
    for _ in range(20):
        dense, pruned = (
            predictions(3 * torch.randn(200, 30, generator=made, dtype=torch.float32))
            for _ in range(2)
        )
        every = torch.arange(200)
        gathered.add(dense, pruned, torch.zeros(200).double(), every % 30, 0)
        assert len(gathered._rows) == MOST
        fall = dense.probability(every, dense.best) - pruned.probability(every, dense.best)
        falls += fall[dense.best != pruned.best].tolist()
    told = gathered.told()
    assert (told.n, told.total) == (4000, len(falls))
    best = sorted(falls, reverse=True)[:MOST]
    assert [one.fall for one in told.rows] == pytest.approx(best, abs=2e-6)


def test_among_equal_flips_the_first_of_the_text_are_kept() -> None:
    gathered, every = Gathered(), torch.zeros(80, dtype=torch.int64)
    dense, pruned = (torch.eye(2)[[word] * 80] * 4 for word in (0, 1))
    for _ in range(2):
        gathered.add(predictions(dense), predictions(pruned), every.double(), every, 5)
    places = [(one.window, one.token) for one in gathered.told().rows]
    assert places == [(0, 6 + n) for n in range(80)] + [(1, 6 + n) for n in range(MOST - 80)]


def own(tiny_model: Path, **how: object) -> Result:
    experiment = asked(model=str(tiny_model), corpus=service.OWN_TEXT, tokens=256)
    *_, last = service.run([experiment], text=SECRET, how=Running.model_validate(how))
    return last.results[0]


def stored(tiny_model: Path) -> Result:
    experiment = asked(model=str(tiny_model), corpus=service.OWN_TEXT, tokens=256)
    found = service.lookup(experiment, SECRET)
    assert found is not None
    return found


def test_the_store_has_no_word_of_a_text_of_ones_own_unless_it_is_to_be_kept(
    tiny_model: Path, empty_store: Path
) -> None:
    shown = own(tiny_model).flips
    assert shown is not None and shown.rows, "whoever asked sees them"
    kept = stored(tiny_model).flips
    assert kept == shown.without_rows() and kept.lacks_rows
    held = b"".join(file.read_bytes() for file in empty_store.parent.glob("store.sqlite*"))
    assert b'"total"' in held and b'"dense_before"' not in held
    assert b"emerald" not in held and b"Zebedee" not in held
    asked_for = own(tiny_model, keep_words=True).flips
    assert asked_for is not None and asked_for.rows == shown.rows, "measured again for its words"
    assert stored(tiny_model).flips == asked_for


def test_ties_at_random_have_flips_in_the_first_draw_alone(loaded: LoadedModel) -> None:
    run = Run(loaded, [asked(target="weight", ties="random")], TEXT)
    *_, last = run
    (trial,) = run.trials
    assert isinstance(trial.comparison.pruned, PrunedWeights) and trial.redrawn
    assert all(one.tokens.flips is None for one in trial.redrawn)
    assert last.results[0].flips == trial.comparison.tokens.flips.told()
