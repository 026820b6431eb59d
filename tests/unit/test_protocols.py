"""How a text is read: what is in the key, what is said beside a perplexity, and what is refused."""

import json
import math

import pytest
import torch
from forms import form

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.pairing import covariance
from nmviz.core.protocols import text_in_words, tokens_read
from nmviz.core.results import Measurement, Provenance, Result
from nmviz.engine.measure.statistics import DenseTokens, PairedTokens
from nmviz.published.protocol import printed_protocol
from nmviz.service.estimates import estimate, passes
from nmviz.ui.explore.form.controls import FIELDS
from nmviz.ui.explore.form.values import asked
from nmviz.ui.explore.panels.cards import cards
from nmviz.ui.explore.panels.origin import origin
from nmviz.ui.explore.restore import restored
from nmviz.ui.shell.limits import check_live
from nmviz.ui.shell.view import View

STRIDED = {"protocol": "stride", "stride": 256}


def test_windows_add_nothing_to_the_key() -> None:
    assert Experiment(protocol="windows").canonical_json() == Experiment().canonical_json()
    assert "protocol" not in json.loads(Experiment().canonical_json())
    assert "stride" not in json.loads(Experiment(protocol="second-half").canonical_json())


def test_every_protocol_and_corpus_has_a_key_of_its_own() -> None:
    asked = [
        *({"protocol": "stride", "stride": stride} for stride in (128, 256)),
        *({"protocol": "second-half"}, {}, {"corpus": "wikitext-2-joined"}),
    ]
    assert len({Experiment.build(**{"corpus": "wikitext-2", **how}).key for how in asked}) == 5
    json_of = Experiment.build(**STRIDED).canonical_json()
    assert '"protocol":"stride"' in json_of and '"stride":256' in json_of


def test_a_stride_is_half_a_window_unless_said() -> None:
    assert Experiment(protocol="stride").stride == 256
    assert Experiment(protocol="stride", window=129).stride == 64
    assert Experiment(protocol="stride").key == Experiment.build(**STRIDED).key


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"stride": 256}, "A stride is for the protocol stride"),
        ({"protocol": "second-half", "stride": 9}, "A stride is for the protocol stride"),
        ({"protocol": "stride", "stride": 512}, "leaves no overlap in windows of 512"),
        ({"protocol": "stride", "stride": 0}, "Stride is at least 1"),
        ({"protocol": "halves"}, "Protocol is 'windows', 'stride' or 'second-half'"),
    ],
)
def test_what_does_not_go_together_is_refused(fields: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        Experiment.build(**fields)


def test_tasks_have_no_protocol() -> None:
    tasks = Experiment(tasks=("piqa",))
    assert Experiment.build(tasks=("piqa",), **STRIDED).key == tasks.key
    assert (tasks.protocol, tasks.stride, tasks.unknown) == (None, None, ())


@pytest.mark.parametrize("how", [STRIDED, {"protocol": "second-half"}, {}])
def test_json_links_and_the_form_carry_it(how: dict[str, object]) -> None:
    experiment = Experiment.build(**how)
    assert Experiment.model_validate_json(experiment.canonical_json()) == experiment
    assert Experiment.from_query(experiment.to_query()) == experiment
    view = asked(form(**how)).view
    assert view.experiment == experiment
    assert View.from_query(view.to_query()) == view


@pytest.mark.usefixtures("own_store")
def test_a_link_fills_the_form_and_shows_the_stride() -> None:
    update = restored("protocol=stride&stride=128")
    assert update["protocol"] == "stride"
    assert (update["stride"].value, update["stride"].visible) == (128, True)
    assert not restored("")["stride"].visible


def test_a_stride_left_in_the_form_goes_with_its_protocol() -> None:
    given = dict(zip(FIELDS, form(**STRIDED), strict=True)) | {"protocol": "windows"}
    assert asked([given[name] for name in FIELDS]).view.experiment == Experiment()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({}, "wiki-leads, windows of 512 without overlap"),
        ({**STRIDED, "corpus": "wikitext-2"}, "wikitext-2, windows of 512, stride 256"),
        ({"protocol": "second-half"}, "wiki-leads, second half of windows of 512"),
        ({"corpus": "text", "window": 1024}, "your own text, windows of 1,024 without overlap"),
    ],
)
def test_it_is_named_beside_every_perplexity(how: dict[str, object], words: str) -> None:
    from nmviz.cli.printing import run_text

    result = run_of(4, **how)
    assert text_in_words(result.experiment) == words
    assert cards({"activation": result}, View()).count(words) >= 2  # dense and pruned
    assert words.partition(", ")[2] in origin({"activation": result}, False)
    lines = run_text(result, False).splitlines()
    assert [words in line for line in lines if "erplexity" in line] == [True, True]


