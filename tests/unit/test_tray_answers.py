"""The tray: names of what is pinned, links, and the numbers that it shows."""

import re
from collections.abc import Iterator
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest
from scipy.stats import t as student

from nmviz.base.errors import UserError
from nmviz.core.comparing.comparison import Compared
from nmviz.core.comparing.pins import dense_pin_of, pin_of
from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Provenance, Result, TaskExamples
from nmviz.lessons.glossary import glossary
from nmviz.service.comparing import pinned as pins
from nmviz.service.comparing.differing import differing
from nmviz.service.comparing.two_results import found
from nmviz.store import Store, open_store
from nmviz.ui.shell.failures import UNEXPECTED
from nmviz.ui.shell.pins import PARAMETERS, pin
from nmviz.ui.shell.view import DEFAULT_PROMPT
from nmviz.ui.tray import answer, changes, numbers
from nmviz.ui.tray.place import PARTS, place_of
from nmviz.views.shared.numbers import with_error

TEXT = "model=smollm2-135m&corpus=wikitext-2&tokens=8192&pattern=2:4"
PIECES = (
    (1.0, 3.0, 1.2, 2.9, 1.1, 3.2),
    (1.05, 3.07, 1.24, 2.96, 1.14, 3.28),
    (1.06, 3.02, 1.27, 2.99, 1.05, 3.21),
)


@pytest.fixture
def ships(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with open_store(shipped) as store:
        for place in ("comparing.two_results", "comparing.pinned", "runs"):
            monkeypatch.setattr(f"nmviz.service.{place}.store", lambda: store)
        yield store


def run(pieces: tuple[float, ...], **given: Any) -> Result:
    """A run with what its pieces of text cost."""
    cost = Measurement(
        metric="delta_nll",
        value=mean(pieces),
        stderr=stdev(pieces) / sqrt(len(pieces)),
        n=len(pieces),
    )
    level = Measurement(metric="dense_perplexity", value=20.0, stderr=1.0, n=len(pieces))
    fields = {"experiment": Experiment(), "provenance": Provenance(source="nmviz"), **given}
    return Result(measurements=(level, cost), unit_costs=pieces, **fields)


# Names


def test_every_stored_result_has_a_short_name_that_finds_it_again(ships: Store) -> None:
    stored = ships.find(sites=False)
    newest = {pin_of(one): one for one in stored}
    printed = [one for one in stored if one.provenance.printed]
    assert len({pin_of(one) for one in printed}) == len(printed) > 300
    assert all(pins.PIN.fullmatch(name) and len(name) <= 19 for name in newest)
    for name in [*newest][::40]:
        (there,) = pins.pinned([name]).pinned
        assert there.name == pin_of(there.result) == name
        assert there.result.provenance == newest[name].provenance
        assert pins.whole(there).measurements == newest[name].measurements


def test_names_of_published_results_stay(ships: Store) -> None:
    """They stand in links: what they are made of must not change."""
    (one,) = [
        one
        for one in ships.find(sites=False, model="llama2-7b", pattern="2:4", criterion="magnitude")
        if one.provenance.printed
        and (one.provenance.printed.place, one.provenance.printed.method) == ("Table 10", "ACT")
    ]
    assert pin_of(one) == "398d47462d1d-4c1c00"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("0" * 12, "No stored result is pinned as"),
        ("0123456789ab-012345", "No stored result is pinned as"),
        ("../../etc", "is no name of something pinned"),
        ("<b>" * 40, "is no name of something pinned"),
        ("0123456789ab-dense", "No stored result is pinned as"),
    ],
)
def test_a_name_of_nothing_is_left_out_with_a_sentence(ships: Store, name: str, why: str) -> None:
    asked = pins.pinned([name])
    (said,) = asked.dropped
    assert not asked.pinned and why in said and said.endswith(".") and len(said) < 120


def test_the_dense_model_costs_nothing_and_is_compared_in_pairs(ships: Store) -> None:
    pruned = found(f"{TEXT}&criterion=magnitude")
    (pin_of_dense,) = pins.pinned([dense_pin_of(pruned)]).pinned
    dense = pins.whole(pin_of_dense)
    assert dense == pin_of_dense.result
    assert dense.experiment.is_dense and dense.get("delta_nll").value == 0
    assert dense.get("perplexity").value == pruned.get("dense_perplexity").value
    rows = {row.a.metric: row for row in Compared(pruned, dense).rows}
    cost = rows["delta_nll"]
    assert cost.paired and cost.verdict == "real" and cost.difference is not None
    assert cost.difference.value == pruned.get("delta_nll").value
    assert cost.difference.stderr == pytest.approx(pruned.get("delta_nll").stderr)
    assert rows["top1_agreement"].difference.value == pytest.approx(
        pruned.get("top1_agreement").value - 1
    )
    with pytest.raises(UserError, match="not read beside"):
        pins.dense_beside(pruned.model_copy(update={"measurements": ()}))


