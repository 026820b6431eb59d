"""The link of a view: its settings, and a plan that nothing is stored of yet with what it says."""

from urllib.parse import quote

from nmviz.service.plans import known_plans
from nmviz.ui.shell.view import View


def link_of(view: View) -> str:
    """The query that opens the view anywhere. A plan is in it by its name; where no stored result
    has it, its list too."""
    plan = view.experiment.plan
    if plan is None or known_plans.is_stored(view.experiment.pattern):
        return view.to_query()
    return f"{view.to_query()}&plan={quote('|'.join(plan), safe='')}"
