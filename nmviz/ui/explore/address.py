"""The address of the page: read as far as it can be read, and written with every change.

The script of the page keeps its parts apart: the view, the questions, the tab and the lesson.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import gradio as gr

from nmviz.base.errors import UserError
from nmviz.base.wording import listed
from nmviz.core.settings import TARGETS
from nmviz.ui.explore.panels.zero_shot_choices import Questions
from nmviz.ui.lessons.place import FIRST, Place, place_of
from nmviz.ui.link import panels
from nmviz.ui.link.linked import is_linked
from nmviz.ui.shell.html import note
from nmviz.ui.shell.limits import settle
from nmviz.ui.shell.pins import PARAMETERS
from nmviz.ui.shell.view import LONGEST_ADDRESS, READ, View
from nmviz.ui.tradeoffs import place as spending
from nmviz.views.shared.names import in_short

T = TypeVar("T")
Fields = dict[str, str]

TABS = ("explore", "published", "claims", "trade-offs", "lessons", "methods")
TRACKING = frozenset(
    (
        *("fbclid", "gclid", "gclsrc", "gbraid", "wbraid", "dclid", "msclkid", "yclid", "ttclid"),
        *("twclid", "li_fat_id", "igshid", "igsh", "mc_cid", "mc_eid", "_ga", "_gl", "_hsenc"),
        *("_hsmi", "mkt_tok", "ref", "ref_src", "ref_url", "source", "si", "srsltid"),
    )
)
"""What others hang on a link to follow it; so is all that begins with `utm_`."""
VERSIONS = ("1", "2")
"""Of links. The first had no number, and read the same."""
ELSEWHERE = ("at", "hand", "choice", "embed")
"""Read by the script of the page alone."""
MOST_NAMED = 3
LONGEST_NAME = 40
LONGEST_VALUE = 60


@dataclass(frozen=True)
class Address:
    """What an address asks for, and in HTML what of it could not be read."""

    view: View
    questions: Questions
    tab: str = TABS[0]
    lesson: Place = FIRST
    tradeoffs: spending.Place = spending.USUALLY
    remarks: str = ""


def read_address(query: str, usual: View) -> Address:
    """Everything of an address that can be read; the rest is named and has its default.

    `usual` is the view without an address.
    """
    if len(query) > LONGEST_ADDRESS:
        said = "The address is too long to be one of ours: the usual settings are shown."
        return Address(usual, Questions(), remarks=note(said, "error"))
    given = _own(dict(parse_qsl(query.lstrip("?"), keep_blank_values=True)))
    version = given.pop("v", VERSIONS[-1])
    tab = given.pop("tab", TABS[0])
    lesson = place_of(given.pop("lesson", None), given.pop("step", None))
    spent = spending.place_of(given.pop("faster", None), given.pop("choose", None))
    asked = {name: given.pop(name) for name in Questions.model_fields if name in given}
    of_view = {name: given.pop(name) for name in READ if name in given}
    view, wrong = _readable(of_view, lambda fields: settle(View.build({**_model(usual), **fields})))
    questions, wrong_too = _readable(asked, Questions.build)
    now = {"plan": None, **view.flat(), **questions.model_dump()}
    errors = _errors({**wrong, **wrong_too}, now)
    if (panel := given.pop("panel", None)) is not None and not panels.known(panel):
        errors.append(
            f"There is no panel {panel[:LONGEST_NAME]!r} to show alone: Share lists them."
        )
    if version not in VERSIONS:
        errors.append(
            f"The link is of version {version[:LONGEST_NAME]!r}, this page writes "
            f"{VERSIONS[-1]}: what it knows of it is shown."
        )
    if (target := given.pop("target", None)) is not None:
        errors.append(f"There is no target {target[:LONGEST_NAME]!r}: both are shown.")
    if tab not in TABS:
        errors.append(
            f"There is no tab {tab[:LONGEST_NAME]!r}: the address opens one of {listed(TABS)}."
        )
    errors += filter(None, (lesson.remark, spent.remark))
    remarks = [*_unknown(list(given)), *(note(error, "error") for error in errors)]
    return Address(
        view, questions, tab if tab in TABS else TABS[0], lesson, spent, "".join(remarks)
    )


def asked(*values: Any) -> Any:
    """The questions' part of the address, of the values of their settings; the same holds."""
    names = Questions.model_fields
    try:
        return Questions.build(dict(zip(names, values, strict=True))).to_query()
    except UserError:
        return gr.skip()


def _own(pairs: Fields) -> Fields:
    """The pairs that may be ours, those of an experiment on weights under our names for them; the
    tray and the controls of other tabs are read by themselves."""
    given = {
        name: text
        for name, text in pairs.items()
        if not (name.startswith(("__", "utm_")) or is_linked(name))
        and name.lower() not in (*TRACKING, *PARAMETERS, *ELSEWHERE)
    }
    if given.get("target") in TARGETS and given.pop("target") == "weight":
        given.setdefault("weight_criterion", given.pop("criterion", "magnitude"))
    return given


def _model(usual: View) -> Fields:
    return {"model": usual.experiment.model}


def _readable(given: Fields, build: Callable[[Mapping[str, Any]], T]) -> tuple[T, Fields]:
    """What can be built of the most of these values, and by name why the others could not be used.

    One that goes together only with another is tried again once that one is in.
    """
    try:
        return build(given), {}
    except UserError:
        pass
    kept: Fields = {}
    reasons: Fields = dict.fromkeys(given, "")
    before = -1
    while before != len(kept):
        before = len(kept)
        for name in list(reasons):
            try:
                build({**kept, name: given[name]})
            except UserError as error:
                reasons[name] = str(error)
            else:
                kept[name] = given[name]
                del reasons[name]
    return build(kept), reasons


def _errors(reasons: Fields, now: Mapping[str, Any]) -> list[str]:
    """A sentence for each value that could not be used, and what stands there instead."""
    first = list(reasons.items())[:MOST_NAMED]
    said = [
        f"{reason} From the address; used instead: {_value(now[name])}." for name, reason in first
    ]
    more = len(reasons) - len(first)
    return [*said, *([f"{more} more settings of the address could not be used."] if more else [])]


def _unknown(names: Sequence[str]) -> list[str]:
    """The remark that names what the address has and the page does not know."""
    if not names:
        return []
    shown = [repr(name[:LONGEST_NAME]) for name in names[:MOST_NAMED]]
    more = len(names) - len(shown)
    which = listed([*shown, *([f"{more} more"] if more else [])])
    kind = "no setting" if len(names) == 1 else "no settings:"
    after = "it is" if len(names) == 1 else "they are"
    return [note(f"The address names {kind} {which}: {after} ignored.", "warning")]


def _value(value: Any) -> str:
    if value is None:
        return "all"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return in_short(str(value), LONGEST_VALUE)
