"""The command line as others script against it: exact JSON, one line for an error, status 2."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.cli import printing
from nmviz.cli.main import main
from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Progress, Provenance, Result
from nmviz.core.tokenwise.flips import MOST, Flip
from nmviz.core.tokenwise.tails import TAILS
from nmviz.store.transfer.jsonl import read_jsonl
from nmviz.ui.launch import serve

pytestmark = pytest.mark.usefixtures("read_once")
TEXT = "The river rises in spring. Two bridges join the market and the harbour. " * 40


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(
    own_store: Path,
    tmp_path: Path,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """`nmviz ARGUMENTS` in this process, which keeps the model between calls."""
    text = tmp_path / "text.txt"
    text.write_text(TEXT)

    def call(*arguments: str) -> Done:
        given = list(arguments)
        if given[0] == "run":
            usual = {"--model": str(tiny_model), "--text": str(text), "--window": "64"}
            usual["--tokens"] = "256"
            given += [part for pair in usual.items() if pair[0] not in given for part in pair]
        monkeypatch.setattr(sys, "argv", ["nmviz", *given])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return Done(int(end.value.code or 0), out, err)

    return call


def ran(done: Done) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_installed_command_starts() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nmviz", "run", "--pattern", "5:4"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("nmviz: Pattern 5:4 keeps more than there is")


def test_run_prints_one_json_object_of_the_agreed_shape(run: Run) -> None:
    found = ran(run("run", "--pattern", "2:4", "--sites", "q,down", "--blocks", "1-2", "--json"))
    assert set(found) >= {"experiment", "key", "measurements", "sites", "provenance"}
    assert len(found["key"]) == 64
    names = [m["metric"] for m in found["measurements"]]
    means = ["perplexity", "dense_perplexity", "delta_nll", "kl", "top1_agreement"]
    assert names == [*means, *TAILS]
    for one in found["measurements"]:
        assert {"metric", "value", "n"} <= set(one) and ("stderr" in one) != ("no_stderr" in one)
    ranges = [(one["from"], one["to"]) for one in found["by_confidence"]]
    assert ranges == [(0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 0.95), (0.95, 1)]
    told = {"from", "to", "n", "kl", "delta_p_rms", "top1_agreement"}
    assert all(told <= set(one) for one in found["by_confidence"])
    read = sum(one["n"] for one in found["by_confidence"])
    for counts in found["token_counts"]:
        assert sum(counts["counts"]) == read and len(counts["from"]) == len(counts["counts"])
    flips = found["flips"]
    kinds = {"right_to_wrong", "wrong_to_right"}
    assert set(flips) == {"n", "total", "kept", "rows"} | kinds and flips["n"] == read
    assert flips["kept"] == len(flips["rows"]) == min(flips["total"], MOST) > 0
    assert all(set(one) == {*Flip.model_fields, "kind"} for one in flips["rows"])
    assert len(found["unit_costs"]) == found["measurements"][2]["n"]
    assert [s["name"] for s in found["sites"]] == [
        "model.layers.1.self_attn.q_proj",
        "model.layers.1.mlp.down_proj",
        "model.layers.2.self_attn.q_proj",
        "model.layers.2.mlp.down_proj",
    ]
    assert all(set(s) == {"name", "rel_error", "kept"} and s["kept"] == 0.5 for s in found["sites"])
    assert found["provenance"]["versions"]["torch"]


def test_the_text_of_a_run_has_tails_and_an_old_result_says_that_it_lacks_them(run: Run) -> None:
    said = run("run", "--pattern", "2:4").stdout
    assert "KL of a token (nats): median " in said and "99.9% " in said
    assert "change of the right word's probability: mean " in said
    assert "KL by the probability of the dense model's likeliest word: " in said
    result = next(iter(service.store().find(pattern="2:4", source="nmviz")))
    old = [one for one in result.measurements if one.metric not in TAILS]
    bare = {"measurements": tuple(old), "by_confidence": (), "token_counts": ()}
    told = printing.run_text(result.model_copy(update=bare), from_store=True)
    assert "tails over tokens: not known" in told and "KL of a token" not in told


def test_the_text_of_a_run_counts_the_words_that_changed_and_an_old_one_lacks_them(
    run: Run,
) -> None:
    found = ran(run("run", "--pattern", "2:4", "--json"))["flips"]
    said = run("run", "--pattern", "2:4").stdout
    assert f"words that changed: {found['total']} of {found['n']} tokens (" in said
    assert f"{found['right_to_wrong']} right to wrong, " in said
    result = next(iter(service.store().find(pattern="2:4", source="nmviz")))
    told = printing.run_text(result.model_copy(update={"flips": None}), from_store=True)
    assert "words that changed: not known" in told


def test_a_noise_floor_is_measured_where_it_is_asked_for(run: Run) -> None:
    assert ran(run("run", "--json"))["noise_floor"] is None
    found = ran(run("run", "--json", "--noise-floor"))["noise_floor"]
    assert set(found) == {"of", "kl", "delta_nll", "draws"}
    assert (found["of"], found["draws"]) == ("pruned", 3)
    assert "noise floor, bf16's rounding in the dense model: KL " in run("run").stdout
    other = ran(run("run", "--json", "--pattern", "1:4"))["noise_floor"]
    assert other["of"] == "dense", "known of the text from the run before"


def test_a_second_run_is_found_and_rerun_measures_again(run: Run) -> None:
    first, again = (ran(run("run", "--json", "--keep-words")) for _ in range(2))
    assert again == first and first["flips"]["kept"] == MOST
    rerun = ran(run("run", "--json", "--rerun"))
    assert rerun["measurements"] == first["measurements"]
    assert rerun["provenance"]["started"] != first["provenance"]["started"]


def test_a_precision_ends_a_run_once_it_is_reached(run: Run, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(TEXT * 4)
    asked = ("run", "--text", str(tmp_path / "long.txt"), "--json", "--keep-words", "--tokens")
    found = ran(run(*asked, "2560", "--precision", "9"))
    spent = found["experiment"]["tokens"]
    (cost,) = (one for one in found["measurements"] if one["metric"] == "delta_nll")
    assert 15 * 64 <= spent < 2560 and cost["stderr"] <= 9
    assert ran(run(*asked, str(spent))) == found, "stored as the smaller budget"
    assert ran(run(*asked, "2560", "--precision", "1e-9"))["experiment"]["tokens"] == 2560


def test_words_of_ones_own_text_are_told_and_not_kept(run: Run) -> None:
    first, again = (ran(run("run", "--json"))["flips"] for _ in range(2))
    assert first["kept"] == MOST and again == {**first, "kept": 0, "rows": []}
    assert ran(run("run", "--json", "--keep-words"))["flips"] == first, "measured again for them"


def test_no_store_keeps_nothing(run: Run) -> None:
    assert "measured now" in run("run", "--no-store").stdout
    assert "measured now" in run("run").stdout
    assert "from the store" in run("run").stdout


def test_a_weight_run_tells_its_ties(run: Run) -> None:
    found = ran(run("run", "--target", "weight", "--pattern", "1:4", "--json"))
    assert "tie_share" in [m["metric"] for m in found["measurements"]]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "--pattern", "5:4"), "more than there is"),
        (("run", "--pattern", "3:48"), "not a multiple of 48"),
        (("run", "--sites", "qq"), "no projection 'qq'"),
        (("run", "--sites", ""), "scope is empty"),
        (("run", "--blocks", "9"), "no block 9"),
        (("run", "--window", "600", "--tokens", "600"), "longer than the 512 tokens"),
        (("run", "--tokens", "32"), "shorter than one window"),
        (("run", "--tokens", "many"), "Invalid value for '--tokens'"),
        (("run", "--mitigate", "vart"), "did you mean var"),
        (("run", "--device", "nowhere"), "no device 'nowhere'"),
        (("run", "--text", "x" * 5000), "cannot be read"),
        (("run", "--text", "~nosuchuser/x"), "is not a path"),
        (("run", "--model", "a/b--c"), "not a valid name on the hub"),
        (("run", "--model", "llama3.1-8b"), "known here by its published results alone"),
        (("models", "llama3.1-8b"), "known here by its published results alone"),
        (("run", "--nonsense"), "No such option"),
        (("nonsense",), "No such command"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    run: Run, arguments: tuple[str, ...], says: str
) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("port", [70_000, -1])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(UserError, match="give --port a number from 1 to 65535"):
        serve(port=port, block=False)


def test_a_number_that_is_not_finite_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    result = Result(
        experiment=Experiment(),
        measurements=(Measurement(metric="perplexity", value=float("inf")),),
        provenance=Provenance(source="nmviz"),
    )
    monkeypatch.setattr(
        service, "run", lambda *_, **__: iter([Progress("done", results=(result,))])
    )
    done = run("run", "--json")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "not finite" in done.stderr
    assert "(perplexity): inf" in run("run").stdout


def test_methods_and_models_as_json(run: Run) -> None:
    methods = ran(run("methods", "--json"))
    assert {"patterns", "weight criteria", "activation criteria", "mitigations"} == set(methods)
    assert all(m["formula"] and m["source"] for m in methods["mitigations"])
    assert ran(run("models", "--json"))[0]["id"] == "smollm2-135m"
    assert "magnitude" in run("methods").stdout


def test_the_store_is_built_verified_and_exported(run: Run, tmp_path: Path) -> None:
    measured = ran(run("run", "--json", "--keep-words"))
    assert run("store", "build").returncode == 0
    assert "agrees" in run("store", "verify").stdout
    exported = tmp_path / "runs.jsonl"
    assert run("store", "export", str(exported)).returncode == 0
    (result,) = (one for one in read_jsonl(exported) if one.key == measured["key"])
    assert printing.run_json(result) == measured


def test_building_says_what_it_added_and_verifying_mends_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "new.sqlite"
    monkeypatch.setenv("NMVIZ_STORE_URL", f"sqlite:///{place}")
    built = run("store", "build").stdout
    assert int(built.split(":")[1].split()[0]) > 100, built
    assert ": 0 added" in run("store", "build").stdout
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("UPDATE seed_state SET digest = 'other'")  # as after an upgrade
        connection.execute("DELETE FROM result WHERE id = 1")
    for _ in range(2):
        told = run("store", "verify")
        assert told.returncode == 1 and "is not in the store" in told.stdout
    assert ": 1 added" in run("store", "build").stdout
    assert run("store", "verify").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "left"),
    [((), "what was whole by then is stored"), (("--no-store",), "nothing was stored")],
)
def test_a_stop_says_what_it_leaves_behind(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], left: str
) -> None:
    def stopped(*_: object, **__: object) -> Iterator[Progress]:
        yield Progress("asking")
        raise KeyboardInterrupt

    monkeypatch.setattr(service, "run", stopped)
    done = run("run", *arguments)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == f"nmviz: stopped; {left}.\n"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xff\xfe bad", "not UTF-8"),
        (b"", "text is empty"),
        (b"a\x00b", "zero bytes"),
        (b"Short.", "fewer than one window"),
    ],
    ids=["latin", "empty", "zero", "short"],
)
def test_a_text_that_is_none_is_refused(run: Run, tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "bad.txt").write_bytes(data)
    done = run("run", "--text", str(tmp_path / "bad.txt"))
    assert done.returncode == 2
    assert says in done.stderr


def test_one_model_names_its_layers(run: Run, tiny_model: Path) -> None:
    again = run("models", "--fetch", str(tiny_model))
    assert again.stderr == f"nmviz: {tiny_model} is whole in {tiny_model}.\n"
    assert again.returncode == 0 and again.stdout.count("\n") == 3
    assert "name it" in run("models", "--fetch").stderr
    told = run("models", str(tiny_model)).stdout
    assert "matrices of a block: q (d_in 64)" in told and "down (d_in 128)" in told
    assert "pruned: all matrix parameters of the blocks" in told
    covered = ran(run("models", str(tiny_model), "--json"))[0]["coverage"]
    assert covered["parameters"] == covered["multiply_adds"] == 1
    assert ran(run("models", "gemma-3-270m", "--json"))[0]["projections"][-1] == "down"
    assert "Gemma Terms of Use" in run("models", "gemma-3-270m").stdout


def test_terms_are_shown_before_a_model_is_fetched(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise UserError("nothing is fetched in this test")

    monkeypatch.setattr(service, "run", refuse)
    told = run("run", "--model", "gemma-3-270m")
    assert "bound by the Gemma Terms of Use: https://" in told.stderr


def test_the_whole_audit_can_be_read(run: Run) -> None:
    told = ran(run("audit", "--json"))
    assert [one["number"] for one in told["known"]] == list(range(1, 14))
    findings = {one["id"]: one for one in told["findings"]}
    assert {name for one in told["known"] for name in one["ids"]} <= set(findings)
    assert findings["noise-table-11-llama3-1-8b-8-16"]["cells"] == []  # it marks nothing
    (cell, *_) = findings["tables-llama3-1-8b-2-4-s-pts"]["cells"]
    assert (cell["place"], cell["metric"]) == ("Table 2", "average_drop")
    assert len(told["confirmed"]) == 10
    text = run("audit").stdout
    assert text.startswith(f"{len(findings)} findings, ")
    for one in (*findings.values(), *told["known"]):
        assert (one.get("title") or one["sentence"]) in text
