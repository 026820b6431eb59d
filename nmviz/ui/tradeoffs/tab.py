"""The tab "Trade-offs": will it be faster, quality against cost, and choosing a pattern."""

from functools import partial
from typing import Any

import gradio as gr

from nmviz.hardware import accelerators
from nmviz.hardware.accelerators import LONGEST_PASTED
from nmviz.hardware.facts import shipped
from nmviz.hardware.work import BITS
from nmviz.methods import ACTIVATION, MITIGATIONS, WEIGHT
from nmviz.published.speeds.measured import PATTERNS, PHASE_WORDS
from nmviz.service.listing import to_choose
from nmviz.service.tradeoffs.axes import COSTS, NO_MITIGATION, QUALITIES
from nmviz.service.tradeoffs.baselines import SHARES
from nmviz.service.tradeoffs.export import FORMATS
from nmviz.service.tradeoffs.together import USUAL
from nmviz.sources import models as pinned
from nmviz.ui.link.linked import Linked
from nmviz.ui.serving.answers import for_all
from nmviz.ui.shell.events import FROM_STORE, READ, SAVE, begun_by, shown_by
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.html import note
from nmviz.ui.tradeoffs import answers, equal, faster
from nmviz.ui.tradeoffs.place import USUAL as USUAL_SETTINGS
from nmviz.ui.tradeoffs.place import USUAL_PATTERN, WIDEST
from nmviz.ui.tradeoffs.words import known_words

INTRO = "What quality costs in hardware. Every number says how it is known:"
CHARACTER = 7
WIDEST_MENU = 330
"""Pixels of a letter, and of a menu on a screen of 390."""
CRITERIA = tuple(dict.fromkeys([*ACTIVATION, *WEIGHT]))
MITIGATED = [NO_MITIGATION, *MITIGATIONS]
FRONTIER = (
    *("quality", "cost", "models", "patterns", "criteria", "mitigations"),
    *("of", "dtype"),
)
"""Settings of the second part, as a link names them, in their order."""
TYPED = 6
"""So many settings of the first part are menus; the others are typed."""
ROW = '[mine]\ntitle = "My machine"\nbandwidth = 1000\nsparse = "2:4"\npeak = { fp16 = 100 }'
NAMED = tuple(one for one in PATTERNS if one != "dense")


def build_tradeoffs(tab: Any) -> tuple[dict[str, Any], Linked]:
    """The tab, wired; it is filled when it is opened, so that the page starts sooner. Call it
    inside the Tab context, with the tab itself. Returns what an address sets under the names of its
    own two parts, and what else a link carries."""
    with gr.Column(elem_id="tradeoffs", min_width=0):
        gr.HTML(f'<p class="words">{INTRO}</p>{known_words()}')
        own = _own_machine()
        named, layer = _faster(tab, own)
        linked = {"machine": own, **layer}
        try:
            linked |= _frontier(tab, own)
        except Exception as error:  # a page without these numbers is better than no page
            gr.HTML(note(sentence(error), "error"))
        linked |= _baselines(tab) | _together(tab)
        return {**named, **_pattern(tab)}, Linked("tradeoffs", linked)


def _machines() -> list[tuple[str, str]]:
    return [(one.title, name) for name, one in accelerators.shipped().items()]


def _menu(name: str, label: str, choices: Any, value: Any, **more: Any) -> Any:
    """Wide enough for the longest of its names; some 60 pixels are frame and arrow."""
    names = [one if isinstance(one, str) else one[0] for one in choices]
    wide = 60 + CHARACTER * max((len(one) for one in names), default=0)
    return gr.Dropdown(
        choices,
        value=value,
        label=label,
        elem_id=f"tradeoffs-{name}",
        min_width=min(max(wide, 150), WIDEST_MENU),
        **more,
    )


def _own_machine() -> Any:
    """A row of one's own, which both parts then use instead of one of the menu."""
    with gr.Accordion("A machine of your own", open=False, elem_id="tradeoffs-own"):
        return gr.Textbox(
            label="Its row, as in the table of machines",
            info="Used instead of the menus' machine while it stands here; empty it to go back.",
            placeholder=ROW,
            lines=4,
            max_length=LONGEST_PASTED,
            elem_id="tradeoffs-own-row",
        )


