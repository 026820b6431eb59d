"""The looks that ship: whole, small, of results that ship, and with what the page opens with."""

import pytest

from nmviz import service
from nmviz.core.experiment import Experiment
from nmviz.core.looks.compact import opened
from nmviz.core.looks.kept import pruned_alone
from nmviz.core.looks.prompts import OPENING, PROMPTS
from nmviz.service import layers
from nmviz.service.choices import canonical
from nmviz.service.layers import Window
from nmviz.service.looks import finding
from nmviz.sources.models import MODELS
from nmviz.store.database import results_folder
from nmviz.ui.shell.view import Look

ASKED = [
    Experiment.build(model=model, pattern=pattern, target=target)
    for model in ("smollm2-135m", "gemma-3-270m")
    for pattern in ("2:4", "8:16", "50%")
    for target in ("weight", "activation")
]
OPENS_AT = Look()
WINDOW = Window(OPENS_AT.first_row, OPENS_AT.rows, OPENS_AT.first_column, OPENS_AT.columns)


@pytest.mark.usefixtures("own_store")
def test_the_page_opens_on_them_without_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    for load in (layers, finding):
        monkeypatch.setattr(load, "load", lambda *_: pytest.fail("a model was loaded"))
    for one in ASKED:
        alike = one.model_dump(include={"model", "target", "pattern", "criterion"})
        found = service.store().find(sites=False, seeded=True, source="nmviz", **alike)
        alone = {pruned_alone(each.experiment.but(ties=one.ties)) for each in found}
        assert pruned_alone(canonical(one)) in alone
        look = service.see(one, OPENING, 9, "down", WINDOW)
        assert look.said.startswith("Shown as kept beside the result")
        assert look.mask.kept.shape == (24, 64)


def test_they_are_whole_and_small() -> None:
    folder = results_folder()
    assert folder is not None
    files = {file.name: file.read_bytes() for file in (folder / finding.FOLDER).iterdir()}
    names = [finding.name_of_file(pruned_alone(canonical(one))) for one in ASKED]
    assert {*files} == {*names}
    assert all(len(data) <= 1_000_000 for data in files.values())
    for one, name in zip(ASKED, names, strict=True):
        kept, model = opened(files[name], whole=True), MODELS.get(one.model)
        assert kept.experiment == pruned_alone(canonical(one))
        assert kept.head.model.sha256 == model.gguf.sha256
        assert len(kept.head.layers) == model.info.blocks * 7 and not kept.head.without
        assert [text.prompt for text in kept.head.texts] == [*PROMPTS]
