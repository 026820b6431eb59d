"""Lists of patterns by layer: one spelling, one name, cut to a scope, part of an experiment."""

import pytest

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.methods.pattern_lists import Patterns, settled
from nmviz.methods.patterns import parse_pattern
from nmviz.methods.site_lists import Sites

ENTRIES = ("8:16 gate", "2:4 q:0-18; down")
NOWHERE = "plan:000000000000"


def planned(*entries: str, **fields: object) -> Experiment:
    return Experiment.build(pattern=NOWHERE, plan=entries, **fields)


def test_one_list_has_one_spelling_and_one_name() -> None:
    one = Patterns.read(ENTRIES)
    same = Patterns.read(("2:4 down", "2:4 q:10-18", "8:16 gate", "2:4 q:0-9"))
    assert one.entries == same.entries == ("2:4 down; q:0-18", "8:16 gate")
    assert one.name == same.name and parse_pattern(one.name).plan == one.name
    assert Patterns.read(one.entries).name == one.name
    assert Patterns.read(("2:4 q:0-17; down", "8:16 gate")).name != one.name


def test_what_drops_least_comes_first() -> None:
    masks = Patterns.read(("70% q", "1:4 k", "8:16 v", "2:4 o", "4:8 up")).masks
    assert list(map(str, masks)) == ["2:4", "4:8", "8:16", "70%", "1:4"]


def test_a_site_has_the_pattern_that_names_it() -> None:
    found = Patterns.read(ENTRIES)
    assert str(found.of(["q"], 18)) == "2:4"
    assert str(found.of(["gate"], 29)) == "8:16"
    assert found.of(["q"], 19).is_dense and found.of(["up"], 0).is_dense
    assert str(Patterns.read(("2:4 all:0-3", "4:8 all:4-9")).of(["up"], 4)) == "4:8"
    assert str(Patterns.read(("2:4 experts",)).of(["gate_up", "experts"], 1)) == "2:4"


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (("2:4",), "in the plan is no pattern with its sites"),
        (("dense q",), "in the plan is no pattern with its sites"),
        ((f"{NOWHERE} q",), "in the plan is no pattern with its sites"),
        (("5:4 q",), "5:4"),
        (("2:4 q:x",), "range of blocks"),
        (("2:4 q:0-3", "8:16 q:3"), "both 2:4 and 8:16 for q"),
        (("2:4 all:3", "8:16 q"), "both 2:4 and 8:16 for q"),
        (tuple(f"{number / 10:g}% q:{number}" for number in range(1, 202)), "at most 200"),
    ],
)
def test_what_is_no_list_is_refused_in_one_sentence(entries: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Patterns.read(entries)
    with pytest.raises(UserError, match=said):
        planned(*entries)


def test_a_list_is_cut_to_a_scope() -> None:
    found = Patterns.read(ENTRIES)
    assert found.within(Sites.read("q,gate:0-3")).entries == ("2:4 q:0-3", "8:16 gate:0-3")
    assert found.within(Sites.read("all:19-29")).entries == ("2:4 down:19-29", "8:16 gate:19-29")
    assert found.within(Sites.read("all")).entries == found.entries
    assert Patterns.read(("2:4 all:0-9",)).within(Sites.read("q; k:4-20")).entries == (
        "2:4 k:4-9; q:0-9",
    )


def test_a_model_has_one_spelling_for_all_of_its_blocks() -> None:
    names, found = ["q", "gate", "down"], Patterns.read(("2:4 q:0-29; down", "8:16 gate:0-28"))
    assert found.in_model(names, 30).entries == ("2:4 down,q", "8:16 gate:0-28")


def test_an_experiment_with_one_pattern_is_a_scope() -> None:
    plain = Experiment.build(pattern="2:4", projections="q", blocks="0-3")
    assert planned("2:4 q:0-3") == plain
    assert planned("2:4 q:0-3", "8:16 gate:4", blocks="0-3") == plain


def test_an_experiment_with_several_names_them() -> None:
    one = planned(*ENTRIES)
    assert one.pattern == Patterns.read(ENTRIES).name and one.plan == Patterns.read(ENTRIES).entries
    assert one.sites.hold("q", 18) and not one.sites.hold("q", 19) and one.sites.hold("gate", 29)
    assert [str(one.mask_at([name], 3)) for name in ("q", "gate", "up")] == ["2:4", "8:16", "dense"]
    assert [(part.pattern, str(part.sites)) for part in one.parts] == [
        ("2:4", "down; q:0-18"),
        ("8:16", "gate"),
    ]
    assert not one.is_dense and not one.mask.is_grouped
    with pytest.raises(UserError, match="differs by layer"):
        _ = one.mask.density


def test_its_key_hangs_on_the_list_and_its_text_reads_back() -> None:
    one = planned(*ENTRIES)
    assert one.key != planned("8:16 gate", "2:4 q:0-17; down").key
    again = Experiment.model_validate_json(one.canonical_json())
    assert again == one and again.key == one.key and hash(again) == hash(one)
    assert "plan" not in Experiment().to_json()


def test_its_address_has_the_name_alone() -> None:
    one = planned(*ENTRIES)
    assert one.to_query() == f"pattern={one.pattern.replace(':', '%3A')}"
    back = Experiment.from_query(one.to_query())
    assert back.pattern == one.pattern and back.plan is None
    with pytest.raises(UserError, match="No plan is known here as plan:"):
        back.check_known()


def test_changed_to_one_pattern_it_has_no_list() -> None:
    one = planned(*ENTRIES).but(pattern="4:8")
    assert one.plan is None and one.pattern == "4:8" and one.sites.hold("gate", 3)
    assert planned(*ENTRIES).but(projections=None, blocks=None) == planned(*ENTRIES)
    assert planned(*ENTRIES).but(projections=("q",)).pattern == "2:4"
    with pytest.raises(UserError, match="prunes no layer of the scope"):
        planned(*ENTRIES).but(projections=("up",))


def test_every_pattern_must_fit_the_methods() -> None:
    with pytest.raises(UserError, match="teal works with a share"):
        planned("50% q", "2:4 k", criterion="teal")
    assert planned("50% q", "40% k", criterion="teal").plan == ("40% k", "50% q")
    stored = planned("50% q", "2:4 k", target="weight")
    assert "dropping" in stored.to_json()  # P% of a whole matrix is dropped under a rule


def test_beside_a_pattern_a_list_has_no_say() -> None:
    assert settled("2:4", ENTRIES, Sites.read("q")) == ("2:4", None, Sites.read("q"))
