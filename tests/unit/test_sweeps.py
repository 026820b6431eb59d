"""Grids: what a file stands for, by hand, and what it must not do to us."""

from itertools import islice
from pathlib import Path

import pytest

from nmviz.base.errors import UserError
from nmviz.core.experiment import FOUND, Experiment
from nmviz.core.grids import LARGEST_FILE, MOST, parse_grid, read_grid
from nmviz.core.pairing import smallest_difference
from nmviz.methods import ACTIVATION, MITIGATIONS, WEIGHT
from nmviz.sources.tasks import SETS

COMMITTED = Path(__file__).parents[2] / "results" / "grids"


def built(text: str) -> list[Experiment]:
    experiments, left_out = parse_grid(text, "grid.yaml").experiments()
    assert left_out == []
    return experiments


def refused(text: str) -> str:
    with pytest.raises(UserError) as error:
        parse_grid(text, "grid.yaml")
    message = str(error.value)
    assert message.startswith("grid.yaml: ") or message.startswith("grid.yaml has")
    assert "\n" not in message
    return message


def test_every_combination_in_the_order_of_the_file() -> None:
    found = built(
        """
        shared: {tokens: 4096, pattern: [2:4, 8:16]}
        grids:
          - criterion: [magnitude, clact]
          - {target: weight, pattern: 1:4, tokens: 1024}
        """
    )
    assert [(e.target, e.pattern, e.criterion, e.tokens) for e in found] == [
        ("activation", "2:4", "magnitude", 4096),
        ("activation", "2:4", "clact", 4096),
        ("activation", "8:16", "magnitude", 4096),
        ("activation", "8:16", "clact", 4096),
        ("weight", "1:4", "magnitude", 1024),
    ]


def test_a_pattern_is_no_number_of_base_60() -> None:
    found = built("grids: [{pattern: [1:4, 8:16, 16:32, 50%]}]")
    assert [e.pattern for e in found] == ["1:4", "8:16", "16:32", "50%"]


def test_equal_experiments_are_one() -> None:
    found = built(
        """
        grids:
          - mitigations: [var, [var], " var "]
          - {criterion: [magnitude, clact], pattern: dense}
          - pattern: dense
        """
    )
    assert [(e.pattern, e.mitigations) for e in found] == [("8:16", ("var",)), ("dense", ())]


def test_null_is_the_default_and_lists_within_lists_are_one_value() -> None:
    found = built(
        """
        grids:
          - mitigations: [null, d-pts, [d-pts, var], "r-sparse(rank=4),var"]
            projections: [null, key-out-gate-down, "q,k", [up, down]]
        """
    )
    assert list(dict.fromkeys(e.mitigations for e in found)) == [
        (),
        ("d-pts",),
        ("d-pts", "var"),
        ("r-sparse(rank=4)", "var"),
    ]
    assert [e.projections for e in islice(found, 4)] == [
        None,
        ("k", "o", "gate", "down"),
        ("q", "k"),
        ("up", "down"),
    ]


def test_every_field_of_an_experiment_can_be_swept() -> None:
    for name, default in Experiment().model_dump(exclude={*FOUND}).items():
        value = "" if default is None or isinstance(default, tuple) else default
        assert parse_grid(f"grids: [{{{name}: '{value}'}}]", "grid.yaml").grids


def test_what_is_no_experiment_is_left_out_with_its_reason() -> None:
    text = "grids: [{target: [activation, weight], criterion: [magnitude, clakt], tokens: 4096}]"
    experiments, left_out = parse_grid(text, "grid.yaml").experiments()
    assert [e.target for e in experiments] == ["activation", "weight"]
    assert [one.what for one in left_out] == [
        "target activation, criterion clakt",
        "target weight, criterion clakt",
    ]
    assert "did you mean clact" in left_out[0].reason


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("just words", "no mapping"),
        ("- a\n- b", "no mapping"),
        ("grid: []", "did you mean grids"),
        ("grids: []", "list of mappings"),
        ("grids: {pattern: 2:4}", "list of mappings"),
        ("grids: [2:4]", "no mapping"),
        ("shared: 3\ngrids: [{}]", "no mapping"),
        ("grids: [{patern: 2:4}]", "did you mean pattern"),
        ("grids: [{artefacts: x}]", "no setting of a grid"),
        ("grids: [{pattern: []}]", "has no values"),
        ("grids: [{pattern: {a: b}}]", "no mapping there"),
        ("grids: [{pattern: [[[2:4]]]}]", "no mapping there"),
        ("grids: [{pattern: 2:4, pattern: 8:16}]", "line 1, 'pattern' stands there twice"),
        ("grids: [{pattern: 2:4", "line 1"),
        ("grids: [{pattern: '\\0'}]\n--- \n2", "another document"),
        ('grids: [{model: "\\ud800"}]', "cannot be printed"),
        ('grids: [{"\\ud800": a}]', "no setting of a grid"),
        ("grids: [{? [a, b] : c}]", "line 1"),
        ("grids: [{<<: {pattern: 2:4}}]", "no setting of a grid"),
    ],
)
def test_what_is_no_grid_is_refused_in_a_sentence(text: str, says: str, tmp_path: Path) -> None:
    if text:
        assert says in refused(text)
        return
    (tmp_path / "grid.yaml").write_text(text)
    with pytest.raises(UserError, match=says):
        read_grid(tmp_path / "grid.yaml")


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system ['true']", "!!python/name:os.system", "!own x"]
)
def test_tags_make_no_objects(tag: str) -> None:
    assert "could not determine a constructor" in refused(f"grids: [{{model: {tag} }}]")


