"""The table of words that changed: what is chosen, in which order, and what is said of it."""

from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Provenance, Result
from nmviz.core.tokenwise.flips import Flip, FlipInWords, Flips
from nmviz.views.explore.changed_words import (
    HEADS,
    LATER,
    NONE_CHANGED,
    NOT_KEPT,
    NOTHING,
    OLD,
    cells,
    chosen,
    counted,
    lacking,
    record,
    visible,
    why_none,
)


def changed(before: float, after: float, **ids: int) -> FlipInWords:
    words = {"right": 1, "dense": 1, "pruned": 2, **ids}
    sizes = {"dense_before": before, "dense_after": after, "pruned_before": 0, "pruned_after": 1}
    flip = Flip(window=1, token=7, kl=1.27, **words, **sizes)
    return FlipInWords(flip, "The river\nrises in", " spring", " spring", " the")


TOLD = {
    "weight": (changed(0.9, 0.5), changed(0.2, 0.1, right=2)),
    "activation": (changed(0.7, 0.0002), changed(0.6, 0.5, right=3)),
}


def made(kl: bool = True, **fields: object) -> Result:
    numbers = (Measurement(metric="kl", value=1.0),) if kl else ()
    made_by = {"provenance": Provenance(source="nmviz"), "measurements": numbers}
    return Result(experiment=Experiment(), **{**made_by, **fields})


def test_rows_of_both_targets_stand_by_the_fall_of_the_dense_models_word() -> None:
    rows = chosen(TOLD)
    falls = [(one.target, round(one.told.flip.fall, 4)) for one in rows]
    assert falls == [
        ("activation", 0.6998),
        ("weight", 0.4),
        ("weight", 0.1),
        ("activation", 0.1),
    ]
    assert [one.target for one in chosen(TOLD, "weight")] == ["weight", "weight"]
    assert [one.told.flip.kind for one in chosen(TOLD, kind="wrong to right")] == ["wrong to right"]
    assert [one.target for one in chosen(TOLD, kind="wrong to wrong")] == ["activation"]
    assert len(chosen(TOLD, words="RISES in spring")) == 4
    assert len(chosen(TOLD, words="the\n")) == 0 and chosen(TOLD, words="winter") == []


def test_a_row_says_the_words_and_what_became_of_their_probabilities() -> None:
    first = chosen(TOLD)[0]
    assert dict(zip(HEADS, cells(first), strict=True)) == {
        "text before": "The river↵rises in",
        "pruned": "activations",
        "true next word": "spring",
        "dense model's word": "“spring” 70% → < 0.1%",
        "pruned model's word": "“the” < 0.1% → > 99.9%",
        "KL (nats)": "1.3",
        "what changed": "right to wrong",
        "window, token": "1, 7",
    }
    kept = record(first)
    assert (kept["before"], kept["dense"], kept["pruned"]) == (*cells(first)[:1], "spring", "the")
    assert (kept["fall"], kept["dense_before"], kept["dense_after"]) == (0.6998, 0.7, 0.0002)
    assert (kept["right_id"], kept["dense_id"], kept["pruned_id"]) == (1, 1, 2)


def test_a_word_of_spaces_alone_can_be_seen() -> None:
    assert [visible(one) for one in ("  ", "\n", "", " a ")] == ["␣␣", "↵", "␣", "a"]


def test_it_is_said_how_many_changed_and_why_none_is_listed() -> None:
    flips = Flips(n=2000, total=3, right_to_wrong=1, wrong_to_right=1)
    known, old = made(flips=flips), made()
    said = "for 3 of 2,000 tokens (1 right to wrong, 1 wrong to right, 1 wrong to wrong) with "
    assert counted({"weight": known}) == f"Another word is the likeliest {said}weights pruned."
    assert counted({"weight": old}) == ""
    assert why_none({}) == NOTHING
    assert why_none({"weight": old}) == OLD
    assert why_none({"weight": known}) == NOT_KEPT
    assert why_none({"weight": made(flips=Flips(**dict.fromkeys(TOTALS, 0)))}) == NONE_CHANGED
    assert why_none({"weight": made(partial=True)}) == LATER
    assert [*lacking({"weight": old, "activation": known})] == [
        "The result for weights was made before single words were followed."
    ]


TOTALS = ("n", "total", "right_to_wrong", "wrong_to_right")
