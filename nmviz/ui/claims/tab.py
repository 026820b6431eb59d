"""Claims: the paper's claims as questions, each with its answer, evidence and live half."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.claims import CLAIMS, Answer, Claim, Half
from nmviz.claims.metadata import sentence as bits_sentence
from nmviz.core.results import Progress
from nmviz.hardware.metadata import bits
from nmviz.service import claims
from nmviz.ui.claims import answers as html
from nmviz.ui.link.linked import Linked
from nmviz.ui.serving.answers import for_all
from nmviz.ui.shell.cancelling import STOPPING, cancels
from nmviz.ui.shell.events import FROM_STORE, LIVE, READ, session_of, shown_by
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.figures import drawn
from nmviz.ui.shell.freshness import stamp
from nmviz.ui.shell.html import contents, esc, note
from nmviz.ui.shell.places import in_turn
from nmviz.ui.shell.progress import bar, waiting
from nmviz.ui.shell.sessions import SESSIONS

INTRO = (
    "What the paper says, asked as questions. Verdicts come from rules on 95% intervals that stand "
    "beside them; too wide an interval decides nothing. Published numbers and this machine's never "
    "share an axis: model, text and protocol differ."
)
Parts = dict[str, Any]
CANCELLED = note("Cancelled: nothing of it is kept.")


@dataclass(frozen=True)
class ClaimsTab:
    """The components of the tab: what is shared, and those of every claim."""

    model: Any
    overview: Any
    parts: Mapping[str, Parts]

    @property
    def fixed(self) -> list[Any]:
        """What is published, whatever small model is chosen: outputs of opening the tab."""
        names = ("head", "main_figure", "main_caption", "main_plot", "numbers")
        return [self.parts[claim.name][name] for claim in _published() for name in names]

    @property
    def changing(self) -> list[Any]:
        """What depends on the small model: outputs of a refresh."""
        each = [part for name in CLAIMS for part in _changing(CLAIMS.get(name), self.parts[name])]
        return [self.overview, *each]


def build_claims(tab: Any) -> Linked:
    """The tab, wired; it is filled when it is opened, so that the page starts sooner. Call it
    inside the Tab context, with the tab itself. Returns what a link of it carries."""
    offered = [model for model in service.catalogue().models if model.is_here]
    models = [(model.title, model.id) for model in offered]
    with gr.Column(elem_id="claims", min_width=0):
        gr.HTML(f'<p class="words">{esc(INTRO)}</p>')
        gr.HTML(_contents(), elem_id="claims-contents", elem_classes="stays")
        overview = gr.HTML(elem_id="claims-overview")
        model = gr.Dropdown(
            models,
            value=claims.DEFAULT,
            label="Small model for the live halves",
            elem_id="claims-model",
            filterable=False,
        )
        parts = {claim.name: _claim(claim) for claim in CLAIMS.values()}
    _wire(ClaimsTab(model, overview, parts), tab)
    return Linked("claims", {"model": model, "pattern": parts["metadata"]["typed"]})


def _contents() -> str:
    parts = [(f"claim-{one.name}", f"{n}. {one.title}") for n, one in enumerate(CLAIMS.values(), 1)]
    return contents("Claims", parts)


def _claim(claim: Claim) -> Parts:
    name = claim.name
    parts: Parts = {}
    with gr.Column(elem_id=f"claim-{name}", elem_classes="claim", min_width=0):
        parts["head"] = gr.HTML()
        _figure(parts, "main", claim)
        parts["numbers"] = gr.HTML()
        if name == "metadata":
            parts["typed"], parts["bits"] = _typed_pattern()
        with gr.Column(elem_classes="claim-live", min_width=0):
            parts["live"] = gr.HTML()
            _figure(parts, "live", claim)
            parts["live_numbers"] = gr.HTML()
            if claim.live.runs(claims.DEFAULT):
                parts["bar"] = gr.HTML("", elem_id=f"claim-bar-{name}")
                parts["run"] = gr.Button(
                    _invitation(claims.DEFAULT), elem_id=f"claim-run-{name}", size="sm"
                )
                parts["cancel"] = gr.Button(
                    "Cancel", visible=False, elem_id=f"claim-cancel-{name}", size="sm"
                )
    return parts


def _figure(parts: Parts, which: str, claim: Claim) -> None:
    """A figure with its sentence."""
    with gr.Column(
        elem_classes="figure", elem_id=f"claim-{which}-{claim.name}", visible=False, min_width=0
    ) as column:
        parts[f"{which}_caption"] = gr.HTML("")
        parts[f"{which}_plot"] = gr.Plot(None, show_label=False)
    parts[f"{which}_figure"] = column


def _drawn(claim: Claim, half: Half | None, which: str) -> tuple[str, Any]:
    """The sentence and the plot of a half; nothing where it has no figure."""
    if half is None or half.figure is None:
        return "", None
    figure = half.figure()
    return html.caption(half, figure), drawn(figure, f"nmviz-claim-{claim.name}-{which}")


def _typed_pattern() -> tuple[Any, Any]:
    """Metadata of any N:M: the field, and what it says."""
    with gr.Row(elem_classes="claim-typed"):
        typed = gr.Textbox(
            "8:16", label="Any N:M", elem_id="claim-pattern", max_length=20, min_width=120
        )
        said = gr.HTML(_bits("8:16"), elem_id="claim-bits")
    return typed, said


def _bits(pattern: Any) -> str:
    try:
        return f'<p class="claim-text">{esc(bits_sentence(bits(str(pattern))))}</p>'
    except Exception as error:
        return note(sentence(error), "error")


def _wire(tab: ClaimsTab, page_tab: Any) -> None:
    page_tab.select(for_all(_opened, "store"), None, tab.fixed, **FROM_STORE)
    # One event: what is asked last is answered last, so that no answer is of another model.
    told = [page_tab.select, tab.model.input]
    answer = for_all(partial(_refreshed, tab), "store")
    shown_by(partial(gr.on, told), "claims", answer, tab.model, tab.changing)
    for name, parts in tab.parts.items():
        if "typed" in parts:
            typed = parts["typed"]
            moved = [page_tab.select, typed.submit, typed.blur]
            gr.on(moved, for_all(_bits), typed, parts["bits"], **FROM_STORE)
        if "run" in parts:
            _wire_live(tab, name, parts)


def _wire_live(tab: ClaimsTab, name: str, parts: Parts) -> None:
    turn = gr.State()
    buttons = [parts["run"], parts["cancel"], parts["bar"]]
    changing = [*_changing(CLAIMS.get(name), parts), tab.overview]

    def begin(request: gr.Request) -> Any:
        begun = SESSIONS.start(session_of(request)).number
        return _buttons(True), gr.Button(visible=True), waiting(), begun

    async def running(request: gr.Request, model: Any, begun: int | None) -> AsyncIterator[Any]:
        session = session_of(request)
        turn = SESSIONS.running(session, begun)
        async for said in in_turn(turn, partial(_run, name, model, session, begun), waiting):
            yield said

    def end(said: Any) -> Any:
        # Whoever cancels a run that has just ended has stopped nothing.
        return _buttons(False), gr.Button(visible=False), "" if said == STOPPING else said

    begun = parts["run"].click(begin, None, [*buttons, turn], **FROM_STORE)
    ran = begun.then(running, [tab.model, turn], parts["bar"], **READ, **LIVE)
    ended = ran.then(end, parts["bar"], buttons, **FROM_STORE)
    # Of the model that is chosen by then, not of the one that was run.
    ended.then(partial(_after, name), tab.model, changing, **FROM_STORE)
    cancels(parts["cancel"], parts["bar"])


def _buttons(working: bool) -> Any:
    return gr.Button(visible=not working)


def _run(name: str, model: Any, session: str, turn: int | None = None) -> Iterator[str]:
    """The bar, and the last word."""
    event = SESSIONS.running(session, turn)
    try:
        for progress in claims.run_live(name, _known(model), event):
            if progress.stage == "cancelled":
                yield CANCELLED
            elif progress.stage == "done":
                said = note("From the store: it was run before.") if progress.from_store else ""
                yield said + _stored(progress)
            else:
                yield bar(progress)
    except Exception as error:
        yield note(sentence(error), "error")


def _stored(progress: Progress) -> str:
    return note(progress.note, "warning") if progress.note else ""


def _after(name: str, model: Any) -> Any:
    """The values of what a run may have changed: the claim and the overview."""
    try:
        known = _known(model)
    except UserError:
        return gr.skip()
    answers = claims.answers(known)
    overview = html.overview(answers) + stamp("claims", known, _title(known))
    return [*_values(CLAIMS.get(name), answers[name], known), overview]


def _opened() -> list[Any]:
    """What is published, whatever the small model."""
    answers = claims.answers()
    main = [_main_values(claim, answers[claim.name]) for claim in _published()]
    return [value for values in main for value in values]


def _main_values(claim: Claim, answer: Answer) -> list[Any]:
    """Of the main half: its text, figure and numbers."""
    figure = _figure_values(claim, answer.main, "main")
    return [html.main_half(claim.name, answer), *figure, html.numbers(answer.main)]


def _published() -> list[Claim]:
    """The claims whose main half is about published numbers, whatever small model is chosen."""
    return [claim for claim in CLAIMS.values() if not claim.only_live]


def _figure_values(claim: Claim, half: Half | None, which: str) -> list[Any]:
    """Of a figure: its column, caption and plot."""
    caption, plot = _drawn(claim, half, which)
    return [gr.Column(visible=plot is not None), caption, plot]


def _refreshed(tab: ClaimsTab, model: Any) -> list[Any]:
    """Every live half for the model, from the store: the values of what depends on it."""
    try:
        known = _known(model)
        answers = claims.answers(known)
    except Exception as error:
        said = note(sentence(error), "error")
        return [said, *[gr.skip()] * (len(tab.changing) - 1)]
    each = [
        value for claim in CLAIMS.values() for value in _values(claim, answers[claim.name], known)
    ]
    return [html.overview(answers) + stamp("claims", known, _title(known)), *each]


def _changing(claim: Claim, parts: Parts) -> list[Any]:
    """The components of a claim that depend on the small model."""
    names = ["live", "live_figure", "live_caption", "live_plot", "live_numbers"]
    if claim.only_live:
        names = ["head", "main_figure", "main_caption", "main_plot", "numbers"]
    return [parts[name] for name in (*names, *(["run"] if "run" in parts else []))]


def _values(claim: Claim, answer: Answer, model: str) -> list[Any]:
    """Their values, in the same order."""
    if claim.only_live:
        values = _main_values(claim, answer)
    else:
        head = html.live_half(claim.name, answer, _title(model))
        figure = _figure_values(claim, answer.live, "live")
        values = [head, *figure, html.numbers(answer.live)]
    if claim.live.runs(claims.DEFAULT):
        values.append(gr.Button(_invitation(model)))
    return values


def _known(model: Any) -> str:
    """The id of a model that the page offers. UserError for any other."""
    if str(model) not in {one.id for one in service.catalogue().models}:
        raise UserError(f"This page does not offer the model {str(model)[:60]!r}: choose another.")
    return str(model)


def _title(model: str) -> str:
    return next((one.title for one in service.catalogue().models if one.id == model), model)


def _invitation(model: str) -> str:
    return f"Run the live half on {_title(model)}"