def test_a_printed_perplexity_has_the_protocol_of_the_authors_code() -> None:
    assert printed_protocol(2048) == "wikitext-2-joined, windows of 2,048 without overlap"
    assert "not said" in printed_protocol(None)


def run_of(seconds: float, **how: object) -> Result:
    from nmviz.core import provenance

    values = {"perplexity": 20.0, "dense_perplexity": 18.0, "delta_nll": 0.1}
    return Result(
        experiment=Experiment.build(**how),
        measurements=tuple(Measurement(metric=m, value=v, n=4) for m, v in values.items()),
        unit_costs=(0.1, 0.2, 0.0, 0.1),
        provenance=Provenance(
            source="nmviz", seconds=seconds, machine=provenance.machine(), started="2026-01-01"
        ),
    )


def test_runs_under_other_protocols_are_not_compared_in_pairs() -> None:
    one, other = run_of(4), run_of(4, protocol="second-half")
    assert covariance(one, one) is not None
    assert covariance(one, other) is None


def test_a_stride_reads_most_tokens_several_times_and_takes_as_long() -> None:
    strided = Experiment.build(**STRIDED)
    assert tokens_read(strided) == 7 * 512  # windows that begin at 0, 256, ... 1,536
    assert tokens_read(Experiment()) == 2048
    told = estimate([strided], passes([run_of(8)]))
    assert told == pytest.approx(8 * 7 * 512 / 2048)


def test_the_page_bounds_what_a_stride_reads() -> None:
    with pytest.raises(UserError, match="With this stride 786,944 tokens are read"):
        check_live(View.build({"protocol": "stride", "stride": 1}))


def test_only_what_counts_is_in_the_numbers() -> None:
    torch.manual_seed(0)
    paired = PairedTokens()
    nll, uncounted = [], (0, 3, 3)
    for first in uncounted:
        dense, pruned, ids = torch.randn(9, 7), torch.randn(9, 7), torch.randint(0, 7, (9,))
        paired.add(DenseTokens.of(dense, ids), pruned, ids, first)
        rows = torch.arange(8)[first:]
        nll.append(-pruned.double().log_softmax(-1)[rows, ids[1:][first:]])
    found = {m.metric: m.value for m in paired.measurements()}
    assert torch.cat(nll).shape == (8 + 5 + 5,)
    assert found["perplexity"] == pytest.approx(math.exp(torch.cat(nll).mean()), rel=1e-5)


def test_first_tokens_left_dense_stand_beside_the_names_of_methods() -> None:
    from nmviz.methods import BY_TARGET, MITIGATIONS
    from nmviz.ui.explore.form.notes import method_notes

    left = {"teal": "the first half", "wina": "the first 1%", "r-sparse": "the first 90%"}
    for name, share in left.items():
        method = (MITIGATIONS if name == "r-sparse" else BY_TARGET["activation"]).get(name)
        assert f"leave {share}" in method.as_published
        field = {"mitigations": name} if name == "r-sparse" else {"criterion": name}
        notes = method_notes(View.build({"pattern": "50%", **field}))
        assert f"leave {share}" in notes and "here all are pruned" in notes
    assert "leave " not in method_notes(View()) and "all are pruned" not in method_notes(View())
