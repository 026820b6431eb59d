"""The table of a sweep on stderr: a row for each experiment that ends, below it what is at work."""

import sys
from statistics import fmean

from tqdm import tqdm

from nmviz.core.pairing import mean_error
from nmviz.core.results import Result
from nmviz.service import schedules
from nmviz.service.cluster.messages import Said
from nmviz.service.cluster.sweeping import Spreading
from nmviz.service.schedules import Estimate, Schedule, in_words
from nmviz.service.sweep import Outcome, Working

ROW = "{:6} {:54} {:>20} {:>9}"
Event = Working | Outcome | Spreading | Said


class Table:
    """The rows on stderr, and where a person watches a last line that moves."""

    def __init__(self, schedule: Schedule) -> None:
        self._waiting, self._how = list(schedule.groups), schedule.how
        self._bar = tqdm(
            total=len(schedule.to_do),
            disable=None,
            leave=False,
            file=sys.stderr,
            bar_format="{n_fmt} of {total_fmt} {bar:20} {desc}",
        )
        self._left = ""

    def __enter__(self) -> "Table":
        self.line(ROW.format("state", "experiment", "nats a token, or acc", "time"))
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.close()

    def line(self, text: str) -> None:
        """A row that stays."""
        tqdm.write(text.rstrip(), file=sys.stderr)

    def show(self, event: Event) -> None:
        """What an event changes."""
        if isinstance(event, Working):
            self._working(event)
        elif isinstance(event, Spreading):
            self._spreading(event)
        elif isinstance(event, Said):
            self.line(event.text)
        else:
            self._ended(event)

    def _working(self, event: Working) -> None:
        if event.group in self._waiting:
            self._waiting.remove(event.group)
            if not self._bar.disable:
                waiting = [event.group, *self._waiting]
                self._left = _time_left(schedules.estimate_groups(waiting, self._how))
        more = f" and {len(event.group) - 1} more" if len(event.group) > 1 else ""
        share = event.progress.part
        what = f"{in_words(event.group[0])}{more}: {event.progress.stage}"
        self._bar.set_description_str(f"{what} {share:.0%}{self._left}")

    def _spreading(self, event: Spreading) -> None:
        """How many workers are at work, on what, and how long all takes still."""
        names = dict.fromkeys(f"{group[0].model} {group[0].target}" for group in event.groups)
        at_work = f"{len(event.groups)} at work" if event.groups else "waiting for workers"
        about = f" on {', '.join(names)}" if names else ""
        left = "" if event.seconds is None else f", about {in_hours(event.seconds)} left"
        self._bar.set_description_str(f"{at_work}{about}{left}")

    def _ended(self, event: Outcome) -> None:
        name = in_words(event.experiment)
        if event.result is not None:
            seconds = (event.result.provenance.seconds or 0) / event.together
            state = "there" if event.elsewhere else "done"
            row = ROW.format(state, name, _cost(event.result), f"{seconds:,.1f} s")
            self.line(row)
        elif event.failure is not None:
            self.line(f"{ROW.format('failed', name, '', '').rstrip()}: {event.failure.reason}")
        self._bar.update(1)


def _cost(result: Result) -> str:
    """What pruning costs with its standard error, or the accuracy, as a mean over tasks; the first
    thing measured where there is neither."""
    levels = [one for task in result.experiment.tasks if (one := result.get("acc", task))]
    if levels:
        return f"acc {fmean(one.value for one in levels):.3f}{_plus_minus(mean_error(levels))}"
    number = result.get("delta_nll") or next(iter(result.measurements), None)
    if number is None:
        return ""
    name = "" if number.metric == "delta_nll" else f"{number.task or number.metric} "
    return f"{name}{number.value:.3f}{_plus_minus(number.stderr)}"


def _plus_minus(error: float | None) -> str:
    return "" if error is None else f" ± {error:.3f}"


def _time_left(told: Estimate) -> str:
    """For the line that moves; empty where nothing is known."""
    if not told.seconds:
        return ""
    return f", {'more than' if told.unknown else 'about'} {in_hours(told.seconds)} left"


def in_hours(seconds: float) -> str:
    """`5 min`, `2 h 10 min`; never less than a minute."""
    minutes = max(1, round(seconds / 60))
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
