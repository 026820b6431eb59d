"""Published results into rows: chosen, drops recomputed, marks attached."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from nmviz.core.comparing.pins import pin_of
from nmviz.core.results import Measurement, Result
from nmviz.published import SUMMARY, Names
from nmviz.published.audit import Finding
from nmviz.published.cells import Cell, cell
from nmviz.published.listing import imported as foreign
from nmviz.published.listing import live as own
from nmviz.published.listing.as_printed import (
    MEAN_OF_11,
    digits,
    printed_of,
    stands,
    tasks_of,
    tasks_of_printed,
)
from nmviz.published.listing.asking import NOTHING as NOT_ASKED
from nmviz.published.listing.asking import asked
from nmviz.published.listing.by_task import by_tasks
from nmviz.published.listing.ordering import ordered
from nmviz.published.listing.row import How, Row, titled
from nmviz.published.listing.selection import MEASURES, Selection, task_title
from nmviz.published.listing.standard_errors import CENSORED, Error, error_of, of_drop, of_mean
from nmviz.published.listing.terms import with_terms
from nmviz.published.names import DENSE

Marks = Mapping[Cell, tuple[Finding, ...]]


def rows(
    results: Sequence[Result],
    names: Names,
    marks: Marks,
    selection: Selection,
    live: Sequence[Result] = (),
    imported: Sequence[foreign.Imported] = (),
) -> list[Row]:
    """The chosen rows of the published results, in the selection's order.

    `live` are results of the store's own runs, `imported` those of a user's files; they are used
    where the selection lays them over.
    """
    found = published_rows(results, names, marks, selection)
    return arranged(found, names, selection, live, imported)


def published_rows(
    results: Sequence[Result], names: Names, marks: Marks, selection: Selection
) -> tuple[Row, ...]:
    """The chosen rows of the published results alone, whatever the words and the order."""
    return tuple(_Answer(results, names, marks, selection).rows())


def arranged(
    found: Sequence[Row],
    names: Names,
    selection: Selection,
    live: Sequence[Result],
    imported: Sequence[foreign.Imported] = (),
) -> list[Row]:
    """Those rows with the live and imported ones, where they are laid over, and in the selection's
    order."""
    laid_over = own.rows(live, names, selection) if selection.live else []
    laid_over += foreign.rows(imported, names, selection) if selection.imported else []
    return ordered(with_terms([*found, *laid_over], selection.words), selection.order)


@dataclass
class _Answer:
    """One answer in the making."""

    results: Sequence[Result]
    names: Names
    marks: Marks
    selection: Selection

    def rows(self) -> list[Row]:
        chosen = [result for result in self.results if self._wanted(result)]
        kept = [row for result in chosen for row in self._rows_of(result)]
        if self.selection.metric == "drop" or DENSE in self.selection.methods:
            return kept
        beside = {(row.place, row.printed_model) for row in kept}
        dense = [r for r in self.dense if stands(r) in beside and self._from_source(r)]
        return kept + [row for result in dense for row in self._rows_of(result)]

    def _wanted(self, result: Result) -> bool:
        chosen, one = self.selection, result.experiment
        dense = one.pattern == DENSE
        if dense and (DENSE not in chosen.methods or chosen.metric == "drop"):
            return False
        return (
            _open_or_in(one.model, chosen.models)
            and (dense or _open_or_in(one.pattern, chosen.patterns))
            and _open_or_in(self.names.of_result(result), chosen.methods)
            and self._from_source(result)
        )

    def _from_source(self, result: Result) -> bool:
        made, chosen = result.provenance, self.selection
        return _open_or_in(made.source, chosen.sources) and _open_or_in(
            printed_of(result).place, chosen.places
        )

    def _rows_of(self, result: Result) -> Iterator[Row]:
        measure = MEASURES[self.selection.metric]
        if measure.name == "drop":
            yield from self._drops(result)
        elif measure.by_task:
            yield from self._accuracies(result, measure.metric)
        else:
            for one in result.measurements:
                if one.metric == measure.metric:
                    yield self._row(result, (one,), one.value, error_of(one), "printed")
            for beyond in result.censored:
                if beyond.metric == measure.metric:
                    place = (cell(result, beyond.metric, beyond.task),)
                    yield self._built(
                        result, beyond.metric, "", None, Error(None, CENSORED), "printed",
                        printed=beyond.printed, note=beyond.reason, cells=place,
                    )  # fmt: skip

    def _accuracies(self, result: Result, metric: str) -> Iterator[Row]:
        for parts in by_tasks(result, metric, self.selection):
            value = sum(one.value for one in parts) / len(parts)
            how: How = "printed" if len(parts) == 1 else "recomputed"
            yield self._row(result, parts, value, of_mean(result, parts), how)

    def _drops(self, result: Result) -> Iterator[Row]:
        found = False
        for parts in by_tasks(result, "acc", self.selection):
            tasks = [one.task for one in parts]
            dense = self._dense_for(result, [task or "" for task in tasks])
            if dense is None or (tasks[0] or "").startswith(SUMMARY):
                continue
            found = True
            levels = [level for task in tasks if (level := dense.get("acc", task))]
            yield self._drop(result, parts, dense, levels)
        printed = result.get("average_drop")
        if printed is None or found or not self._is_printed_over_chosen(result):
            return
        meant = tasks_of_printed(result)
        yield self._built(
            result, "average_drop", task_title(meant) if meant else MEAN_OF_11,
            printed.value, error_of(printed), "printed", printed=printed.printed or "",
            cells=(cell(result, "average_drop"),),
        )  # fmt: skip

    def _drop(
        self,
        result: Result,
        parts: Sequence[Measurement],
        dense: Result,
        levels: Sequence[Measurement],
    ) -> Row:
        shares = [1 - one.value / level.value for one, level in zip(parts, levels, strict=True)]
        printed = result.get("average_drop")
        same = {one.task for one in parts} == tasks_of(result, "acc")
        used = [cell(result, "acc", one.task) for one in parts]
        used += [cell(dense, "acc", one.task) for one in levels]
        notes = [self._elsewhere(result, dense), self._doubted(result, used) if same else ""]
        return self._built(
            result,
            "average_drop",
            task_title([one.task or "" for one in parts]),
            100 * sum(shares) / len(shares),
            of_drop(result, dense, [one.task for one in parts]),
            "recomputed",
            printed=printed.printed or "" if printed is not None and same else "",
            note=" ".join(filter(None, notes)),
            cells=tuple(used),
        )

    def _doubted(self, result: Result, used: Sequence[Cell]) -> str:
        """What the audit says of the printed drop alone: the recomputed one does not rest on it."""
        in_use = {one.id for place in used for one in self.marks.get(place, ())}
        found = self.marks.get(cell(result, "average_drop"), ())
        ids = [one.id for one in found if one.id not in in_use]
        return f"The audit doubts the drop as printed: {', '.join(ids)}." if ids else ""

    def _elsewhere(self, result: Result, dense: Result) -> str:
        """Which dense row a drop is against where that is no row of its own table, and what is
        known of the two names: a log may be of another model."""
        own, there = printed_of(result), printed_of(dense)
        if there.place == own.place:
            return ""
        said = f"dense as printed in {there.place} for {there.model}"
        names = [self.names.get("model", name) for name in (there.model, own.model)]
        return " ".join([f"{said}.", *(f"{name.printed}: {name.why}" for name in names)])

    def _is_printed_over_chosen(self, result: Result) -> bool:
        """Whether a drop printed without accuracies is over the chosen tasks."""
        if tasks_of(result, "acc") - {MEAN_OF_11}:  # it has accuracies: the chosen are not there
            return False
        chosen = set(self.selection.tasks)
        if self.selection.each_task:
            return False
        return not chosen or chosen == set(tasks_of_printed(result))

    def _dense_for(self, result: Result, tasks: Sequence[str]) -> Result | None:
        """The dense row beside it; for a log the paper's, with the most digits."""
        place, model = printed_of(result).place, result.experiment.model
        of_model = self._dense_of.get(model, {})

        def able(dense: Iterable[Result]) -> Iterator[Result]:
            return (one for one in dense if all(one.get("acc", task) for task in tasks))

        beside = next(able(of_model.get(place, ())), None)
        if beside is not None or result.provenance.commit is None:
            return beside
        anywhere = (one for rows in of_model.values() for one in rows)
        return max(able(anywhere), key=lambda one: digits(one, tasks), default=None)

    @cached_property
    def dense(self) -> list[Result]:
        """The dense rows of the published results."""
        return [result for result in self.results if result.experiment.pattern == DENSE]

    @cached_property
    def _dense_of(self) -> Mapping[str, Mapping[str, Sequence[Result]]]:
        """The dense rows by model, and then by the place they stand in."""
        found: dict[str, dict[str, list[Result]]] = {}
        for one in self.dense:
            places = found.setdefault(one.experiment.model, {})
            places.setdefault(printed_of(one).place, []).append(one)
        return found

    def _row(
        self,
        result: Result,
        parts: Sequence[Measurement],
        value: float,
        error: Error,
        how: How,
    ) -> Row:
        first = parts[0]
        cells = tuple(cell(result, one.metric, one.task) for one in parts)
        task = task_title([one.task or "" for one in parts]) if first.task else ""
        printed = first.printed or "" if len(parts) == 1 else ""
        return self._built(
            result, first.metric, task, value, error, how, printed=printed, cells=cells
        )

    def _built(
        self,
        result: Result,
        metric: str,
        task: str,
        value: float | None,
        error: Error,
        how: How,
        *,
        printed: str,
        cells: tuple[Cell, ...],
        note: str = "",
    ) -> Row:
        told = printed_of(result)
        marks = {one.id: one for place in cells for one in self.marks.get(place, ())}
        return Row(
            experiment=result.experiment,
            model=titled(result.experiment),
            method=self.names.of_result(result),
            metric=metric,
            task=task,
            value=value,
            stderr=error.value,
            stderr_from=error.origin,
            how=how,
            source=result.provenance.source,
            place=told.place,
            printed=printed,
            printed_model=told.model,
            printed_method=told.method,
            printed_scope=told.scope or "",
            note=note,
            asked=asked(result) if task else NOT_ASKED,
            cells=cells,
            marks=tuple(marks.values()),
            pin=pin_of(result),
        )


def _open_or_in(value: str, chosen: Sequence[str]) -> bool:
    return not chosen or value in chosen
