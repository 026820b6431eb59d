"""A model larger than what the process may take, as the page asks for it: runs, looks, refusals."""

import re
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from forms import form
from tiny import PARAGRAPHS

from nmviz import service
from nmviz.base import holding
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.provenance import STREAMED
from nmviz.core.results import SiteLook
from nmviz.core.running import Running
from nmviz.engine.load import loading
from nmviz.engine.stream import room, timing
from nmviz.engine.stream.opening import kept_opened, kept_parts
from nmviz.service.at_hand import models as at_hand
from nmviz.service.at_hand import turns
from nmviz.service.at_hand.models import captures, load
from nmviz.ui.explore import handlers, writing
from nmviz.ui.explore.panels import one_at_a_time

pytestmark = pytest.mark.usefixtures("fresh_cache", "own_store")
TEXT = " ".join(PARAGRAPHS)
READ = {"corpus": service.OWN_TEXT, "tokens": 128, "window": 64}
SMALL = {"corpus": "wikitext-2", "tokens": 128, "window": 64}
LEARNED = {"mitigations": ["l-pts"], "calibration_windows": 1}
PROMPT = "A river begins where rain"
ROUNDING = 1e-5
TOO_LITTLE, A_LITTLE = 100_000, 3_500_000


@pytest.fixture
def within(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The process is held to so many bytes, of which only what is kept counts."""
    monkeypatch.setattr(room, "LIBRARIES", 0)
    monkeypatch.setattr(at_hand, "WORK", 10**12)  # never without a look
    for module in (room, holding, at_hand):
        monkeypatch.setattr(module, "resident", holding.idle)
    captures().clear()

    def held_to(most: int) -> None:
        monkeypatch.setattr(holding, "_limit", holding._Limit(True, most))

    yield held_to
    captures().clear()


def asked(model: Path, **fields: Any) -> list[Experiment]:
    return [
        Experiment.build(model=str(model), target=target, pattern="2:4", **READ, **fields)
        for target in (("weight", "activation") if not fields else ("weight",))
    ]


def look(model: Path, block: int, projection: str, target: str = "activation") -> SiteLook:
    one = Experiment.build(model=str(model), target=target, pattern="2:4")
    return service.look(one, PROMPT, block, projection)


def check_same_look(one: SiteLook, other: SiteLook) -> None:
    assert (one.site, one.tokens, one.kept) == (other.site, other.tokens, other.kept)
    assert one.rel_error == pytest.approx(other.rel_error, abs=ROUNDING)
    assert np.allclose(one.mask.values, other.mask.values, rtol=0, atol=ROUNDING)
    assert (one.mask.kept == other.mask.kept).all()
    assert np.allclose(one.inputs.edges, other.inputs.edges, rtol=0, atol=ROUNDING)
    assert one.inputs.kept.sum() == other.inputs.kept.sum()


def test_a_run_is_streamed_and_has_the_numbers_of_the_whole_one(copy: Path, within: Any) -> None:
    experiments = asked(copy)
    how = Running(keep=False, precision=0.01)  # as the page asks; nothing stops early here
    whole = list(service.run(experiments, text=TEXT, how=Running(keep=False)))[-1]
    within(A_LITTLE)
    said = service.said_beforehand(experiments, how)
    for words in ("million parameters; whole a run takes about", "may be used", "block by block"):
        assert words in said
    assert re.search(r", which takes about \d+ s\.$", said)
    steps = list(service.run(experiments, text=TEXT, how=how))
    assert said in [step.note for step in steps], "the same before it is begun and as it begins"
    assert {"measuring, block 2 of 3"} <= {step.stage for step in steps}
    assert not loading.is_loaded(str(copy)), "the whole one was given up"
    for mine, theirs in zip(steps[-1].results, whole.results, strict=True):
        assert STREAMED in mine.provenance.settings
        for one, other in zip(mine.measurements, theirs.measurements, strict=True):
            assert one.value == pytest.approx(other.value, rel=ROUNDING, abs=ROUNDING)


def test_a_look_reads_the_blocks_up_to_its_own(
    copy: Path, within: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [(1, "down"), (2, "q"), (0, "up")]
    targets = ("weight", "activation")
    whole = [look(copy, *place, target) for place in places for target in targets]
    swept = service.sweep_layer(Experiment.build(model=str(copy)), PROMPT, 1, "down")
    within(A_LITTLE)
    captures().clear()
    loading.forget()
    read: list[int] = []
    parts = kept_parts(str(copy), copy)
    block = parts.block
    monkeypatch.setattr(parts, "block", lambda number: read.append(number) or block(number))
    streamed = [look(copy, *place, target) for place in places for target in targets]
    for one, other in zip(streamed, whole, strict=True):
        check_same_look(one, other)
    assert read == [0, 1, 1, 2, 0], "each once on the way, and once more where it is looked at"
    again = service.sweep_layer(Experiment.build(model=str(copy)), PROMPT, 1, "down")
    for mine, theirs in zip(again, swept, strict=True):
        assert (mine.name, mine.reason) == (theirs.name, theirs.reason)
        assert mine.rel_error == pytest.approx(theirs.rel_error, abs=ROUNDING)
    assert not loading.is_loaded(str(copy))
    opened = kept_opened(str(copy), copy).model
    held = sum(one.nbytes for one in opened.parameters() if not one.is_meta)
    assert held == parts.sizes().outside, "no block is left behind"
    assert 0 < captures().size < 1_000_000


def test_cancel_ends_within_a_block(copy: Path, within: Any) -> None:
    within(A_LITTLE)
    cancel, stages = Event(), []
    for step in service.run(asked(copy), text=TEXT, how=Running(keep=False), cancel=cancel):
        stages.append(step.stage)
        if step.stage == "measuring, block 2 of 3":
            cancel.set()  # behind the first pass of the block, of six
    assert stages.count("measuring, block 2 of 3") == 1 and stages[-1] == "cancelled"
    opened = kept_opened(str(copy), copy).model
    held = sum(one.nbytes for one in opened.parameters() if not one.is_meta)
    assert held == kept_parts(str(copy), copy).sizes().outside
    assert not turns._LOCK.locked()


def test_one_at_a_time_is_read_block_by_block(
    copy: Path, within: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    within(A_LITTLE)
    experiments = asked(copy)
    begun: Iterator[Any] = iter(service.run(experiments, text=TEXT, how=Running(keep=False)))
    while not next(begun).stage.startswith("measuring, block"):
        pass
    with pytest.raises(UserError, match=r"one model at a time: ask again when"):
        look(copy, 1, "down")
    cancel = Event()
    second = service.run(experiments, text=TEXT, how=Running(keep=False), cancel=cancel)
    monkeypatch.setattr(turns, "SECONDS_BETWEEN_LOOKS", 0.01)
    while next(second).stage != turns.WAITING:
        pass
    cancel.set()
    assert [step.stage for step in second] == ["cancelled"]
    begun.close()
    assert look(copy, 1, "down").block == 1


def test_the_page_says_it_before_run_is_pressed(
    copy: Path, within: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMVIZ_MODELS", str(copy))
    monkeypatch.setattr(service, "warm", lambda _: None)  # it would compile beside the next test
    within(A_LITTLE)
    values = form(model=str(copy), **SMALL, pattern="2:4")
    fitted = handlers.fitted(values)
    assert handlers.READING_PARTS in fitted["layer_head"]
    assert "No texts are written" in fitted["texts"]
    assert "This needs the whole model in memory" in fitted["hand"]
    status = handlers.changed(values, None, "local")["status"]
    assert "Not run yet. copy has 0.1 million parameters;" in status
    assert "streamed block by block in about" in status and "which takes about" in status
    asked_each = one_at_a_time.found([*values, "block"], None)["each_head"]
    assert re.search(r"8 runs, about \d+ s here", asked_each)
    refused = handlers.changed(form(model=str(copy), **SMALL, **LEARNED), None, "local")["status"]
    assert "l-pts needs it whole" in refused and "which takes" not in refused
    *_, written = writing.write(values, "writer")
    assert "No texts are written" in written["texts"]
    pictured = handlers.looked(values, None)
    assert "streamed" not in pictured["layer_head"] and pictured["weight_mask"] is not None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"criterion": "gradient", "calibration_windows": 1}, "gradient needs it whole"),
        ({"mitigations": ("l-pts",), "calibration_windows": 1}, "l-pts needs it whole"),
    ],
)
def test_what_needs_the_whole_model_is_said_beforehand(
    fields: dict[str, Any], said: str, copy: Path, within: Any
) -> None:
    within(A_LITTLE)
    one = Experiment.build(model=str(copy), pattern="2:4", **READ, **fields)
    with pytest.raises(UserError, match=f"does not fit into memory, and {said}"):
        service.said_beforehand([one])
    with pytest.raises(UserError, match=said):
        list(service.calibrate(one))


def test_what_is_not_done_block_by_block_says_why(copy: Path, within: Any) -> None:
    within(A_LITTLE)
    said = service.why_no_texts(str(copy))
    assert "No texts are written: " in said and "so each word would read all 1 MB" in said
    with pytest.raises(UserError, match="No texts are written"):
        list(service.generate(asked(copy), PROMPT))
    with pytest.raises(UserError, match="This needs the whole model in memory") as refused:
        load(str(copy))
    assert str(refused.value) == service.why_not_whole(str(copy))


@pytest.mark.usefixtures("paragraphs_calibrate")
def test_calibration_passes_block_by_block_and_serves_looks(copy: Path, within: Any) -> None:
    one = asked(copy, criterion="wanda", calibration_windows=1)[0]
    within(A_LITTLE)
    assert service.uncalibrated([one]) == (one,)
    *steps, last = service.calibrate(one)
    assert "calibrating, block 2 of 3" in [step.stage for step in steps] and last.stage == "done"
    assert service.uncalibrated([one]) == () and not loading.is_loaded(str(copy))
    streamed = service.look(one, PROMPT, 1, "down")
    within(10**9)
    check_same_look(streamed, service.look(one, PROMPT, 1, "down"))
    assert loading.is_loaded(str(copy))


def test_too_little_memory_for_a_block_names_how_much_is_needed(copy: Path, within: Any) -> None:
    within(TOO_LITTLE)
    for ask in (lambda: service.said_beforehand(asked(copy)), lambda: look(copy, 1, "down")):
        with pytest.raises(
            UserError, match=r"one block, .* give --memory \d+M at least"
        ) as refused:
            ask()
    enough = int(str(refused.value).partition("--memory ")[2].partition("M")[0]) * 2**20
    within(enough)
    assert look(copy, 1, "down").block == 1


def test_a_page_that_is_held_to_nothing_loads_models_whole(copy: Path) -> None:
    assert holding.most() is None
    assert service.said_beforehand(asked(copy)) == service.why_no_texts(str(copy)) == ""
    assert service.why_not_whole(str(copy)) == ""
    assert load(str(copy)).model.get_input_embeddings().weight.is_meta is False


def test_a_streamed_run_tells_how_long_the_next_one_takes(
    copy: Path, within: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    within(A_LITTLE)
    monkeypatch.setattr(
        timing, "_rate", lambda: 1000.0
    )  # a machine of a thousand products a second
    assert re.search(r"which takes about \d+ h\.$", service.said_beforehand(asked(copy)))
    list(service.run(asked(copy), text=TEXT))
    assert re.search(r"which takes about \d+ s\.$", service.said_beforehand(asked(copy)))
