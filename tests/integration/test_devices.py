"""Where models run: the processor, or the accelerator that the process is told to use."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.core.running import DEVICE, Running
from nmviz.ui.launch import serve
from nmviz.ui.page import build_page

ACCELERATORS = [
    *([] if not torch.cuda.is_available() else ["cuda"]),
    *([] if not torch.backends.mps.is_available() else ["mps"]),
]
ROUNDING = 1e-3
"""Of a cost, in nats a token: a product that is summed in another order can move a mask."""


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A device that every machine has, by a name that is not the usual one."""
    monkeypatch.setenv(DEVICE, "cpu:0")
    yield "cpu:0"


def measured(model: Path, how: Running, **fields: object) -> Result:
    asked = Experiment.build(model=str(model), tokens=512, window=128, **fields)
    *_, last = service.run([asked], how=how)
    return last.results[-1]


def test_the_process_computes_where_it_is_told_to(named: str, tiny_model: Path) -> None:
    result = measured(tiny_model, Running(rerun=True, keep=False))
    assert result.provenance.device == named
    assert service.look(result.experiment, "A river begins", 0, "down").rel_error > 0


def test_the_page_says_where_it_computes(named: str) -> None:
    blocks = build_page(private=True).blocks.values()
    said = [one.value for one in blocks if one.elem_id == "device"]
    assert len(said) == 1 and f"Models run on {named} here" in said[0]


def test_the_page_says_nothing_where_it_is_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DEVICE, raising=False)
    assert all(one.elem_id != "device" for one in build_page(private=True).blocks.values())


@pytest.mark.parametrize("device", ["nosuch", "cuda:99", "meta:x"])
def test_a_page_on_a_device_that_is_not_there_does_not_start(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(DEVICE, raising=False)  # and put back as it was afterwards
    with pytest.raises(UserError, match=f"no device '{device}' on this machine: use cpu"):
        serve(port=0, block=False, device=device)


@pytest.mark.skipif(not ACCELERATORS, reason="needs an accelerator")
@pytest.mark.parametrize("device", ACCELERATORS)
@pytest.mark.parametrize(
    "fields",
    [
        {"target": "activation", "mitigations": "d-pts,var"},
        {"target": "weight", "criterion": "sparsegpt", "calibration_windows": 2},
    ],
    ids=["activation", "weight"],
)
def test_an_accelerator_gives_what_the_processor_gives(
    device: str, fields: dict[str, object], tiny_model: Path
) -> None:
    there, here = (
        measured(tiny_model, Running(rerun=True, keep=False, device=one), **fields)
        for one in (device, "cpu")
    )
    assert there.provenance.device == device
    for one, other in zip(there.measurements, here.measurements, strict=True):
        assert one.value == pytest.approx(other.value, rel=1e-3, abs=ROUNDING), one.metric
