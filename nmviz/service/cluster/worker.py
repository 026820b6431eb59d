"""A worker: a process on some machine of the cluster that measures groups, one after the other.

It keeps the models it loaded and the dense passes it made for the next group; what it calibrates
stays in its machine's cache, for all workers there.
"""

import os
import time

import nmviz
from nmviz.base.errors import UserError
from nmviz.base.stepping import at_once, each
from nmviz.core.experiment import Experiment
from nmviz.core.running import Running
from nmviz.service.at_hand.models import load
from nmviz.service.choices import resolve
from nmviz.service.cluster.messages import About, Came
from nmviz.service.runs import check_device
from nmviz.service.schedules import Group
from nmviz.service.sweep import Failed, Outcome, Step, measured
from nmviz.sources import corpora, task_data
from nmviz.store.database import ENVIRONMENT


class Worker:
    """What Ray runs as an actor; `store` is the address of the database, with its password."""

    def __init__(self, store: str) -> None:
        os.environ[ENVIRONMENT] = store

    def about(self, device: str) -> About:
        """What it is, and whether its machine has the device."""
        import ray

        lacks = ""
        try:
            check_device(device)
        except UserError as reason:
            lacks = str(reason)
        return About(ray.util.get_node_ip_address(), nmviz.__version__, ray.__version__, lacks)

    def measure(self, group: Group, how: Running) -> Came:
        """Measure a group and store its results. StorageError when disk or database fails."""
        began = time.monotonic()
        lacks = lacking(group, how.device)
        if lacks:
            return Came(lacks=lacks)
        failed: list[Failed] = []
        elsewhere: list[Experiment] = []

        def note(step: Step) -> None:
            if isinstance(step, Failed):
                failed.append(step)
            elif isinstance(step, Outcome) and step.elsewhere:
                elsewhere.append(step.experiment)

        steps = measured(group, how.model_copy(update={"keep_passes": True}))
        taken = at_once(each(steps, note))
        seconds = time.monotonic() - began
        return Came(tuple(failed), tuple(elsewhere), taken, seconds=seconds)


def lacking(group: Group, device: str) -> str:
    """What this machine has not, and cannot fetch, of the files that the group needs, in a
    sentence: the model, the text or the questions, the text of calibration. Empty where it has
    them all and they are those that were asked for, by their hashes."""
    first = group[0]
    try:
        here, asked = resolve(first).artefacts, first.artefacts
        if here.model != asked.model:
            return f"The model {first.model} is another one there: give all nodes the same files."
        if here.corpus != asked.corpus:
            read = first.corpus or "that the tasks ask"
            return f"The text {read} is another one there: give all nodes the same files."
        load(first.model, device)
        if first.corpus is not None:
            corpora.read(first.corpus)
        for task in first.tasks:
            task_data.tables(task)
        if any(one.calibration_windows for one in group):
            corpora.read(corpora.CALIBRATION_CORPUS, "calibration")
    except UserError as reason:
        return str(reason)
    return ""
