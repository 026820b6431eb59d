"""The tab "Trade-offs": answers, marks of how numbers are known, links, exports, refusals."""

import json
from html import unescape

import gradio as gr
import pytest
from gradio.components.plot import PlotData

from nmviz.base.errors import UserError
from nmviz.service.tradeoffs.axes import QUALITIES
from nmviz.service.tradeoffs.frontier import points
from nmviz.ui.shell.view import View
from nmviz.ui.tradeoffs import answers, equal
from nmviz.ui.tradeoffs.faster import faster
from nmviz.ui.tradeoffs.tab import build_tradeoffs
from nmviz.ui.tradeoffs.words import known_words

FASTER = ("h100", "fp8", "llama3.2-1b", "prefill", "weight", "2:4", 2048, 4096, 4096, "")
FRONTIER = ("drop", "bytes", ["llama3.1-8b"], ["2:4", "8:16"], [], [], "h100", "bf16", "")

pytestmark = pytest.mark.usefixtures("module_store")


def changed(values: tuple[object, ...], place: int, value: object) -> tuple[object, ...]:
    return (*values[:place], value, *values[place + 1 :])


def test_one_sentence_says_whether_it_is_faster_with_the_bound_beside_it() -> None:
    said, plot = faster(*FASTER)
    assert "No: 0.84 times the dense speed" in said and "◆ published" in said
    assert "SlideSparse" in said and "▼ bounded" in said and "hypothetical" not in said
    assert isinstance(plot, PlotData)
    said, _ = faster(*changed(FASTER, 2, "qwen2.5-7b"))
    assert "Yes: 1.21 times the dense speed" in said


def test_what_nobody_measured_is_not_known_and_its_units_are_hypothetical() -> None:
    said, _ = faster(*changed(FASTER, 5, "8:16"))
    assert "Not known: there is no measurement near" in said
    assert "○ hypothetical" in said and "does not have" in said


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (0, "z80", "There is no machine"),
        (1, "fp64", "no data type"),
        (2, "x", "Choose a model"),
        (3, "x", "Choose a model, a phase"),
        (5, "x", "is not a pattern"),
        (6, 0, "Tokens: give a number from 1 to 10,000,000; given: 0"),
        (6, 1.5, "whole number above 0"),
        (6, None, "whole number above 0"),
    ],
)
def test_a_wrong_setting_is_one_sentence(place: int, value: object, said: str) -> None:
    told, plot = faster(*changed(FASTER, place, value))
    assert plot is None and said in unescape(told) and 'class="error"' in told


def test_a_layer_of_any_shape_is_asked_for_and_bounded() -> None:
    """SlideSparse's square of 4,096 on an A100 in BF16 at 4,096 tokens. By hand: 2 * 4096^3
    operations at 312 and 624 tera-operations a second bound it by products, so 2 times."""
    layer = ("a100", "bf16", "layer", "prefill", "weight", "2:4", 4096, 4096, 4096, "")
    said, _ = faster(*layer)
    assert "of this very shape" in said and "with square" in said
    assert "at most 2.00 times dense, bound by compute" in said
    said, _ = faster(*changed(layer, 8, 100))
    assert "Not known" in said
    said, _ = faster(*changed(layer, 7, 4098))
    assert "its input dimension 4098 is not a multiple of 4" in unescape(said)
    said, _ = faster(*changed(layer, 7, None))
    assert "d_in: give a whole number above 0" in said


def test_a_machine_of_ones_own_takes_the_place_of_the_menu() -> None:
    """At 1 tera-operation a second and units for 2:4 a long prompt takes half the time at least."""
    own = '[mine]\ntitle = "My card"\nbandwidth = 1000\nsparse = "2:4"\npeak = { fp8 = 1 }'
    said, plot = faster(*changed(FASTER, 9, own))
    assert "Not known" in said and "bound by compute" in said and "on mine (yours)" in said
    assert plot is not None
    for text, wrong in (
        ("[mine]\nbandwidth = -1", "Bandwidth is above 0 GB a second; given: -1"),
        ("bandwidth = 1", "is no table"),
        ("nonsense", "is not TOML"),
        ("", "Yes"),
    ):
        told = unescape(faster(*changed(changed(FASTER, 9, text), 2, "qwen2.5-7b"))[0])
        assert wrong in told
    _, _, rows = answers.frontier(
        *changed(changed(FRONTIER, 1, "bound"), 8, own.replace("8", "16"))
    )
    assert rows == "" or "experiments" in rows


def test_points_are_chosen_by_criterion_and_mitigation_and_dense_stays() -> None:
    def methods(criteria: list[str], mitigations: list[str]) -> set[tuple[str, str]]:
        chosen = (*FRONTIER[:4], criteria, mitigations, *FRONTIER[6:])
        found = points(answers.asked_of(*chosen))
        return {(one.experiment.criterion, ",".join(one.experiment.mitigations)) for one in found}

    every = methods([], [])
    plain = methods(["magnitude"], ["none"])
    assert plain == {("magnitude", "")} and len(every) > len(plain)
    assert all("var" in mitigations for _, mitigations in methods([], ["var"]) - plain)


def test_energy_is_of_types_that_are_printed() -> None:
    said, plot, _ = answers.frontier(*changed(FRONTIER, 1, "energy"))
    assert plot is None and "Nobody printed the energy of bf16: choose fp32, fp16, int8" in said
    said, plot, _ = answers.frontier(*changed(changed(FRONTIER, 1, "energy"), 7, "fp16"))
    assert isinstance(plot, PlotData) and "Horowitz" in said


