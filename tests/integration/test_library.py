"""`import nmviz`: quick to import, whole whatever was imported before, plain to use."""

import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

import nmviz
from nmviz.base.errors import UserError
from nmviz.methods import ACTIVATION, WEIGHT

LAYER = {"block": 1, "projection": "down", "prompt": "A river begins where rain"}


@pytest.fixture(scope="module")
def asked(tiny: str) -> dict[str, object]:
    """Settings of an experiment on the tiny model."""
    return {"model": tiny, "corpus": "wikitext-2", "pattern": "2:4", "window": 64, "tokens": 512}


def test_importing_loads_nothing() -> None:
    heavy = ["torch", "transformers", "gradio", "plotly", "pandas", "sqlalchemy", "pydantic"]
    code = f"import nmviz, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_settings_and_lists_need_no_torch() -> None:
    code = (
        "import nmviz, sys; nmviz.Experiment(pattern='2:4').to_frame(); nmviz.list_methods();"
        "nmviz.cost('llama2-7b'); print('torch' in sys.modules, 'gradio' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"


def test_every_name_is_there_behind_every_package() -> None:
    """A package that is imported takes the place of no function."""
    for part in pkgutil.walk_packages(nmviz.__path__, "nmviz."):
        if part.ispkg:
            import_module(part.name)
    for name in nmviz.__all__:
        one = getattr(nmviz, name)
        assert name == "__version__" or (callable(one) and one.__doc__), name
    assert set(nmviz.__all__) <= set(dir(nmviz))
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        _ = nmviz.runn


def test_run_look_up_and_compare(asked: dict[str, object], capfd: pytest.CaptureFixture) -> None:
    one = nmviz.Experiment(**asked)
    assert nmviz.lookup(one.but(seed=7)) is None
    made = nmviz.run(one, quiet=True)
    assert capfd.readouterr().err == ""
    found = nmviz.lookup(one)
    assert not made.from_store and found is not None and found.key == made.key
    frame = made.to_frame().set_index("metric")
    assert frame.loc["delta_nll", "value"] == made.value("delta_nll")
    assert frame.loc["perplexity", "unit"] == ""
    layers = made.layers()
    assert len(layers) == 21 and list(layers.to_frame()["block"])[-1] == 2
    weights = nmviz.run(**{**asked, "target": "weight"}, quiet=True)
    both = nmviz.compare(made, weights)
    row = both.to_frame().set_index("metric").loc["delta_nll"]
    assert row["difference"] == pytest.approx(row["a"] - row["b"])
    assert nmviz.compare(one, weights.key[:12]).to_frame().equals(both.to_frame())
    assert len(both.layers()) == 21


def test_a_grid_gives_a_row_an_experiment(asked: dict[str, object]) -> None:
    grid = {**asked, "pattern": ["2:4", "4:8", "2:3"], "tokens": 256}
    swept = nmviz.sweep(grid, quiet=True)
    frame = swept.to_frame()
    assert sorted(frame["pattern"]) == ["2:4", "4:8"]
    assert not swept.failed and "3" in swept.left_out[0].what
    assert frame["delta_nll stderr"].notna().all()
    assert {one.experiment.settings.pattern for one in swept.runs} == {"2:4", "4:8"}
    with pytest.raises(UserError, match="'tokens' is no way of running"):
        nmviz.sweep(grid, tokens=3)


def test_parts_and_layers(asked: dict[str, object]) -> None:
    parts = nmviz.attribute(**{**asked, "tokens": 256}, by="block", quiet=True)
    assert list(parts.to_frame()["block"]) == [0, 1, 2]
    look = nmviz.look(model=asked["model"], pattern="2:4", **LAYER)
    frame = look.to_frame()
    assert frame["kept"].sum() == frame["dropped"].sum() > 0
    assert look.mask().shape[1] == 64 and look.rel_error > 0
    for shown in (parts, look):
        assert "<table" in shown._repr_html_() and "<b>" in shown._repr_html_()


def test_figures_are_drawn_of_runs(asked: dict[str, object], tmp_path: Path) -> None:
    own, theirs = (nmviz.run(**asked, criterion=one, quiet=True) for one in ("wina", "clact"))
    drawn = nmviz.figure("compare-layers", own, theirs, columns=1, palette="grey")
    frame = drawn.to_frame()
    errors = {one.rel_error for one in own.layers()}
    assert errors <= set(frame["y"]) and "A: activations 2:4, wina" in drawn.caption
    assert drawn.write(tmp_path / "a.pdf") == []
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF-")
    shown = drawn._repr_html_()
    assert shown.count("<svg") == 1 and "A minus B" in shown
    names = set(nmviz.list_figures().to_frame()["name"])
    assert {"mask", "compare-layers", "pattern-ladder"} < names
    look = nmviz.figure("mask", own, **LAYER, rows=4, entries=8)
    assert len(look.to_frame().query("kind == 'heatmap'")) == 32


def test_costs_and_lists(module_store: Path) -> None:
    cost = nmviz.cost("llama2-7b", pattern="2:4", target="weight")
    frame = cost.to_frame().set_index("quantity")
    assert frame.loc["multiply_adds", "value"] == 7181584826368
    assert cost.to_json()["multiply_adds"]["value"] == 7181584826368
    models = nmviz.list_models()
    assert models[0].id in set(models.to_frame()["id"])
    methods = nmviz.list_methods().to_frame()
    assert {"activation criterion", "weight criterion", "mitigation"} == set(methods["kind"])
    rows = nmviz.published_rows(patterns="2:4", methods=("ACT", "WT"), models="llama3.1-8b")
    assert set(rows.to_frame()["method"]) == {"ACT", "WT"}
    assert "<table" in rows._repr_html_()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: nmviz.Experiment(pattern="2:x"), "2:x"),
        (lambda: nmviz.Experiment(patern="2:4"), "'patern' is no setting"),
        (lambda: nmviz.run("2:4"), "An experiment is nmviz.Experiment"),
        (lambda: nmviz.compare("ffffffffff", "ffffffffff"), "No stored result has the key"),
        (lambda: nmviz.cost("llama2-7b", patern="2:4"), "A cost has no setting 'patern'"),
        (lambda: nmviz.cost("llama2-7b", phase="sleep"), "phase"),
        (lambda: nmviz.published_rows(model="x"), "Rows are not chosen by 'model'"),
        (lambda: nmviz.published_rows(metric="x"), "Rows are of drop"),
        (lambda: nmviz.sweep({"patern": "2:4"}), "no setting of a grid 'patern'"),
        (lambda: nmviz.sweep("absent.yaml"), "absent.yaml"),
        (lambda: nmviz.figure("nothing"), "There is no figure 'nothing'"),
        (
            lambda: nmviz.figure("layers", colour=1),
            "told by columns, width, font, size, palette, t",
        ),
        (lambda: nmviz.figure("layers", width=0), "30 to 1,000 mm wide, not 0"),
        (lambda: nmviz.attribute(pattern="2:4", by="x"), "A model is taken apart by"),
    ],
)
@pytest.mark.usefixtures("module_store")
def test_bad_input_is_one_sentence(call: object, said: str) -> None:
    with pytest.raises(UserError) as caught:
        call()  # type: ignore[operator]
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.usefixtures("lent")
def test_a_criterion_of_ones_own_is_run_and_never_stored(asked: dict[str, object]) -> None:
    @nmviz.register_criterion("by-column", formula="S = |x_j| ||W_:,j||")
    def by_column(x, weight, state, *, power: float = 1.0):  # type: ignore[no-untyped-def]
        """By column: large inputs that meet a large column are kept."""
        return weight.norm(dim=0) ** power

    own = nmviz.run(**asked, criterion="by-column", quiet=True)
    theirs = nmviz.run(**asked, criterion="wina", quiet=True)
    assert own.value("delta_nll") == pytest.approx(theirs.value("delta_nll"), rel=1e-6)
    assert nmviz.lookup(**asked, criterion="by-column") is None
    assert nmviz.compare(own, theirs).to_frame()["difference"].abs().max() < 1e-4
    plain = nmviz.run(**asked, criterion="by-column(power=0.0)", quiet=True)
    magnitude = nmviz.run(**asked, quiet=True)
    assert plain.value("delta_nll") == pytest.approx(magnitude.value("delta_nll"), rel=1e-6)
    assert "by-column" in set(nmviz.list_methods().to_frame()["name"])
    with pytest.raises(UserError, match="is not stored, as a sweep does"):
        nmviz.sweep({**asked, "criterion": "by-column"})


