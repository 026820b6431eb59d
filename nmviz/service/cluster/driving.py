"""What the process does that speaks with Ray: it gives groups to workers until none is left.

Ray writes to standard output whatever it is told, and ends the process when its head is gone: so
it is a process of its own, which knows no database and may end at any moment.
"""

import faulthandler
import os
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

from nmviz.base.errors import StorageError, UserError
from nmviz.core.running import Running
from nmviz.service.cluster.asked import Asked, Node, spread
from nmviz.service.cluster.connecting import connected
from nmviz.service.cluster.messages import Connected, Done, Fault
from nmviz.service.cluster.spreading import Spreading
from nmviz.service.schedules import Group

SECONDS_TO_END = 5.0
"""How long an own cluster has to end in order, once nobody listens any more."""


def drive(
    asked: Asked,
    own: Node,
    groups: tuple[Group, ...],
    how: Running,
    store: str,
    told: Connection,
    log: Path,
    folder: str,
) -> None:
    """Connect, and have the groups measured; every step is told. Ends when nobody listens."""
    _keep_quiet(log)
    threading.Thread(target=_end_when_alone, args=(told,), daemon=True).start()
    try:
        with connected(asked, own, folder) as nodes:
            told.send(Connected(nodes))
            if groups:
                wanted = spread(asked, len(groups), nodes)
                Spreading(wanted, groups, how, store, told.send).run()
        told.send(Done())
    except UserError as error:
        told.send(Fault(str(error), isinstance(error, StorageError)))
    except ConnectionError:
        traceback.print_exc()  # to the log; who listens hears that nobody speaks any more
    except Exception as error:
        traceback.print_exc()
        said = " ".join(str(error).split())[:200].rstrip(".")
        told.send(Fault(f"Ray fails with {type(error).__name__}: {said}; {log} has more."))


def _keep_quiet(log: Path) -> None:
    """Whatever is written goes to a file; who sits at the terminal stops the command, not this."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (1, 2):
        os.dup2(file, stream)
    sys.stdout = sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    faulthandler.enable()


def _end_when_alone(told: Connection) -> None:
    """Wait until the command has ended, in whatever way, and end too."""
    try:
        told.recv()
    except (EOFError, OSError):
        timer = threading.Timer(SECONDS_TO_END, os._exit, (1,))
        timer.daemon = True
        timer.start()
        import ray

        ray.shutdown()
        os._exit(1)
