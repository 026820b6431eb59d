"""Looks at every layer, kept beside a result: made whole and streamed, carried along, and shown by
a page that does not have the model."""

import base64
import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import in_process
from databases import rows_in
from forms import form
from sqlalchemy import select

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.looks.compact import Packed, opened, packed
from nmviz.core.looks.kept import KeptLooks
from nmviz.core.looks.prompts import OPENING, PROMPTS
from nmviz.core.results import SiteLook
from nmviz.core.running import Running
from nmviz.engine.load import loading
from nmviz.engine.stream import room
from nmviz.service import layers
from nmviz.service.layers import Window
from nmviz.service.looks import finding, making
from nmviz.sources import on_offer
from nmviz.store import looks, open_store, records, writing
from nmviz.store.copying import copy
from nmviz.store.tables import ResultRow
from nmviz.store.transfer.exporting import export_file
from nmviz.store.transfer.importing import import_file
from nmviz.ui.explore import handlers
from nmviz.ui.explore.restore import restored
from nmviz.ui.shell.limits import settle
from nmviz.ui.shell.view import View

SETTINGS = {"pattern": "2:4", "corpus": "wikitext-2", "tokens": 256, "window": 128}
TARGETS = ("activation", "weight")


def asked(model: str, target: str, **more: Any) -> Experiment:
    return Experiment.build(**{**SETTINGS, "model": model, "target": target, **more})


