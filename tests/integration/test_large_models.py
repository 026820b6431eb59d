"""Explore with a model too large to run here: what is published, and why the rest is empty."""

from typing import Any

import pytest

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.published import LARGE_MODELS
from nmviz.ui.explore import handlers, writing
from nmviz.ui.explore.form.controls import FIELDS, values_of
from nmviz.ui.explore.panels import every_method, one_at_a_time, published_only
from nmviz.ui.explore.restore import restored
from nmviz.ui.shell.limits import settle
from nmviz.ui.shell.sessions import SESSIONS
from nmviz.ui.shell.view import View

LLAMA = "llama3.1-8b"


pytestmark = pytest.mark.usefixtures("module_store")


def values(**fields: Any) -> list[Any]:
    """What the form's components would hand to a handler."""
    view = settle(View.build({"model": LLAMA, **fields}))
    model = next(m for m in service.catalogue().models if m.id == view.experiment.model)
    filled = values_of(view, model)
    return [filled.get(name) for name in FIELDS]


def test_every_large_model_is_offered_and_has_numbers() -> None:
    offered = {model.id: model for model in service.catalogue().models if model.published}
    assert list(offered) == list(LARGE_MODELS)
    for name in offered:
        assert service.of_experiment(Experiment.build(model=name, pattern="2:4"))


def test_the_page_shows_what_is_published() -> None:
    page = restored(f"model={LLAMA}&pattern=2:4")
    assert "weights 33.63%, activations 14.35%" in page["status"]
    assert "protocol" in page["status"]
    for printed in ("0.6837", "16.61", "20.14", "0.8207", "Table 10", "Table 6"):
        assert printed in page["cards"], printed
    for empty in ("depth_head", "texts"):
        assert "needs a live model" in page[empty]
    assert page["depth_plot"] is None


def test_the_headline_prefers_what_the_audit_does_not_doubt() -> None:
    status = restored(f"model={LLAMA}&pattern=2:4&mitigations=s-pts")["status"]
    assert "activations 14.61% or 14.31%." in status
    only = restored("model=qwen2.5-7b&pattern=8:16&mitigations=d-pts")["status"]
    assert "activations -8.28%†" in only


def test_the_same_value_in_several_tables_is_shown_once() -> None:
    cards = restored(f"model={LLAMA}&pattern=2:4")["cards"]
    assert cards.count(">14.35%") == 1


def test_a_method_finds_its_rows_by_what_it_does() -> None:
    page = restored(f"model={LLAMA}&pattern=8:16&criterion=clact&mitigations=d-pts")
    assert "CLACT + D-PTS" in page["cards"]
    assert "8.55%" in page["cards"]


def test_a_value_beyond_the_cut_off_stays_a_word() -> None:
    cards = restored("model=llama2-7b&pattern=90%25")["cards"]
    assert ">OUT" in cards


def test_a_choice_without_numbers_says_what_there_is() -> None:
    page = restored(f"model={LLAMA}&pattern=1:4")
    assert "Nothing is published for Llama 3.1 8B at 1:4" in page["status"]
    assert "8:16" in page["status"]
    assert "not published" in page["cards"]


def test_a_changed_setting_changes_the_numbers() -> None:
    update = handlers.changed(values(pattern="16:32"), None, "local")
    assert "activations 5.4%" in update["status"]
    assert update["shown"].results == {}
    assert handlers.picked(values(), None, "local").keys() == {"query", "wanted"}


def test_the_live_panels_say_why_they_are_empty() -> None:
    looked = handlers.looked(values(), None)
    assert "needs a live model" in looked["layer_head"]
    assert looked["weight_mask"] is None
    assert "published results alone" in every_method.swept(values(), None)["methods_head"]
    assert (
        "published results alone"
        in one_at_a_time.found([*values(), "projection"], None)["each_head"]
    )


def test_running_and_writing_are_refused_in_one_sentence() -> None:
    said = list(handlers.run(values(), None, "local", "someone", rerun=False))
    assert "published results alone" in said[-1]["status"]
    SESSIONS.start("another")
    written = list(writing.write(values(), "another"))
    assert "published results alone" in written[-1]["texts"]
    with pytest.raises(UserError, match="published results alone"):
        list(service.run([Experiment.build(model=LLAMA)]))


def test_choosing_a_large_model_loads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(service, "warm", lambda model: loaded.append(model))
    update = handlers.fitted(values())
    handlers.warm(LLAMA)
    assert loaded == []
    assert "needs a live model" in update["texts"]
    assert published_only.is_large(View.build({"model": LLAMA}))
