"""A model of one's own is added from the page, by who sits at its machine and by nobody else."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from serving import client_of

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.sources import models, on_offer
from nmviz.ui.explore.form.own_model import EXAMPLE
from nmviz.ui.explore.restore import restored
from nmviz.ui.guard.at_home import HOW, PUBLIC, is_at_home
from nmviz.ui.launch import build, launch_kwargs

CALL = "/gradio_api/call/add_model"
ANYWHERE = "0.0.0.0"


@pytest.fixture(autouse=True)
def nothing_added(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test adds is gone after it; none is said to be public."""
    monkeypatch.setattr(on_offer, "_since", [])
    monkeypatch.delenv(PUBLIC, raising=False)


@contextmanager
def served(host: str) -> Iterator[gr.Blocks]:
    page = build(host)
    page.launch(prevent_thread_lock=True, server_name=host, **launch_kwargs())
    try:
        yield page
    finally:
        page.close()


@pytest.fixture(scope="module")
def at_home(tiny: str) -> Iterator[gr.Blocks]:
    with served("127.0.0.1") as page:
        yield page


@pytest.fixture
def page(at_home: gr.Blocks) -> Iterator[httpx.Client]:
    with client_of(at_home) as client:
        yield client


def names(page: gr.Blocks) -> set[str]:
    return {str(getattr(one, "elem_id", "")) for one in page.blocks.values()}


def handler_of_the_field(page: gr.Blocks) -> Any:
    (found,) = (one for one in page.fns.values() if getattr(one.fn, "at_home", 0) and one.targets)
    return found


def asked(page: httpx.Client, path: str, of: object, **headers: str) -> str:
    """What the endpoint says, as its stream has it, or the sentence of a refusal."""
    answer = page.post(path, json={"data": [of]}, headers=headers)
    if answer.status_code != 200:
        assert answer.status_code == 403
        return str(answer.json()["detail"])
    return page.get(f"{path}/{answer.json()['event_id']}").text


def test_a_folder_that_is_added_is_offered_and_runs_like_the_others(
    page: httpx.Client, copy: Path
) -> None:
    experiment = {"model": str(copy), "tokens": 64, "window": 64, "corpus": "wikitext-2"}
    look = {"data": [experiment, "One two", 1, "down"]}
    before = page.post("/gradio_api/call/look", json=look).json()["event_id"]
    assert "does not offer the model" in page.get(f"/gradio_api/call/look/{before}").text
    assert "does not offer the model" in restored(f"model={copy}")["status"]

    said = asked(page, CALL, f" {copy}/../{copy.name} ")
    assert json.loads(said.split("data: ")[1]) == [{"id": str(copy), "title": copy.name}]

    after = page.post("/gradio_api/call/look", json=look).json()["event_id"]
    assert '"rel_error"' in page.get(f"/gradio_api/call/look/{after}").text
    opened = restored(f"model={copy}")
    assert opened["model"].value == str(copy) and "does not offer" not in opened["status"]
    assert (copy.name, str(copy)) in opened["model"].choices
    *_, last = service.run(opened["shown"].view.experiments()[:1])
    assert last.results[0].experiment.model == str(copy)


def test_answers_that_were_kept_know_the_new_model(
    page: httpx.Client, at_home: gr.Blocks, copy: Path
) -> None:
    opening = next(
        one for one in at_home.fns.values() if getattr(one.fn, "by_address", False) and one.targets
    )
    body = {"data": [], "fn_index": opening._id, "session_hash": "visitor-1"}
    address = f"/gradio_api/run/predict?model={copy}"
    assert copy.name not in page.post("/gradio_api/run/predict", json=body).text
    page.post(address, json=body)
    asked(page, CALL, str(copy))
    assert f'["{copy.name}","{copy}"]' in page.post(address, json=body).text.replace('", "', '","')