# Links


def some_names(ships: Store, count: int) -> list[str]:
    own = ships.find(sites=False, source="nmviz", model="smollm2-135m", corpus="wikitext-2")
    return list(dict.fromkeys(pin_of(one) for one in own))[:count]


def test_a_link_of_the_tray_is_read_back_as_it_was_written(ships: Store) -> None:
    a, b, c = some_names(ships, 3)
    for query in (
        f"tray={a}.{b}.{c}&tray_pair=3-1&tray_part=layers&tray_at=15-down",
        f"tray={a}.{b}&tray_part=masks&tray_at=15-down-24-64",
        f"tray={a}.{b}",
        f"tray={c}&tray_part=numbers",
        "",
    ):
        place = place_of(query)
        assert not place.remarks and place.to_query() == query
    assert set(PARAMETERS) == {"tray", "tray_pair", "tray_part", "tray_at"}


@pytest.mark.parametrize(
    ("bad", "kept", "why"),
    [
        ("tray={a}.nonsense.{b}", "tray={a}.{b}", "'nonsense' is no name"),
        ("tray={a}.{b}&tray_pair=1-7", "tray={a}.{b}", "the first two are shown"),
        ("tray={a}.{b}&tray_pair=x", "tray={a}.{b}", "written such as 1-2"),
        ("tray={a}.{b}&tray_pair=2-2", "tray={a}.{b}", "the first two are shown"),
        ("tray={a}.{b}&tray_part=all", "tray={a}.{b}&tray_part=numbers", "shows no 'all'"),
        ("tray={a}.{b}&tray_at=down", "tray={a}.{b}", "such as 15-down"),
        ("tray=" + "{a}." * 900, "", "too long"),
    ],
)
def test_what_is_wrong_in_a_link_drops_itself_and_says_so(
    ships: Store, bad: str, kept: str, why: str
) -> None:
    a, b = some_names(ships, 2)
    place = place_of(bad.format(a=a, b=b))
    assert place.to_query() == kept.format(a=a, b=b)
    assert len(place.remarks) == 1 and why in place.remarks[0]
    html, _ = answer.shown(bad.format(a=a, b=b))
    assert 'class="error"' in html and "<script" not in html


def test_the_pair_of_a_link_follows_what_is_left_of_it(ships: Store) -> None:
    a, b, c = some_names(ships, 3)
    place = place_of(f"tray=000000000000.{a}.{b}.{c}&tray_pair=4-2")
    assert [one.name for one in place.pair or ()] == [c, a]
    assert place.to_query() == f"tray={a}.{b}.{c}&tray_pair=3-1"


def test_six_are_held_each_once(ships: Store) -> None:
    names = some_names(ships, 8)
    place = place_of("tray=" + ".".join([names[0], *names]))
    assert [one.name for one in place.pinned] == names[:6]
    assert "holds 6" in place.remarks[0]


def test_a_pin_says_what_it_pins_and_escapes_it() -> None:
    html = pin("0123456789ab", "ba9876543210", of='<b> "x"')
    assert 'data-pin="0123456789ab ba9876543210"' in html and "<b>" not in html


# Numbers


def test_the_table_of_all_has_every_difference_from_the_reference() -> None:
    """Worked out apart: in pairs, with Student's t of one of two comparisons at once."""
    results = [run(one) for one in PIECES]
    html = numbers.of_all(results, ["one", "two", "three"], 1)
    rows = re.findall(r"<tr><th scope=\"row\">(one|two|three)</th>(.*?)</tr>", html)
    assert [name for name, _ in rows] == ["one", "two", "three"]
    assert 'aria-pressed="true">reference' in rows[1][1]
    for (_, shown), pieces in zip(rows, PIECES, strict=True):
        if pieces is PIECES[1]:
            assert "real" not in shown and "told apart" not in shown
            continue
        apart = [x - y for x, y in zip(pieces, PIECES[1], strict=True)]
        error = stdev(apart) / sqrt(6)
        reach = float(student.ppf(1 - 0.05 / 2 / 2, 5)) * error
        assert f"{with_error(mean(apart), error, signed=True)} <" in shown
        said = "real" if abs(mean(apart)) > reach else "not told apart"
        assert f"</span> {said}</span>" in shown
    assert "one of 2 at once (" in html and glossary()["Bonferroni"].means in html


def test_of_several_comparisons_at_once_each_is_judged_more_strictly() -> None:
    a, b = run(PIECES[0]), run(PIECES[2])
    apart = [x - y for x, y in zip(PIECES[0], PIECES[2], strict=True)]
    p = 2 * student.sf(abs(mean(apart)) / (stdev(apart) / sqrt(6)), 5)
    for count in (1, 2, 5, 50):
        (row,) = Compared(a, b, count).rows
        assert (row.verdict == "real") == (p < 0.05 / count)