def test_a_click_on_a_point_opens_what_its_row_does() -> None:
    _, plot, rows = answers.frontier(*FRONTIER)
    links = {unescape(part.split('"')[0]) for part in rows.split('href="?')[1:]}
    traces = json.loads(plot.plot)["data"]
    clicks = {one for trace in traces for one in trace.get("customdata", ())}
    assert links == clicks


def test_rows_open_their_experiment_in_explore() -> None:
    said, plot, rows = answers.frontier(*FRONTIER)
    assert "Nothing that costs no more is better than" in said and isinstance(plot, PlotData)
    links = [part.split('"')[0] for part in rows.split('href="')[1:]]
    assert links
    for link in links:
        view = View.from_query(unescape(link))
        assert view.experiment.model == "llama3.1-8b"
    assert "◆ published" in rows and "■ counted" in rows


@pytest.mark.parametrize("quality", QUALITIES)
def test_every_quality_is_drawn(quality: str) -> None:
    said, plot, _ = answers.frontier(quality, "bytes", [], [], [], [], "h100", "fp8", "")
    assert "alert" not in said and isinstance(plot, PlotData)


def test_rows_are_exported_with_how_they_are_known() -> None:
    told = {name: json.loads(answers.exported(name, *FRONTIER)) for name in answers.FORMATS}
    rows = json.loads(told["JSON"]["text"])
    assert {row["quality is"] for row in rows} == {"published"}
    assert {row["cost is"] for row in rows} == {"counted"}
    assert len(told["CSV"]["text"].splitlines()) == len(rows) + 1
    assert told["LaTeX"]["text"].count(r"\\") == len(rows) + 1
    failed = json.loads(answers.exported("CSV", *changed(FRONTIER, 1, "x")))
    assert "no cost 'x'" in failed["failed"]


def test_patterns_stand_beside_blocks_left_out_from_what_ships() -> None:
    """SmolLM2 without 10 of its 30 blocks costs 1.909 nats a token, 2:4 weights 1.551 at best;
    nothing is as cheap as 1:4."""
    said = equal.equal("smollm2-135m", "multiply_adds")
    assert "10 blocks left out, by cost" in said and "N:M loses less" in said
    assert '<td class="number">1.909</td><td class="number">0.055</td>' in said
    assert '<td class="number">1.551</td><td class="number">0.033</td>' in said
    assert "weights 1:4" in said and "not known" in said and "● measured" in said
    assert "choose multiply-adds" in equal.equal("smollm2-135m", "energy")


def test_pruned_weights_stand_beside_4_bits_and_smaller_dense_models() -> None:
    """By hand: half of the blocks' 16 bits and 4 bits of index an entry that is kept are 62.5% of
    Llama 2's blocks, 64.0% with embedding and head."""
    said = equal.equal("smollm2-135m", "bytes")
    assert "Gemma 3 1B, dense" in said and "AutoRound in groups of 128" in said
    assert '>64.0</td><td class="number">7.8</td><td class="number">1.0</td>' in said
    assert "SmolLM2 135M Instruct ships in 4 bits: its file takes 36.6%" in said
    assert "ships in 4 bits" not in equal.equal("llama2-7b", "bytes")


def test_blocks_left_out_are_on_the_frontier_and_open_nothing() -> None:
    chosen = ("delta_nll", "multiply_adds", ["smollm2-135m"], ["8:16"], [], [], "h100", "bf16", "")
    found = [one for one in points(answers.asked_of(*chosen)) if one.target == "blocks"]
    assert len(found) == 24 and all(one.query is None for one in found)
    _, plot, rows = answers.frontier(*chosen)
    (trace,) = [t for t in json.loads(plot.plot)["data"] if t["name"] == "blocks left out"]
    assert trace["customdata"] == [None] * 24 and "3 blocks left out, the last" in rows
    with pytest.raises(UserError, match="Explore shows pruned weights"):
        View.from_query("target=blocks&drop=3")


def test_a_pattern_has_its_bits_storage_gather_and_what_is_lost() -> None:
    said, plot = answers.pattern_of(8, 16)
    for one in ("12,870", "0.875 bits an entry", "1 bit an entry", "55.47% of dense", ">128<"):
        assert one in said
    assert "Llama 3.1 8B, activations 8:16" in said and isinstance(plot, PlotData)
    refused, nothing = answers.pattern_of(8, 4)
    assert "keeps more than there is" in refused and nothing is None
    assert "whole numbers" in answers.pattern_of(None, 4)[0]


def test_a_number_typed_into_a_slider_is_answered_as_a_drag_is() -> None:
    """A slider's `release` comes of a drag alone; `change` of both."""
    with gr.Blocks() as page, gr.Tab("tab") as tab:
        build_tradeoffs(tab)
    asks = {
        (page.blocks[block].elem_id, event)
        for one in page.fns.values()
        for block, event in one.targets
        if block is not None and isinstance(page.blocks[block], gr.Slider)
    }
    assert asks == {("tradeoffs-n", "change"), ("tradeoffs-m", "change")}


def test_the_marks_are_explained() -> None:
    said = known_words()
    for word in ("measured", "published", "counted", "bounded", "hypothetical"):
        assert word in said


def test_patterns_choose_among_the_rows_and_keep_the_dense_ones_of_their_tables() -> None:
    """Table 10 has perplexities at 2:4 with a dense row, Table 11 those at 8:16."""
    chosen = ("perplexity", "bytes", ["llama3.1-8b"], ["2:4"], [], [], "h100", "bf16", "")
    found = points(answers.asked_of(*chosen))
    assert {one.pattern for one in found} == {"2:4", "dense"}
    assert {one.place for one in found if one.pattern == "dense"} == {"Table 10"}
    every = points(answers.asked_of(*changed(chosen, 3, [])))
    assert len(every) > len(found)