def test_whoever_was_not_told_of_it_may_choose_it_too(
    page: httpx.Client, at_home: gr.Blocks, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a visitor whose session is gone while their page still asks."""
    menu = next(
        one
        for one in at_home.blocks.values()
        if isinstance(one, gr.Dropdown) and one.label == "Model"
    )
    monkeypatch.setattr(menu, "choices", list(menu.choices))
    with pytest.raises(gr.Error, match="not in the list"):
        menu.preprocess(str(copy))
    body = {"data": [str(copy)], "fn_index": handler_of_the_field(at_home)._id}
    page.post("/gradio_api/run/predict", json={**body, "session_hash": "visitor-2"})
    assert menu.preprocess(str(copy)) == str(copy)


def test_the_field_is_there_at_home_with_a_worked_example(at_home: gr.Blocks) -> None:
    assert {"own-model", "add-model"} <= names(at_home)
    texts = [one.value for one in at_home.blocks.values() if isinstance(one, gr.HTML)]
    assert any("SmolLM2-135M-Instruct" in str(text) for text in texts) and "0.27 GB" in EXAMPLE
    assert HOW not in "".join(map(str, texts))


@pytest.mark.parametrize("flag", ["1", "0", "no"])
def test_a_page_that_is_said_to_be_public_has_no_field_and_refuses(
    page: httpx.Client,
    at_home: gr.Blocks,
    copy: Path,
    flag: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PUBLIC, flag)
    public = build("127.0.0.1")
    assert not {"own-model", "add-model"} & names(public)
    assert any(
        HOW in str(getattr(one, "value", "")).replace("<code>", "`").replace("</code>", "`")
        for one in public.blocks.values()
    )
    assert asked(page, CALL, str(copy)) == HOW
    body = {"data": [str(copy)], "fn_index": handler_of_the_field(at_home)._id}
    for how in ("run/predict", "queue/join"):
        answer = page.post(f"/gradio_api/{how}", json={**body, "session_hash": "visitor-1"})
        assert (answer.status_code, answer.json()["detail"]) == (403, HOW)
    for how in ("run", "api", "call", "call/v2"):
        sent = {"model": str(copy)} if how == "call/v2" else {"data": [str(copy)]}
        answer = page.post(f"/gradio_api/{how}/add_model", json=sent)
        assert (answer.status_code, answer.json()["detail"]) == (403, HOW)
    assert models.offered_since() == ()


def test_a_page_that_listens_everywhere_has_no_field_and_refuses_this_machine_too(
    tiny: str, copy: Path
) -> None:
    with served(ANYWHERE) as page, client_of(page) as client:
        assert not {"own-model", "add-model"} & names(page)
        client.base_url = httpx.URL(f"http://127.0.0.1:{page.server_port}")
        assert asked(client, CALL, str(copy)) == HOW
    assert models.offered_since() == ()


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "elsewhere.example"},
        {"Host": "127.0.0.1.elsewhere.example"},
        {"Host": "localhost:7860", "Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-Host": "elsewhere.example"},
        {"Forwarded": "for=192.0.2.60"},
        {"Via": "1.1 proxy"},
    ],
)
def test_what_comes_from_elsewhere_is_refused(
    page: httpx.Client, copy: Path, headers: dict[str, str]
) -> None:
    assert asked(page, CALL, str(copy), **headers) == HOW
    assert models.offered_since() == ()


@pytest.mark.parametrize(
    ("client", "host", "listens_at", "home"),
    [
        ("127.0.0.1", "localhost:7860", "127.0.0.1", True),
        ("::1", "[::1]:7860", "::1", True),
        ("127.0.0.1", "127.0.0.1", "localhost", True),
        ("192.0.2.7", "127.0.0.1", "127.0.0.1", False),
        ("127.0.0.1", "127.0.0.1", "0.0.0.0", False),
        ("127.0.0.1", "127.0.0.1", "::", False),
        ("127.0.0.1", "127.0.0.1", "192.0.2.1", False),
        ("127.0.0.1", "[bad", "127.0.0.1", False),
        ("127.0.0.1", "", "127.0.0.1", False),
    ],
)
def test_who_is_at_home(client: str, host: str, listens_at: str, home: bool) -> None:
    scope = {"type": "http", "client": (client, 1), "headers": [(b"host", host.encode())]}
    assert is_at_home(scope, listens_at) is home
    assert is_at_home({**scope, "client": None}, listens_at) is False


def test_what_cannot_be_had_is_said_in_one_sentence_as_on_the_command_line(
    page: httpx.Client, copy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def config(**more: Any) -> str:
        """A copy of the model whose config says more."""
        other = Path(shutil.copytree(copy, tmp_path / f"of {len(list(tmp_path.iterdir()))}"))
        about = json.loads((other / "config.json").read_text())
        (other / "config.json").write_text(json.dumps({**about, **more}))
        return str(other)

    pickled = Path(shutil.copytree(copy, tmp_path / "pickled"))
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    code = {"model_type": "its-own", "auto_map": {"AutoModelForCausalLM": "model.Mine"}}
    gptq = {"quantization_config": {"quant_method": "gptq", "bits": 4}}
    for named, said in {
        "": "No model was named",
        "/no/such/folder": "There is no folder or GGUF file",
        str(tmp_path): "holds no safetensors or GGUF weights",
        str(pickled): "pickles, which can run code",
        config(**code): "runs code of its own, which is never done here",
        config(**gptq): "stored quantised by gptq",
        "llama2-7b": "published results alone",
        "none\0such": "There is no model",
        "owner/name": "the model hub cannot be reached",
    }.items():
        monkeypatch.setattr(models.hub, "_listing", lambda *_: None)
        told = asked(page, CALL, named)
        assert said in told and "Traceback" not in told, told
        (line,) = [one for one in told.splitlines() if said in one]
        assert "error" in told and line.count(". ") == 0
    assert "model is no text" in asked(page, CALL, 5)
    assert models.offered_since() == ()


def test_a_repository_is_refused_before_its_weights_are_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def listing(**sizes: int) -> None:
        sizes_of = {name.replace("_", "."): size for name, size in sizes.items()}
        monkeypatch.setattr(models.hub, "_listing", lambda *_: models.hub.Listing("1", sizes_of))

    listing(model_safetensors=5)
    models.refuse_without_weights("owner/name")
    listing(pytorch_bin=5)
    with pytest.raises(UserError, match="pickles"):
        models.refuse_without_weights("owner/name")


def test_only_so_many_are_added(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [f"owner/name-{number}" for number in range(service.choices.MOST_SINCE)]
    monkeypatch.setattr(on_offer, "_since", others)
    with pytest.raises(UserError, match="start the page anew"):
        service.offer(str(copy))
    monkeypatch.setattr(on_offer, "_since", [*others[1:], str(copy)])
    assert service.offer(str(copy)).id == str(copy)
