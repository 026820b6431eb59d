"""Experiment: one question, frozen and validated. It is the URL, the form and the store's key."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from pydantic import model_validator

from nmviz.base.errors import SettingError, UserError
from nmviz.base.validation import WrongValue, as_value_error, built, called_in
from nmviz.base.wording import listed
from nmviz.core import depth, rules
from nmviz.core.fitting import check_fit, read_call
from nmviz.core.protocols import settled_stride
from nmviz.core.reading import SCOPE, TASK, TEXT, USUAL, Artefacts, Reading
from nmviz.core.settings import BLOCKS, USUAL_PROTOCOL, Settings
from nmviz.methods import BY_TARGET, MITIGATIONS, pattern_lists
from nmviz.methods.method import Call, parse_call
from nmviz.methods.pattern_lists import Patterns
from nmviz.methods.patterns import Pattern, parse_pattern
from nmviz.methods.site_lists import Sites, settled

FOUND = frozenset(("artefacts", "dropping", "plan"))
"""Fields that nobody writes: hashes are found again, what is asked is under today's rules, and a
plan is a file or found by its name, which is the pattern."""


class Experiment(Settings):
    """What is pruned, how, and on which text it is measured: settings that go together."""

    artefacts: Artefacts = Artefacts()
    dropping: rules.Dropping = "exact"

    @classmethod
    def build(cls, **fields: Any) -> Self:
        """An Experiment from loose values. UserError, one sentence, for the first that is wrong."""
        one = built(cls, fields)
        call = parse_call(one.criterion, BY_TARGET[one.target])
        now = call.said_now(one.mask).canonical(one.mask)
        return one if now == one.criterion else built(cls, {**fields, "criterion": now})

    def but(self, **changes: Any) -> Self:
        """A copy with some fields changed, validated again; a stored criterion means what it did
        while it and the pattern stay."""
        fields = {**self.model_dump(), **changes}
        is_asked = not {"criterion", "pattern", "target"}.isdisjoint(changes)
        return self.build(**fields) if is_asked else built(type(self), fields)

    @model_validator(mode="before")
    @classmethod
    def _plain_when_dense(cls, given: Any) -> Any:
        """Dense prunes nothing, so what would be pruned and how is no part of its identity; where
        whole blocks are left out nothing is masked either."""
        if isinstance(given, dict) and (given.get("target") == BLOCKS or _is_dense(given)):
            return {**given, **depth.UNMASKED, "target": depth.target_of(given)}
        return given

    @model_validator(mode="before")
    @classmethod
    def _tasks_or_text(cls, given: Any) -> Any:
        """Tasks bring their own text; a dense model that runs them draws nothing either."""
        if not isinstance(given, dict):
            return given
        if not given.get("tasks"):
            told = {name: value for name, value in given.items() if name not in TASK}
            asked = {name: given[name] for name in USUAL if name in given}
            return told | asked if given.get("tokens", 0) is None else told
        drawn = {"seed": 0} if _is_dense(given) else {}
        return {**given, **drawn, **dict.fromkeys(TEXT)}

    @model_validator(mode="after")
    def _canonical_plan(self) -> Self:
        """A list by layer is cut to the scope, and says what the scope then is."""
        if self.plan is None:
            return self
        scope = Sites.of(self.projections, self.blocks)
        pattern, plan, sites = as_value_error(pattern_lists.settled, self.pattern, self.plan, scope)
        told = {"pattern": pattern, "plan": plan, "projections": sites.entries, "blocks": None}
        for name, value in told.items():
            object.__setattr__(self, name, value)
        return self

    @model_validator(mode="after")
    def _canonical_sites(self) -> Self:
        """A list that is a product is written as projections and blocks."""
        projections, blocks = settled(self.projections, self.blocks)
        object.__setattr__(self, "projections", projections)
        object.__setattr__(self, "blocks", blocks)
        return self

    @model_validator(mode="after")
    def _canonical_depth(self) -> Self:
        drop, by = depth.settled(self.target, self.drop, self.by, self.tasks)
        object.__setattr__(self, "drop", drop)
        object.__setattr__(self, "by", by)
        return self

    @model_validator(mode="after")
    def _canonical_methods(self) -> Self:
        criterion = read_call("criterion", self.criterion, BY_TARGET[self.target])
        steps = [read_call("mitigations", text, MITIGATIONS) for text in self.mitigations]
        if steps and self.target == "weight":
            said = "Mitigations repair pruned activations: leave them out for weights."
            raise WrongValue("mitigations", said)
        for mask in self.masks:
            check_fit(mask, [criterion, *steps])
        rules.check_ties(self.ties, self.target, criterion)
        if not self._cuts_whole(criterion):
            object.__setattr__(self, "dropping", "exact")
        if self.window is not None and self.tokens is not None and self.window > self.tokens:
            raise WrongValue(
                "tokens",
                f"A budget of {self.tokens} tokens is shorter than one window of {self.window}: "
                "raise the budget or shorten the window.",
            )
        object.__setattr__(self, "stride", settled_stride(self))
        calibrated = [c.method.name for c in (criterion, *steps) if c.method.calibrated]
        calibrated += [one for one in depth.CALIBRATED if one == self.by]
        if not calibrated:
            object.__setattr__(self, "calibration_windows", 0)
        elif self.calibration_windows == 0:
            said = "is calibrated on text: give it at least one calibration window."
            raise WrongValue("calibration_windows", f"{calibrated[0]} {said}")
        object.__setattr__(self, "criterion", criterion.canonical(self.mask))
        object.__setattr__(self, "mitigations", tuple(str(step) for step in steps))
        return self

    @property
    def sites(self) -> Sites:
        """Which sites are pruned, by projection."""
        return Sites.of(self.projections, self.blocks)

    @property
    def lists_sites(self) -> bool:
        """Whether projections have different blocks, so that `blocks` says nothing."""
        return self.sites.product is None

    @property
    def mask(self) -> Pattern:
        """The pattern, parsed; of a list by layer its name alone."""
        return parse_pattern(self.pattern)

    @cached_property
    def by_layer(self) -> Patterns | None:
        """The list of patterns by layer, where it is one that is known."""
        return None if self.plan is None else Patterns.read(self.plan)

    @property
    def masks(self) -> tuple[Pattern, ...]:
        """Every pattern that layers have."""
        return (self.mask,) if self.by_layer is None else self.by_layer.masks

    def mask_at(self, names: Iterable[str], block: int) -> Pattern:
        """The pattern of a site that may be called any of these names."""
        return self.mask if self.by_layer is None else self.by_layer.of(names, block)

    @property
    def parts(self) -> tuple[Self, ...]:
        """The same for each of its patterns, on the sites that have it."""
        if self.by_layer is None:
            return (self,)
        each = self.by_layer.sites.items()
        return tuple(
            self.but(pattern=name, projections=sites.entries, blocks=None) for name, sites in each
        )

    def _cuts_whole(self, criterion: Call) -> bool:
        return any(rules.cuts_whole(mask, self.target, criterion) for mask in self.masks)

    @property
    def is_dense(self) -> bool:
        """Whether it is the model as it is: nothing is masked and nothing left out."""
        return self.mask.is_dense and self.target != BLOCKS

    @property
    def rule(self) -> str:
        """The criterion with every setting said whose default was changed: `ria(over=row)` for
        what is stored as `ria` at P%."""
        return self._called_criterion.out_loud.canonical(self.mask)

    @property
    def answers(self) -> tuple[Self, ...]:
        """What a result that answers it is of, the better one first: ties left to the scores may
        have become random or index."""
        if self.target != "weight" or self.ties != "auto":
            return (self,)
        drawn = ("random",) if rules.ranks(self._called_criterion) else ()
        return tuple(self.model_copy(update={"ties": rule}) for rule in (*drawn, "index"))

    @property
    def _called_criterion(self) -> Call:
        return parse_call(self.criterion, BY_TARGET[self.target])

    @property
    def unknown(self) -> tuple[str, ...]:
        """What is not known of it: fields of `Reading`, and settings such as `r-sparse(rank)`."""
        calls = [self._called_criterion]
        calls += [parse_call(text, MITIGATIONS) for text in self.mitigations]
        return (*self._unsaid(), *(f"{c.method.name}({name})" for c in calls for name in c.unknown))

    def _unsaid(self) -> list[str]:
        """The fields of `Reading` that are not known; one that runs tasks has fewer."""
        wanted = [name for name in Reading._fields if not (self.tasks and name in TEXT)]
        return [name for name in wanted if getattr(self, name) is None]

    @property
    def reading(self) -> Reading:
        """How the text is read. UserError where part of it is not known, or it runs tasks."""
        self.check_known()
        if self.tasks:
            raise UserError("This experiment runs tasks and reads no text: leave the tasks out.")
        return Reading(*(getattr(self, name) for name in Reading._fields))

    @property
    def drawn(self) -> tuple[int, int]:
        """Calibration windows and the seed they are drawn under. UserError where not known."""
        self.check_known()
        assert self.calibration_windows is not None and self.seed is not None
        return self.calibration_windows, self.seed

    def check_known(self) -> None:
        """UserError where part of the experiment is not known, so that it cannot be run."""
        if self.mask.plan and self.plan is None:
            raise SettingError(
                f"No plan is known here as {self.pattern}: give its file.", "pattern"
            )
        if self.unknown:
            names = listed(self._called(name) for name in self.unknown)
            first = next((name for name in self.unknown if name in type(self).model_fields), "")
            said = f"This experiment cannot be run: give a value for {names}."
            raise SettingError(said, first)

    def _called(self, name: str) -> str:
        """A part that is not known, by the title of its field where it is one."""
        return called_in(type(self), name) if name in type(self).model_fields else name

    def canonical_json(self) -> str:
        """Sorted keys, no spaces: equal experiments, equal text, which reads back the same."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def to_json(self) -> dict[str, Any]:
        """The fields without what is None by default, and without the protocol and how tasks are
        run where that is as usual or none are; null where a part of `Reading`, or `shots`, is
        unknown. Of `rules` only those that came later."""
        usual = [name for name, value in USUAL.items() if getattr(self, name) == value]
        idle = {"shots"} & {*usual} if self.tasks else {"tasks", *usual}
        whole = self._cuts_whole(self._called_criterion)
        idle |= {"ties", "dropping"} - rules.told(self.ties, self.dropping, whole)
        if self.protocol == USUAL_PROTOCOL:
            idle |= {"protocol"}
        said = self.model_dump(mode="json", exclude_none=True, exclude=idle)
        unsaid = [*self._unsaid(), *(["shots"] if self.shots is None else [])]
        return {**said, **dict.fromkeys(unsaid)}

    @property
    def key(self) -> str:
        """SHA-256 of the canonical JSON, in hex."""
        return key_of(self.canonical_json())

    def to_query(self) -> str:
        """URL query of every field that differs from the default, without those of `FOUND`."""
        defaults = _defaults(type(self))
        idle = {*(SCOPE if self.plan else ()), *(TEXT if self.tasks else ())}
        fields = self.model_dump(exclude={*FOUND, *idle})
        changed = {name: value for name, value in fields.items() if value != defaults[name]}
        if self.lists_sites and not self.plan:
            changed["projections"] = str(self.sites)
        return urlencode({name: _query_text(value) for name, value in changed.items()})

    @classmethod
    def from_query(cls, query: str) -> Self:
        """The experiment a query names. UserError for unknown names and wrong values."""
        pairs = dict(parse_qsl(query.lstrip("?"), keep_blank_values=True))
        unknown = set(pairs) - (set(cls.model_fields) - FOUND)
        if unknown:
            raise UserError(f"The address names no setting {sorted(unknown)[0][:40]!r}: check it.")
        return built(cls, pairs)  # not `build`: an address means what it meant when it was written


@cache
def _defaults(of: type[Experiment]) -> Mapping[str, Any]:
    """Every field as it is when nothing is said."""
    return of().model_dump()


def key_of(canonical: str) -> str:
    """The key of the experiment whose canonical JSON this is."""
    return hashlib.sha256(canonical.encode()).hexdigest()


def _is_dense(given: dict[str, Any]) -> bool:
    return str(given.get("pattern", "")).strip().lower() == "dense"


def _query_text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
