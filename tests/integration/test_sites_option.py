"""`nmviz run --sites`: names of scopes, and projections of models that nothing is known of."""

import json
from pathlib import Path

import pytest
from kinds import KINDS, make_model
from tiny import PARAGRAPHS, make_tokenizer

from nmviz.cli import main


@pytest.fixture(scope="module", params=["gpt2", "gpt-neox"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model whose layers have names of their own."""
    folder = tmp_path_factory.mktemp("models") / request.param
    tokenizer = make_tokenizer()
    make_model(request.param, len(tokenizer), tokenizer.eos_token_id).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def own_places(own_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text.txt").write_text("\n\n".join(PARAGRAPHS))
    monkeypatch.chdir(tmp_path)


def run(
    model: Path, sites: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int | None, str, str]:
    """Exit status, stdout and stderr of one run."""
    words = f"nmviz run --model {model} --sites {sites} --pattern 2:4 --text text.txt"
    words += " --tokens 64 --window 32 --no-store --json"
    monkeypatch.setattr("sys.argv", words.split())
    with pytest.raises(SystemExit) as ended:
        main.main()
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def test_an_unknown_projection_is_answered_with_those_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(folder, "qq", monkeypatch, capsys)
    found = ", ".join(KINDS[folder.name].projections)
    assert (status, out) == (2, "")
    assert err == f"nmviz: {folder.name} has no projection 'qq': choose among {found}.\n"


def test_the_layers_found_can_be_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, *_ = KINDS[folder.name].projections
    status, out, err = run(folder, f"{first},{second}", monkeypatch, capsys)
    assert not status, err
    names = [site["name"] for site in json.loads(out)["sites"]]
    assert len(names) == 6
    assert all(name.endswith((first, second)) for name in names)


def test_the_name_of_a_scope_will_do(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(tiny_model, "without-qkv", monkeypatch, capsys)
    assert not status, err
    report = json.loads(out)
    assert report["experiment"]["projections"] == ["o", "gate", "up", "down"]
    assert len(report["sites"]) == 12


def test_a_list_says_which_blocks_each_projection_has(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(tiny_model, "down;q,gate:0,2", monkeypatch, capsys)
    assert not status, err
    report = json.loads(out)
    assert report["experiment"]["projections"] == ["q:0,2", "gate:0,2", "down"]
    names = {site["name"].removeprefix("model.layers.") for site in report["sites"]}
    assert names == {
        *(f"{block}.mlp.down_proj" for block in (0, 1, 2)),
        *(f"{block}.self_attn.q_proj" for block in (0, 2)),
        *(f"{block}.mlp.gate_proj" for block in (0, 2)),
    }


@pytest.mark.parametrize(
    ("sites", "says"),
    [
        ("q:0,k:1", "write ; between groups, as in q:0-3; gate:0-18."),
        ("q:0;k:3", "tiny has no block 3: its blocks are 0-2."),
        ("key-value-gate", "no scope 'key-value-gate'; did you mean key-value-gate-down"),
        ("qq", "tiny has no projection 'qq': choose among q, k, v, o, gate, up, down."),
    ],
)
def test_what_is_no_scope_and_no_projection_ends_in_one_line(
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    sites: str,
    says: str,
) -> None:
    status, out, err = run(tiny_model, sites, monkeypatch, capsys)
    assert (status, out) == (2, "")
    assert says in err and err.count("\n") == 1