def _faster(tab: Any, own: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    models = [(one.title, name) for name, one in shipped().items()]
    models.append(("one layer, of d_in and d_out", faster.LAYER))
    phases = [(words, name) for name, words in PHASE_WORDS.items() if name != "product"]
    with gr.Column(elem_classes="claim", elem_id="tradeoffs-faster", min_width=0):
        gr.HTML("<h2>1. Will it be faster?</h2>")
        with gr.Row(elem_classes="choices"):
            settings = [
                _menu(
                    "machine", "Machine", _machines(), USUAL_SETTINGS["machine"], filterable=False
                ),
                _menu("dtype", "Data type", list(BITS), USUAL_SETTINGS["dtype"], filterable=False),
                _menu("model", "Model", models, USUAL_SETTINGS["model"], filterable=False),
                _menu("phase", "Phase", phases, USUAL_SETTINGS["phase"], filterable=False),
                _menu(
                    "target",
                    "Pruned",
                    [("weights", "weight"), ("activations", "activation")],
                    USUAL_SETTINGS["target"],
                    filterable=False,
                ),
                _menu(
                    "pattern", "Pattern", [*NAMED, "8:16", "16:32"], "2:4", allow_custom_value=True
                ),
                _number("tokens", "Tokens, or texts at once", int(USUAL_SETTINGS["tokens"])),
                _number("d-in", "d_in of one layer"),
                _number("d-out", "d_out of one layer"),
                own,
            ]
        said = gr.HTML(elem_id="tradeoffs-answer")
        plot = gr.Plot(show_label=False, container=False, elem_classes="figure")
    answer = for_all(faster.faster)
    typed = settings[TYPED:]
    moved = [one.input for one in settings[:TYPED]]
    moved += [one.submit for one in typed] + [one.blur for one in typed]
    shown_by(begun_by(tab.select, *moved), "faster", answer, settings, [said, plot])
    named = dict(zip(USUAL_SETTINGS, settings, strict=False))
    _written(moved, "faster", [*named.values()], ",", ",".join(USUAL_SETTINGS.values()))
    layer = dict(zip(("d_in", "d_out"), settings[len(USUAL_SETTINGS) :], strict=False))
    return {f"faster_{name}": one for name, one in named.items()}, layer


def _written(moved: list[Any], name: str, settings: list[Any], between: str, usual: str) -> None:
    """The address has what a visitor chose, where that is not as usual."""
    chosen = f"given.join('{between}')"
    query = f"{chosen} === '{usual}' ? '' : '{name}=' + encodeURIComponent({chosen})"
    write = f"(...given) => window.nmviz.address({query}, '{name}')"
    gr.on(moved, None, settings, None, js=write, **READ)


def _number(name: str, label: str, value: int = 4096) -> Any:
    return gr.Number(
        value,
        label=label,
        elem_id=f"tradeoffs-{name}",
        precision=0,
        minimum=1,
        min_width=150,
    )


def _frontier(tab: Any, own: Any) -> dict[str, Any]:
    offered = to_choose()
    models = [(one.title, name) for name, one in shipped().items()]
    with gr.Column(elem_classes="claim", elem_id="tradeoffs-frontier", min_width=0):
        gr.HTML("<h2>2. Quality against cost</h2>")
        with gr.Row(elem_classes="choices"):
            quality = [(f"{one.menu}: {one.origin}", name) for name, one in QUALITIES.items()]
            costs = [(one.menu, name) for name, one in COSTS.items()]
            several: dict[str, Any] = {"multiselect": True}
            settings = [
                _menu("quality", "Quality", quality, "drop", filterable=False),
                _menu("cost", "Cost", costs, "bytes", filterable=False),
                _menu("models", "Models (none: all)", models, ["llama3.1-8b"], **several),
                _menu("patterns", "Patterns (none: all)", list(offered.patterns), [], **several),
                _menu("criteria", "Criteria (none: all)", list(CRITERIA), [], **several),
                _menu("mitigations", "Mitigations (none: all)", MITIGATED, [], **several),
                _menu("of", "Machine, for times", _machines(), "h100", filterable=False),
                _menu("in", "Data type", list(BITS), "bf16", filterable=False),
                own,
            ]
        said = gr.HTML()
        plot = gr.Plot(
            show_label=False, container=False, elem_classes="figure", elem_id="tradeoffs-plot"
        )
        rows = gr.HTML(elem_id="tradeoffs-rows")
        with gr.Row(elem_classes="tight"):
            buttons = {
                name: gr.Button(name, size="sm", min_width=0, elem_id=f"tradeoffs-{name.lower()}")
                for name in FORMATS
            }
    file = gr.Textbox(elem_id="tradeoffs-file", elem_classes="offstage", label="exported points")
    answer = for_all(answers.frontier, "store")
    moved = [*(one.input for one in settings[:-1]), own.submit, own.blur]
    shown_by(begun_by(tab.select, *moved), "frontier", answer, settings, [said, plot, rows])
    for name, button in buttons.items():
        written = button.click(partial(answers.exported, name), settings, file, **FROM_STORE)
        written.then(None, file, None, js=SAVE, **READ)
    return dict(zip(FRONTIER, settings, strict=False))


def _pinned() -> list[tuple[str, str]]:
    return [(one.info.title, name) for name in pinned.MODELS for one in [pinned.MODELS.get(name)]]


def _baselines(tab: Any) -> dict[str, Any]:
    with gr.Column(elem_classes="claim", elem_id="tradeoffs-baselines", min_width=0):
        gr.HTML("<h2>3. Against simpler ways, at equal cost</h2>")
        with gr.Row(elem_classes="choices"):
            costs = [(COSTS[name].menu, name) for name in SHARES]
            settings = [
                _menu("baselines-model", "Model", _pinned(), USUAL, filterable=False),
                _menu("baselines-cost", "Equal in", costs, SHARES[0], filterable=False),
            ]
        said = gr.HTML(elem_id="tradeoffs-baselines-said")
    answer = for_all(equal.equal, "store")
    moved = [one.input for one in settings]
    shown_by(begun_by(tab.select, *moved), "baselines", answer, settings, said)
    return dict(zip(("baselines", "equal_in"), settings, strict=True))


def _together(tab: Any) -> dict[str, Any]:
    with gr.Column(elem_classes="claim", elem_id="tradeoffs-together", min_width=0):
        gr.HTML("<h2>4. Several tokens at once</h2>")
        with gr.Row(elem_classes="choices"):
            model = _menu("together-model", "Model", _pinned(), USUAL, filterable=False)
        said = gr.HTML()
        plot = gr.Plot(show_label=False, container=False, elem_classes="figure")
    answer = for_all(answers.together, "store")
    shown_by(begun_by(tab.select, model.input), "together", answer, model, [said, plot])
    return {"together": model}


def _pattern(tab: Any) -> dict[str, Any]:
    with gr.Column(elem_classes="claim", elem_id="tradeoffs-pattern-of", min_width=0):
        gr.HTML("<h2>5. Choose a pattern</h2>")
        with gr.Row(elem_classes="choices"):
            usual = map(int, USUAL_PATTERN.split(":"))
            keep = gr.Slider(1, WIDEST, next(usual), step=1, label="N, kept", elem_id="tradeoffs-n")
            group = gr.Slider(
                1, WIDEST, next(usual), step=1, label="M, of every", elem_id="tradeoffs-m"
            )
        said = gr.HTML()
        plot = gr.Plot(show_label=False, container=False, elem_classes="figure")
    answer = for_all(answers.pattern_of, "store")
    moved = [keep.change, group.change]
    shown_by(begun_by(tab.select, *moved), "pattern", answer, [keep, group], [said, plot])
    _written(moved, "choose", [keep, group], ":", USUAL_PATTERN)
    return {"choose_n": keep, "choose_m": group}
