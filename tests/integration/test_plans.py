"""Plans: read, written, chosen within a budget, and run as the scope that they are."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.cli.main import main
from nmviz.core.experiment import Experiment
from nmviz.core.grids import read_grid
from nmviz.core.plans.choosing import amber, budget_of, by_cost, cut, share
from nmviz.core.plans.plan import Layer, Plan, parse_plan, plan_of, read_plan
from nmviz.core.running import Running
from nmviz.methods.patterns import parse_pattern
from nmviz.service import schedules
from nmviz.service.plans import known_plans
from nmviz.service.plans import making as plans
from nmviz.sources import corpora
from nmviz.ui.shell.view import View

LAYERS = tuple(
    Layer(f"layers.{block}.{name}", block, name, size)
    for block in range(3)
    for name, size in (("q", 10), ("gate", 20), ("down", 30))
)
USUAL: dict[str, Any] = {"corpus": "wikitext-2", "tokens": 512, "window": 64, "pattern": "2:4"}


def made(experiment: Experiment, budget: float, by: plans.By, rounds: int = 1) -> Plan:
    steps = plans.make_plan(experiment, budget, by, rounds=rounds)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def of(tiny: str, **fields: Any) -> Experiment:
    return Experiment.build(model=tiny, **{**USUAL, **fields})


def test_a_budget_takes_the_first_that_fit() -> None:
    assert [one.name for one in cut(LAYERS, LAYERS, 0.5)] == [
        *("layers.0.q", "layers.0.gate", "layers.0.down", "layers.1.q", "layers.1.gate")
    ]
    chosen = cut(LAYERS[::-1], LAYERS, 0.45)  # of 81: 30, 20, 10, not 30, then 20
    assert [one.multiply_adds for one in chosen] == [30, 20, 10, 20]
    assert share(chosen, LAYERS) == pytest.approx(80 / 180)
    assert cut(LAYERS, LAYERS, 1.0) == list(LAYERS)


@pytest.mark.parametrize("budget", [0.0, -0.5, 1.5, float("nan")])
def test_a_budget_outside_its_range_is_refused(budget: float) -> None:
    with pytest.raises(UserError, match="share of the multiply-adds"):
        cut(LAYERS, LAYERS, budget)


def test_a_budget_that_holds_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="holds no layer"):
        cut(LAYERS, LAYERS, 0.01)


def test_mean_sparsity_is_a_budget() -> None:
    assert budget_of(0.275, parse_pattern("2:4")) == pytest.approx(0.55)
    assert budget_of(0.35, parse_pattern("70%")) == pytest.approx(0.5)
    for wrong in (0.6, 0.0, -1.0):
        with pytest.raises(UserError, match="mean sparsity"):
            budget_of(wrong, parse_pattern("2:4"))


def test_the_cheapest_for_each_multiply_add_come_first() -> None:
    costs = {"layers.0.q": 1.0, "layers.0.gate": 1.0, "layers.0.down": 6.0}
    assert [one.projection for one in by_cost(costs, LAYERS)] == ["gate", "q", "down"]


def test_ambers_layers() -> None:
    names = ("q", "k", "gate", "up", "down")
    layers = [Layer(f"{b}.{name}", b, name, 1) for b in range(32) for name in names]
    chosen = amber(layers)
    assert {one.projection for one in chosen} == {"q", "gate", "down"}
    assert len(chosen) == 32 + 2 * 27
    spared = {19, 21, 28, 30, 31}
    assert all(one.block not in spared for one in chosen if one.projection != "down")
    short = amber([Layer(f"{b}.q", b, "q", 1) for b in range(16)])
    assert {one.block for one in short} == set(range(16)) - {9, 10, 14, 15}
    with pytest.raises(UserError, match="has none of them"):
        amber([Layer("0.c_fc", 0, "c_fc", 1)])


def test_a_plan_is_written_and_read_back(tmp_path: Path) -> None:
    plan = Plan({"layers.0.q": "2:4", "layers.2.down": "8:16"}, about=["nmviz plan tiny"])
    file = tmp_path / "plan.yaml"
    file.write_text(str(plan))
    assert file.read_text().startswith("# nmviz plan tiny\n")
    assert read_plan(file) == plan


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "A plan has"),
        ("[]", "A plan has"),
        ("layers: {}", "A plan has"),
        ("layers: [q]", "A plan has"),
        ("default: [2:4]\nlayers: {q: 2:4}", "A plan has"),
        ("layers: {q: 2:4}\nextra: 1", "A plan has"),
        ("layers: {q: 5:4}", "5:4"),
        ("layers: {q: [2:4]}", "'q' has no pattern"),
        ("layers: {q: }", "'q' has no pattern"),
        ("layers: {q: 2:4, q: 1:4}", "stands there twice"),
        ("layers: &a {q: 2:4}\ndefault: *a", "aliases"),
        ("layers: {q: !!python/name:os.system 2:4}", "line 1"),
        ("layers: {", "line"),
    ],
)
def test_what_is_no_plan_is_refused_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(UserError) as refusal:
        parse_plan(text, "p.yaml")
    assert str(refusal.value).startswith("p.yaml: ")
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Plan({"layers.9.q": "2:4"}), "of another model"),
        (Plan({"layers.0.q": "dense"}), "prunes no layer"),
    ],
)
def test_a_plan_that_cannot_be_run_says_why(plan: Plan, said: str) -> None:
    with pytest.raises(UserError, match=said):
        plan.among(LAYERS)


def test_a_default_prunes_what_is_not_named() -> None:
    plan = Plan({"layers.0.q": "dense", "layers.1.gate": "dense"}, default="2:4")
    assert plan.among(LAYERS).entries == ("2:4 down:0-2; gate:0,2; q:1-2",)
    several = Plan({"layers.0.q": "8:16", "layers.1.gate": "dense"}, default="2:4")
    assert several.among(LAYERS).entries == ("2:4 down:0-2; gate:0,2; q:1-2", "8:16 q:0")
    assert plan_of(several.among(LAYERS), LAYERS).layers == {
        one.name: several.of(one.name) for one in LAYERS if one.name != "layers.1.gate"
    }


def test_a_plan_by_attribution_is_the_cheapest_of_its_choices(tiny: str) -> None:
    experiment = of(tiny)
    plan = made(experiment, 0.5, "attribution", rounds=2)
    layers = known_plans.layers_of(tiny)
    chosen = [layer for layer in layers if layer.name in plan.layers]
    assert 0.4 < share(chosen, layers) <= 0.5
    [own] = list(service.run([plans.experiment_of(experiment, chosen)]))[-1].results
    for others in (cut(layers, layers, 0.5), cut(layers[::-1], layers, 0.5)):
        [other] = list(service.run([plans.experiment_of(experiment, others)]))[-1].results
        kl, its = own.get("kl"), other.get("kl")
        assert kl is not None and its is not None and kl.value < its.value


@pytest.mark.parametrize("by", ["outliers", "amber"])
def test_other_ways_keep_the_budget(tiny: str, by: plans.By, paragraphs_calibrate: None) -> None:
    plan = made(of(tiny), 0.4, by)
    layers = known_plans.layers_of(tiny)
    chosen = [layer for layer in layers if layer.name in plan.layers]
    assert 0.2 < share(chosen, layers) <= 0.4
    assert set(plan.layers.values()) == {"2:4"}


def test_the_order_by_outliers_is_that_of_the_inputs(tiny: str, paragraphs_calibrate: None) -> None:
    from pruning import nothing

    from nmviz.engine.load.loading import load
    from nmviz.engine.look.outliers import outlier_shares

    shares = outlier_shares(load(tiny), 3, 0, nothing)
    assert set(shares) == {layer.name for layer in known_plans.layers_of(tiny)}
    assert all(0 <= one < 0.2 for one in shares.values())
    assert shares["model.layers.0.self_attn.q_proj"] == shares["model.layers.0.self_attn.k_proj"]


def test_the_commands_write_and_take_a_plan(
    tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def call(*given: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nmviz", *given])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    file, text = str(tmp_path / "p.yaml"), ["--corpus", "wikitext-2", "--tokens", "256"]
    text += ["--window", "64"]
    begun = ["plan", tiny, "--pattern", "2:4", *text]
    code, out, err = call(*begun, "--budget", "0.5", "--rounds", "1", "--out", file)
    assert code == 0, err
    assert "of the multiply-adds" in out
    code, out, err = call("run", "--model", tiny, "--pattern", file, *text, "--json")
    assert code == 0, err
    ran = json.loads(out)["experiment"]
    assert ran["pattern"] == "2:4" and ran["projections"]
    same = known_plans.fields_of(read_plan(Path(file)), tiny)
    as_run = service.canonical(Experiment.build(model=tiny, **same))
    assert as_run.projections == tuple(ran["projections"])
    for wrong, said in (
        (["--budget", "1.5", "--out", file], "share of the multiply-adds"),
        (["--out", file], "either --budget or --sparsity"),
        (["--budget", "0.5", "--sparsity", "0.2", "--out", file], "either --budget"),
        (["--budget", "0.5", "--out", str(tmp_path / "p.txt")], "p.yaml"),
        (["--budget", "0.5", "--by", "luck", "--out", file], "not by 'luck'"),
        (["--sparsity", "0.7", "--out", file], "mean sparsity"),
        (["--budget", "0.5", "--by", "amber", "--out", str(tmp_path / "no" / "p.yaml")], "written"),
    ):
        code, out, err = call(*begun, *wrong)
        assert (code, out) == (2, "") and said in err and err.count("\n") == 1, err
    assert call("run", "--model", tiny, "--pattern", file, "--sites", "q")[0] == 2
    assert call("run", "--model", tiny, "--pattern", str(tmp_path / "gone.yaml"))[0] == 2
    assert list(tmp_path.glob("no*")) == []


def test_a_grid_names_plans_by_a_path_from_its_own_folder(tiny: str, tmp_path: Path) -> None:
    (tmp_path / "plans").mkdir()
    plan = tmp_path / "plans" / "q.yaml"
    plan.write_text("layers:\n  model.layers.0.self_attn.q_proj: 4:8\n")
    grid = tmp_path / "grid.yaml"
    given = f"model: {tiny}, corpus: wikitext-2, tokens: 256, window: 64"
    grid.write_text(
        f"shared: {{{given}}}\ngrids:\n"
        "  - pattern: [2:4, plans/q.yaml, plans/gone.yaml]\n"
        "  - {pattern: plans/q.yaml, projections: q}\n"
    )
    found = schedules.schedule(read_grid(grid))
    asked = {(one.pattern, one.projections, one.blocks) for one in found.to_do}
    assert asked == {("2:4", None, None), ("4:8", ("q",), "0")}
    reasons = " ".join(one.reason for one in found.left_out)
    assert "gone.yaml" in reasons and "leave --sites and --blocks out" in reasons


def test_no_file_is_read_for_the_page_or_the_api(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text("layers: {q: 2:4}")
    monkeypatch.setattr(corpora, "read_file", lambda *_: pytest.fail("a file was read"))
    with pytest.raises(UserError, match="is not a pattern"):
        View.build({"pattern": str(file)})


def test_a_plan_of_its_own_text_can_be_cancelled(tiny: str) -> None:
    from threading import Event

    from nmviz.base.errors import Cancelled

    cancel = Event()
    cancel.set()
    with pytest.raises(Cancelled):
        list(plans.make_plan(of(tiny, pattern="4:8"), 0.5, "attribution", cancel=cancel))


def test_what_is_left_over_is_not_kept(tiny: str, own_store: Path) -> None:
    before = len(service.store().find())
    made(of(tiny), 0.5, "attribution", rounds=2)
    added = len(service.store().find()) - before
    singles = len(known_plans.layers_of(tiny))
    assert singles <= added <= singles + 2
    assert Running().keep
