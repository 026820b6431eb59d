"""The page: header and tabs."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from nmviz import service
from nmviz.core.running import AS_EVERYWHERE, usual_device
from nmviz.ui.api import add_api
from nmviz.ui.api_of_store import add_api_of_store
from nmviz.ui.claims.tab import build_claims
from nmviz.ui.explore.components import Page
from nmviz.ui.explore.first_paint import ABOUT
from nmviz.ui.explore.form.controls import FIELDS, Controls, build_controls
from nmviz.ui.explore.layout import Panels, build_panels
from nmviz.ui.explore.restore import first_view
from nmviz.ui.explore.wiring import wire
from nmviz.ui.lessons.tab import build_lessons
from nmviz.ui.link.linked import Linked, written
from nmviz.ui.methods.tab import build_methods
from nmviz.ui.published.tab import build_published
from nmviz.ui.serving.blocks import LeanBlocks
from nmviz.ui.share.build import build_sharing
from nmviz.ui.shell.html import note
from nmviz.ui.shell.limits import model_of
from nmviz.ui.shell.view import READ
from nmviz.ui.tradeoffs.tab import build_tradeoffs
from nmviz.ui.tray.build import build_tray

HEADER = f"""
<header class="top" data-view="{" ".join(READ)}">
  <h1>nmviz</h1>
  <p>{ABOUT}</p>
  <div class="tools">
    <button type="button" id="drawer" aria-expanded="false">Settings</button>
    <button type="button" id="copy-link">Copy link</button>
    <button type="button" id="share">Share</button>
    <button type="button" id="theme">Dark</button>
  </div>
</header>
"""

BESIDE_THE_FORM = (
    *("measure", "flips_target", "flips_kind", "flips_words", "each_by", "plan_pattern"),
    *("answers_target", "answers_kind", "answers_words"),
)
"""Controls of Explore's panels that its link carries beside the settings."""
STATES = (
    *("shown", "ran", "turn", "menus_for"),
    *("looked_at", "mask_size", "swept_at", "each_of", "tasks_of"),
)
"""What the page remembers of a visit beside the form: what is shown and what it was made for."""

# The page's scripts tell such an element what was clicked, and Gradio tells the server.
PICK = "element.addEventListener('pick', (e) => trigger('select', { place: e.detail }));"
TOLD = ("pick", "set_page")
"""What the script tells: a layer that was clicked, settings that a lesson speaks of."""


def build_page(private: bool) -> gr.Blocks:
    """The whole page, wired. Nothing of a model is loaded. A `private` page, which is for this
    machine alone, takes models of one's own."""
    catalogue = service.catalogue()
    view = first_view()
    # Files of a visit are swept up every hour once they are a day old.
    with LeanBlocks(
        title="nmviz", analytics_enabled=False, fill_width=True, delete_cache=(3600, 86400)
    ) as blocks:
        gr.HTML(HEADER, elem_id="header")
        _say_what_is_kept()
        _say_where_it_computes()
        left_out = gr.HTML(elem_id="left-out")  # what of the link is wrong, on every tab
        with gr.Tabs(overflow_behavior="wrap"):  # a tab behind a menu is found by no link
            with gr.Tab("Explore"), gr.Row(elem_id="explore"):
                with gr.Column(elem_id="controls", min_width=0):
                    controls = build_controls(catalogue, view, model_of(view), private)
                with gr.Column(elem_id="results", min_width=0):
                    panels = build_panels(view)
            with gr.Tab("Published") as published_tab:
                published = build_published(published_tab)
            with gr.Tab("Claims") as claims_tab:
                claims = build_claims(claims_tab)
            with gr.Tab("Trade-offs") as tradeoffs_tab:
                tradeoffs, spending = build_tradeoffs(tradeoffs_tab)
            with gr.Tab("Lessons") as lessons_tab:
                build_lessons(lessons_tab)
            with gr.Tab("Methods"):
                build_methods(catalogue)
        build_tray(controls.named["prompt"])
        build_sharing()
        page = _page(controls, panels, tradeoffs, (published, claims, spending), left_out)
        wire(page, blocks)
        add_api()
        add_api_of_store()
    return blocks


def _say_what_is_kept() -> None:
    """A line above all tabs where the store keeps nothing."""
    store = service.store()
    if not store.keeps:
        gr.HTML(note(store.note or "", "warning"), elem_id="kept")


def _say_where_it_computes() -> None:
    """A line above all tabs where it is not the processor, as on every machine."""
    if (device := usual_device()) != AS_EVERYWHERE:
        said = f"Models run on {device} here: last digits may differ from those of a processor."
        gr.HTML(note(said), elem_id="device")


def _page(
    controls: Controls,
    panels: Panels,
    tradeoffs: dict[str, Any],
    linked: Sequence[Linked],
    left_out: Any,
) -> Page:
    named: dict[str, Any] = {
        **controls.named,
        **panels.named,
        **panels.window,
        "chips": controls.chips,
        "measure": panels.measure,
        **tradeoffs,
    }
    for name in FIELDS:  # so that the page's script finds the field that is wrong
        named[name].elem_classes = [*named[name].elem_classes, f"field-{name.replace('_', '-')}"]
    named["left_out"] = left_out
    for state in STATES:
        named[state] = gr.State()
    for name in ("wanted", "each_wanted", "tasks_wanted"):
        named[name] = gr.HTML(elem_id=name.replace("_", "-"), elem_classes="offstage")
    named["ask_layer"] = gr.Button("ask again", elem_id="ask-layer", elem_classes="offstage")
    for name in ("query", "asked", "mitigated", "typed", "added"):
        named[name] = gr.Textbox(elem_id=name, elem_classes="offstage", label=name)
    for name in TOLD:
        place = name.replace("_", "-")
        named[name] = gr.HTML(elem_id=place, elem_classes="offstage", js_on_load=PICK)
    named["lesson_at"] = gr.HTML(elem_id="lesson-at", elem_classes="offstage")
    linked = [Linked("explore", {name: named[name] for name in BESIDE_THE_FORM}), *linked]
    for one in linked:
        written(one)
    carried = {name: control for one in linked for name, control in one.named.items()}
    return Page(controls, panels, {**named, **carried}, carried)