@pytest.mark.usefixtures("lent")
def test_a_criterion_of_weights(asked: dict[str, object]) -> None:
    @nmviz.register_criterion("least", target="weight")
    def least(weight: torch.Tensor, state: object) -> torch.Tensor:
        """Least: keep the smallest weights."""
        return -weight.abs()

    own = nmviz.run(**asked, target="weight", criterion="least", quiet=True)
    theirs = nmviz.run(**asked, target="weight", quiet=True)
    assert own.value("delta_nll") > theirs.value("delta_nll")


@pytest.mark.parametrize(
    ("name", "facts", "said"),
    [
        ("clact", {}, "'clact' is an activation criterion already"),
        ("wanda", {"target": "weight"}, "'wanda' is a weight criterion already"),
        ("var", {}, "'var' is a mitigation already"),
        ("No Name", {}, "is no name for a criterion"),
        ("mine", {"target": "blocks"}, "of activation or weight"),
        ("mine", {"gives": "weight"}, "gives channel or scores"),
        ("mine", {"patterns": "2:4"}, "any, N:M or P%"),
    ],
)
@pytest.mark.usefixtures("lent")
def test_a_name_that_is_taken_is_refused(name: str, facts: dict[str, str], said: str) -> None:
    before = [*ACTIVATION], [*WEIGHT]
    with pytest.raises(UserError) as caught:
        nmviz.register_criterion(name, **facts)(documented)
    assert said in str(caught.value)
    assert ([*ACTIVATION], [*WEIGHT]) == before


def documented(x: torch.Tensor, weight: torch.Tensor, state: object) -> None:
    """Mine: what is kept is of no interest."""


def test_a_criterion_needs_its_help() -> None:
    with pytest.raises(UserError, match="a function with a docstring"):
        nmviz.register_criterion("mine")(lambda x, weight, state: None)


@pytest.mark.usefixtures("lent")
def test_the_example_of_the_readme(asked: dict[str, object]) -> None:
    """As it is written, on a smaller model and text."""
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    code = text.split("## From Python")[1].split("```python\n")[1].split("```")[0]
    there: dict[str, object] = {"smaller": {**asked, "pattern": "8:16"}}
    exec(code.replace('pattern="8:16"', "**smaller").replace(", tokens=512", ""), there)
    real = there["real"]
    assert list(real.columns) == ["metric", "difference", "stderr", "verdict"]  # type: ignore[attr-defined]
    cost = there["mine"].value("delta_nll")  # type: ignore[attr-defined]
    assert cost not in [there[name].value("delta_nll") for name in ("made", "plain")]  # type: ignore[attr-defined]
