"""What the page, the command line and the API call. Nothing here imports torch until it runs."""

from nmviz.methods.own import register as register_criterion
from nmviz.service.at_hand.calibrating import calibrate, uncalibrated
from nmviz.service.at_hand.models import why_no_texts, why_not_whole
from nmviz.service.budgets import budget_of
from nmviz.service.choices import (
    OWN_TEXT,
    Catalogue,
    canonical,
    catalogue,
    describe,
    fetch_again,
    layout,
    offer,
    refuse_large,
    resolve,
)
from nmviz.service.comparing.rivals import best_weights
from nmviz.service.elsewhere import measured_elsewhere
from nmviz.service.layers import alone, every_method, generate, look, sweep_layer
from nmviz.service.looks.finding import see, stored_models
from nmviz.service.looks.making import check_has_looks, keep_looks
from nmviz.service.published import Published, of_experiment, published
from nmviz.service.runs import (
    check_device,
    check_text,
    compare,
    estimate_seconds,
    lookup,
    run,
    said_beforehand,
    same_questions,
    sensitivity,
    store,
    warm,
)
from nmviz.service.schedules import pruned_in_words
from nmviz.service.standing import Changing, Stand, noting, standing, still_holds
from nmviz.service.tasks import check_installed as check_tasks_installed

__all__ = [
    "OWN_TEXT",
    "Catalogue",
    "Changing",
    "Published",
    "Stand",
    "alone",
    "best_weights",
    "budget_of",
    "calibrate",
    "canonical",
    "catalogue",
    "check_device",
    "check_has_looks",
    "check_tasks_installed",
    "check_text",
    "compare",
    "describe",
    "estimate_seconds",
    "every_method",
    "fetch_again",
    "generate",
    "keep_looks",
    "layout",
    "look",
    "lookup",
    "measured_elsewhere",
    "noting",
    "of_experiment",
    "offer",
    "pruned_in_words",
    "published",
    "refuse_large",
    "register_criterion",
    "resolve",
    "run",
    "said_beforehand",
    "same_questions",
    "see",
    "sensitivity",
    "standing",
    "still_holds",
    "store",
    "stored_models",
    "sweep_layer",
    "uncalibrated",
    "warm",
    "why_no_texts",
    "why_not_whole",
]
