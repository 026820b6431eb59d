"""The scope of an experiment: which of a model's sites it prunes."""

from collections.abc import Sequence

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.engine.load.sites import Site
from nmviz.methods.scopes import ALL
from nmviz.methods.site_lists import Sites


def choose(sites: Sequence[Site], experiment: Experiment) -> list[Site]:
    """The sites in the experiment's scope whose d_in fits its pattern.

    Where all layers are asked for, routers and layers whose d_in M does not divide are left out.
    UserError for an unknown projection or block, an empty scope, and a layer named whose d_in M
    does not divide.
    """
    known = list(dict.fromkeys(site.projection for site in sites))
    wanted = experiment.sites
    called = {name for site in sites for name in site.names}
    unknown = [name for name in wanted.blocks if name not in (*called, ALL)]
    if unknown:
        raise UserError(
            f"This model has no projection {unknown[0]!r}: choose among {', '.join(known)}."
        )
    last = max(site.block for site in sites)
    if wanted.last > last:
        raise UserError(f"This model has no block {wanted.last}: its blocks are 0-{last}.")
    chosen = [site for site in sites if _holds(wanted, site)]
    if not chosen:
        raise UserError("The scope is empty: choose at least one projection and one block.")
    fitting = [site for site in chosen if _fits(experiment, site) or _is_named(wanted, site)]
    for site in fitting or chosen:
        site.mask_in(experiment).check_divides(site.d_in, site.name)
    return fitting


def _is_named(wanted: Sites, site: Site) -> bool:
    return any(name in wanted.blocks for name in site.names)


def _holds(wanted: Sites, site: Site) -> bool:
    if site.is_router and not _is_named(wanted, site):
        return False
    return any(wanted.hold(name, site.block) for name in site.names)


def _fits(experiment: Experiment, site: Site) -> bool:
    group = site.mask_in(experiment).group
    return group is None or site.d_in % group == 0