@pytest.mark.parametrize(
    "value",
    [
        *("!!int abc", "!!int ''", "!!int 1:2", "!!float abc", "!!float ''", "!!bool maybe"),
        *("!!timestamp x", "!!timestamp 2020-13-45", "!!binary x", "!!omap [a: b]", "!!set {a}"),
        *("!!set x", "!!pairs [a: b]", "!!map abc", "!!map [a]", "!!seq abc", "!!str {a: b}"),
    ],
)
def test_a_tag_is_refused_wherever_it_stands(value: str) -> None:
    for text in (value, f"grids: {value}", f"grids: [{{pattern: {value}}}]", f"? {value}\n: b"):
        assert "line 1, " in refused(text)


def test_a_bomb_of_anchors_is_refused_at_the_first_alias() -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    assert "line 2, anchors" in refused("\n".join(["a0: &a0 [x]", *levels]))
    assert "anchors" in refused("grids: &g [*g]")


def test_depth_and_size_are_bounded() -> None:
    assert "nested too deeply" in refused("[" * 50_000)
    assert "characters" in refused("#" * (LARGEST_FILE + 1))
    seeds = ", ".join(map(str, range(1000)))
    assert f"more than {MOST:,}" in refused(
        f"grids: [{{seed: [{seeds}], tokens: [{seeds}], window: [{seeds}]}}]"
    )


@pytest.mark.parametrize(
    ("name", "count", "tokens", "corpus"),
    [
        ("smollm2-135m", 114, 8192, "wikitext-2"),
        ("gemma-3-270m", 67, 8192, "wikitext-2"),
        ("methods", 57, 2048, "wikitext-2-validation"),
    ],
)
def test_the_grids_that_ship_are_whole(name: str, count: int, tokens: int, corpus: str) -> None:
    found, left_out = read_grid(COMMITTED / f"{name}.yaml").experiments()
    assert (len(found), left_out) == (count, [])
    assert {(e.tokens, e.window, e.corpus) for e in found} == {(tokens, 512, corpus)}


def test_the_grid_of_tasks_is_whole_and_says_what_it_can_show() -> None:
    file = COMMITTED / "tasks.yaml"
    found, left_out = read_grid(file).experiments()
    assert (len(found), left_out) == (1 + 2 * (2 + 3 + 5), [])
    assert {(e.tasks, e.limit, e.chat) for e in found} == {(SETS["core"], 100, False)}
    assert [e.pattern for e in found].count("dense") == 1
    least = smallest_difference(100) or 0
    assert f"{100 * least:.0f} percentage points" in file.read_text(encoding="utf-8")


def test_no_method_is_forgotten_in_what_ships() -> None:
    found, _ = read_grid(COMMITTED / "smollm2-135m.yaml").experiments()
    plain = {(e.target, e.criterion.partition("(")[0]) for e in found if not e.mitigations}
    assert plain == {("weight", c) for c in WEIGHT} | {("activation", c) for c in ACTIVATION}
    assert {m for e in found if len(e.mitigations) == 1 for m in e.mitigations} == set(MITIGATIONS)
    gemma, _ = read_grid(COMMITTED / "gemma-3-270m.yaml").experiments()
    trained = {name for name in MITIGATIONS if MITIGATIONS.get(name).facts.learned}
    assert {m for e in gemma for m in e.mitigations} == set(MITIGATIONS) - trained


def test_the_example_of_the_readme_is_a_grid() -> None:
    readme = (COMMITTED.parents[1] / "README.md").read_text(encoding="utf-8")
    example = readme.split("```yaml\n")[1].split("```")[0]
    assert len(built(example)) == 2 * 2 + 3 * 3 * 2