@pytest.fixture(scope="module")
def moved(tiny: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny model in a folder that can be taken away."""
    return str(shutil.copytree(tiny, tmp_path_factory.mktemp("far") / "far-away"))


@pytest.fixture(autouse=True)
def here(moved: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is on offer, whatever a page in this process said of what is stored."""
    monkeypatch.setenv("NMVIZ_MODELS", moved)
    monkeypatch.setattr(on_offer, "_told", [])


@pytest.fixture(scope="module")
def kept(moved: str) -> dict[str, Packed]:
    """Both targets were run, with their looks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NMVIZ_MODELS", moved)
        found = {}
        for target in TARGETS:
            one = asked(moved, target)
            *_, ran = service.run([one])
            *_, last = service.keep_looks(one, ran.results[0], Running())
            assert last.stage == "done" and "are kept beside the result" in (last.note or "")
            found[target] = finding.kept_of(one)
    return found


@pytest.fixture(scope="module")
def few(kept: object, moved: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of these two results alone, and what it exports beside it."""
    folder = tmp_path_factory.mktemp("few")
    with open_store(folder / "few.sqlite") as store:
        for target in TARGETS:
            one = asked(moved, target)
            result = service.lookup(one)
            data = looks.find(service.store(), finding.pruned_alone(one))
            assert result is not None and data is not None
            store.put(result)
            looks.put(store, result.key, data)
        said = export_file(store, folder / "few.jsonl")
    assert said == "2 results written to few.jsonl, 2 with looks at the layers."
    return folder / "few.jsonl"


@pytest.fixture
def away(moved: str, kept: object, here: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The model is not on this machine: the store alone knows of it."""
    hidden = Path(moved).with_name("hidden")
    Path(moved).rename(hidden)
    monkeypatch.setenv("NMVIZ_MODELS", "")
    monkeypatch.setattr(on_offer, "_told", [service.stored_models])
    loading.forget()
    yield moved
    hidden.rename(moved)


def check_same(one: SiteLook, live: SiteLook) -> None:
    """As it was made, but for what 16 bits leave of values and scores."""
    plain = ("site", "block", "projection", "d_in", "d_out", "tokens", "kept", "turned", "drawn")
    assert [getattr(one, name) for name in plain] == [getattr(live, name) for name in plain]
    assert one.rel_error == pytest.approx(live.rel_error, rel=1e-5)
    for name in ("edges", "kept", "dropped"):
        assert np.array_equal(getattr(one.inputs, name), getattr(live.inputs, name))
    assert (one.inputs.shift, one.inputs.cut) == (live.inputs.shift, live.inputs.cut)
    assert np.array_equal(one.mask.kept, live.mask.kept)
    assert np.array_equal(one.mask.kept_of_column, live.mask.kept_of_column)
    assert np.allclose(one.mask.values, live.mask.values, rtol=1e-3, atol=0)
    assert np.allclose(one.mask.scores, live.mask.scores, rtol=1e-3, atol=0)
    assert one.mask.row_labels == live.mask.row_labels


@pytest.mark.parametrize("target", TARGETS)
def test_a_kept_look_is_the_one_that_the_model_makes(
    kept: dict[str, Packed], moved: str, target: str
) -> None:
    window = Window(first_row=8, rows=16, first_column=16, columns=32)
    found = list(kept[target].looks())
    assert len(found) == 3 * 7
    for one in found[::5]:
        place = (one.block, one.projection)
        live = service.look(asked(moved, target), OPENING, *place, **window.named)
        seen = service.see(asked(moved, target), OPENING, *place, window)
        assert seen.said.startswith("Shown as kept beside the result, of the prompt “Explain")
        check_same(seen, live)
    written = kept[target].head.texts
    assert [text.prompt for text in written] == list(PROMPTS)
    assert len(written[0].dense.dense_probability) == len(written[0].dense.tokens)


def test_with_the_model_here_what_is_not_kept_is_made(kept: object, moved: str) -> None:
    other = service.see(asked(moved, "weight"), "A river", 1, "down", Window())
    beyond = service.see(asked(moved, "weight"), OPENING, 1, "q", Window(first_row=60, rows=8))
    assert other.tokens < 10 and not other.said
    assert beyond.mask.first_row == 56 and beyond.said.startswith("Shown as kept")


def test_streamed_looks_are_those_of_the_whole_model(
    kept: dict[str, Packed], moved: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LIBRARIES", 0)
    monkeypatch.setattr(room, "resident", lambda: 0)
    monkeypatch.setattr(layers, "load", lambda _: pytest.fail("the model was loaded whole"))
    for target in TARGETS:
        steps = making.made(asked(moved, target), Running(memory=3_500_000))
        with pytest.raises(StopIteration) as end:
            while True:
                next(steps)
        streamed = opened(end.value.value, whole=True)
        for one, other in zip(streamed.looks(), kept[target].looks(), strict=True):
            check_same(one, other)
        assert streamed.head.texts == () and "never in memory" in streamed.head.no_texts


def page_of(model: str, **more: Any) -> dict[str, Any]:
    return {**SETTINGS, "model": model, "block": 1, "projection": "down", **more}


def test_the_page_shows_every_panel_without_the_model(away: str) -> None:
    (known,) = [one for one in service.catalogue().models if one.id == away]
    assert known.stored and known.blocks == 3 and known.title == "far-away"
    shown = handlers.looked(form(**page_of(away)), None)
    assert "Shown as kept beside the result" in shown["layer_head"]
    figures = [f"{target}_{part}" for target in TARGETS for part in ("inputs", "mask")]
    assert all(shown[name] is not None for name in (*figures, "channels_in_order"))
    view = settle(View.build(page_of(away)))
    whole = restored(view.to_query())
    assert "perplexity" in whole["cards"] and "data-layers" in whole["which_layer"]
    assert whole["depth_plot"] is not None
    assert whole["beforehand"].count("<article") == 2 * 3
    assert "by what is stored of it alone" in whole["texts"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"prompt": "A river"}, "Another prompt needs the model, which is not here"),
        ({"columns": 256}, ""),
    ],
    ids=["prompt", "window"],
)
def test_what_is_not_kept_is_said_in_a_sentence(
    away: str, more: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = handlers.looked(form(**page_of(away, **more)), None)
    assert shown["activation_mask"] is not None and shown["weight_inputs"] is not None
    assert said in shown["layer_head"]
    narrow = replace(next(iter(finding.kept_of(asked(away, "weight")).looks())))
    part = finding._part_of(narrow, Window(first_row=0, rows=200))
    assert part is not None and len(part.mask.kept) == 64


def test_a_part_of_the_mask_that_is_not_kept_is_said(away: str, tmp_path: Path) -> None:
    one = asked(away, "activation")
    found = finding.kept_of(one)
    small = recut(found, len(recut(found, 5_000_000)) // 2)
    looks.put(service.store(), stored_key(one), small)
    seen = service.see(one, OPENING, 1, "down", Window(first_column=96, columns=32))
    assert seen.said.startswith("Other parts of the mask need the model, which is not here")
    assert "columns, kept beside the result" in seen.said and seen.mask.first_column < 96


def stored_key(one: Experiment) -> str:
    result = service.lookup(one)
    assert result is not None
    return result.key


def recut(found: Packed, largest: int, **changes: Any) -> bytes:
    head = found.head
    whole = KeptLooks(
        experiment=found.experiment,
        model=head.model,
        prompt=head.prompt,
        tokens=head.tokens,
        looks=tuple(found.looks()),
        made=head.made,
        version=head.version,
        texts=head.texts,
    )
    return packed(replace(whole, **changes), largest)


def test_who_asks_for_the_model_itself_is_told(away: str) -> None:
    for refused in (
        lambda: list(service.run([asked(away, "weight", pattern="4:8")])),
        lambda: service.sweep_layer(asked(away, "weight"), OPENING, 1, "down"),
        lambda: list(service.generate([asked(away, "weight")], "A river")),
    ):
        with pytest.raises(UserError, match="far-away is known here by what is stored of it alone"):
            refused()


def test_they_are_exported_imported_and_copied(address: str, tmp_path: Path, few: Path) -> None:
    with open_store(few.with_suffix(".sqlite")) as first, open_store(address) as other:
        known = looks.models(first)
        report = import_file(other, few)
        assert report.looks == 2 and "came with 2 of them" in str(report)
        assert looks.models(other) == known
        assert import_file(other, few).looks == 0
        with open_store(tmp_path / "copy.sqlite") as third:
            copy(other, third, tmp_path / "none")
            with first.reading() as one, third.reading() as copied:
                digests = [result.digest for result in map(records.pack, first.find())]
                assert looks.beside(one, digests) == looks.beside(copied, digests) != []


def test_a_result_that_is_removed_takes_its_looks_along(few: Path, tmp_path: Path) -> None:
    file = shutil.copy(few.with_suffix(".sqlite"), tmp_path / "store.sqlite")
    with open_store(file) as store, store.writing() as connection:
        (first, _) = connection.scalars(select(ResultRow.id))
        writing.remove(connection, [first])
    assert rows_in(file, "looks") == 1


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def with_data(line: dict[str, Any], data: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    return {**line, "data": base64.b64encode(data).decode(), "sha256": digest}


def lie(name: str, line: dict[str, Any], found: Packed) -> dict[str, Any]:
    data, look = base64.b64decode(line["data"]), next(iter(found.looks()))
    others = tuple(found.looks())[1:]
    if name == "another hash":
        return {**line, "sha256": "0" * 64}
    if name == "no base64":
        return {**line, "data": "§" + line["data"]}
    if name == "a pickle":
        return with_data(line, b"\x80\x04\x95\x00")
    if name == "cut off":
        return with_data(line, data[:-100])
    if name == "another part":
        return {**line, "code": "x"}
    if name == "no such result":
        return {**line, "looks_of": "f" * 64}
    if name == "another experiment":
        return with_data(line, recut(found, 5_000_000, experiment=found.experiment.but(seed=9)))
    if name == "other files":
        model = found.head.model.model_copy(update={"sha256": "e" * 64})
        return with_data(line, recut(found, 5_000_000, model=model))
    counts = replace(look.inputs, kept=look.inputs.kept + 1)
    changed = {
        "too many entries": replace(look, inputs=counts),
        "another shape": replace(look, d_in=look.d_in * 2),
        "a share above 1": replace(look, kept=1.5),
        "no such block": replace(look, block=7),
        "no number": replace(look, mask=replace(look.mask, scores=look.mask.scores * np.nan)),
    }[name]
    return with_data(line, recut(found, 5_000_000, looks=(changed, *others)))


LIES = {
    "another hash": "not those of their hash",
    "no base64": "no base64",
    "a pickle": "no kept looks",
    "cut off": "not as long as it says",
    "another part": "other parts than one",
    "no such result": "neither in the file nor in the store",
    "another experiment": "of another experiment",
    "other files": "other files of the model",
    "too many entries": "not as many as its layer has",
    "another shape": "mask of another shape",
    "a share above 1": "less than or equal to 1",
    "no such block": "no layer of what it is of",
    "no number": "no number",
}


@pytest.mark.parametrize("name", LIES)
def test_a_file_that_lies_is_refused_whole(few: Path, name: str, tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    lines = lines_of(few)
    last = opened(base64.b64decode(lines[-1]["data"]))
    lines[-1] = lie(name, lines[-1], last)
    file.write_text("".join(json.dumps(line, sort_keys=True) + "\n" for line in lines))
    with open_store(tmp_path / "other.sqlite") as other:
        with pytest.raises(UserError, match=LIES[name]) as refused:
            import_file(other, file)
        assert f"line {len(lines)}" in str(refused.value) and "\n" not in str(refused.value)
        assert other.find() == [] and not looks.models(other)


def test_the_command_makes_them_alone_of_a_stored_result(
    tiny: str,
    kept: object,
    moved: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = in_process(monkeypatch, capsys, "run", "--model", moved, "--keep", "looks")
    same = ("--corpus", "wikitext-2", "--tokens", 256, "--window", 128, "--pattern", "2:4")
    before = service.store().standing()
    status, out, said = run(*same)
    assert status == 0 and "from the store" in out and "Looks at the layers are kept" in said
    after = service.store().standing()
    assert after.results == before.results and after.looks > before.looks
    for more, reason in (
        (("--no-store",), "leave --no-store out"),
        (("--pattern", "dense"), "Nothing is masked here"),
    ):
        status, out, said = run(*same, *more)
        assert status == 2 and out == "" and reason in said


def test_too_many_layers_are_refused_in_a_sentence(kept: dict[str, Packed]) -> None:
    with pytest.raises(UserError, match=r"has 21 layers: their looks do not fit into 0.005 MB"):
        recut(kept["weight"], 5_000)