def test_the_sentence_of_a_pair_says_the_cost_and_the_verdict() -> None:
    both = Compared(run(PIECES[1]), run(PIECES[0]))
    apart = [x - y for x, y in zip(PIECES[1], PIECES[0], strict=True)]
    said = numbers.sentence(both)
    number = with_error(mean(apart), stdev(apart) / sqrt(6))
    assert said == f"A costs {number} nats a token more than B (in pairs): a real difference."
    other = run(PIECES[0], experiment=Experiment.build(model="gemma-3-270m"))
    assert "not comparable. They are of different models" in numbers.sentence(
        Compared(run(PIECES[0]), other)
    )


def test_published_averages_are_set_side_by_side() -> None:
    def printed(value: float, source: str = "paper") -> Result:
        average = Measurement(metric="average_drop", value=value)
        told = Provenance(source=source)
        return Result(experiment=Experiment(), measurements=(average,), provenance=told)

    (row,) = Compared(printed(4.5), printed(3.0)).rows
    assert row.difference is not None and row.difference.value == 1.5
    assert row.verdict == "not told apart" and "not known" in row.why
    (row,) = Compared(printed(4.5), printed(3.0, "logs")).rows
    assert row.verdict == "not comparable" and "different sources" in row.why


def test_what_differs_is_said_and_what_is_of_the_protocol(ships: Store) -> None:
    a = found(f"{TEXT}&criterion=magnitude")
    b = found(f"{TEXT}&target=weight&criterion=wanda")
    told = {one.what: (one.a, one.b, one.protocol) for one in differing(a, b)}
    assert told["pruned"] == ("activations", "weights", False)
    assert told["criterion"] == ("magnitude", "wanda", False)
    assert "text" not in told and "source" not in told
    other = a.model_copy(update={"experiment": a.experiment.but(tokens=4096, window=256)})
    (text,) = differing(a, other)
    assert text.protocol and "8,192 tokens" in text.a and "4,096 tokens" in text.b
    assert "windows of 256" in text.b and differing(a, a) == ()


def test_answers_that_changed_are_counted_from_one_to_the_other() -> None:
    def asked(right: str, digest: str = "0" * 64) -> Result:
        kept = TaskExamples(task="piqa", metric="acc", right=right, digest=digest)
        return Result(
            experiment=Experiment.build(tasks="piqa", limit=len(right)),
            measurements=(),
            examples=(kept,),
            provenance=Provenance(source="nmviz"),
        )

    html = changes.answers(asked("110010"), asked("011011"))
    assert "of 6 examples 1 are right with A alone and 2 with B alone" in html
    assert html.count("<tr>") == 1 + 3
    assert "other examples" in changes.answers(asked("11"), asked("11", "f" * 64))
    assert "No task" in changes.answers(run(PIECES[0]), asked("11"))


def test_words_that_changed_are_told_of_one_text_only(ships: Store) -> None:
    a, b = (found(f"{TEXT}&criterion={name}") for name in ("magnitude", "clact"))
    html = changes.words(a, b)
    ours, theirs = ({(one.window, one.token) for one in of.flips.rows} for of in (a, b))
    both = len(ours & theirs)
    assert f"{both} are in both lists, {len(ours) - both} in A&#x27;s alone" in html
    assert f"{a.flips.total:,} of {a.flips.n:,} tokens" in html
    other = found("model=smollm2-135m&corpus=wiki-leads&pattern=8:16")
    assert "measured on different text" in changes.words(a, other)
    assert "not known" in changes.words(a, found(TEXT.replace("2:4", "4:8")))


# Answers


def test_each_part_answers_for_any_two(ships: Store) -> None:
    """Of one model, of two, of a text and tasks, of what is published: a sentence, no fault."""
    own = some_names(ships, 2)
    stored = ships.find(sites=False)
    gemma = next(pin_of(one) for one in stored if one.experiment.model == "gemma-3-270m")
    tasks = next(pin_of(one) for one in stored if one.experiment.tasks)
    large = [pin_of(one) for one in stored if one.provenance.printed][:2]
    for pair in (own, [own[0], gemma], [own[0], tasks], large, [own[0], large[0]]):
        for part in PARTS:
            asked = f"tray={'.'.join(pair)}&tray_part={part}"
            html, _ = answer.shown(asked)
            assert UNEXPECTED not in html and f'data-part="{part}"' in html
            assert f'data-asked="{asked.replace("&", "&amp;")}"' in html


def test_a_link_that_a_browser_cannot_have_written_is_met_with_words(ships: Store) -> None:
    for asked in ("tray=%00", "tray=" + "." * 500, "tray_pair=1-2", "x" * 5000, "tray=\N{SNOWMAN}"):
        html, _ = answer.shown(asked)
        assert "Tray" in html or "tray" in html
        assert answer.looked(asked, DEFAULT_PROMPT)[0] == ""
