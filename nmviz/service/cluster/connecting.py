"""Connecting to Ray: an own one on this machine alone, or a cluster, within a bounded time."""

import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nmviz.base.errors import UserError
from nmviz.service.cluster.asked import Asked, Node

AUTO, CLIENT = "auto", "ray://"
CLIENT_PORT = 10001  # where ray start --head listens for clients
PATIENCE = 5.0  # seconds in which a machine says that it is there
OBJECTS = 80 * 2**20
"""Bytes of memory for what workers hand each other, which here is nothing; Ray takes no less."""
QUIET = {"log_to_driver": False, "logging_level": "ERROR"}
ALONE = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # elsewhere too it then listens on loopback alone
    "RAY_AUTH_MODE": "token",
    "RAY_worker_niceness": "0",  # or whatever else runs here leaves its workers hardly any time
}
NO_REPORTS = {"RAY_USAGE_STATS_ENABLED": "0"}
VERSIONS = re.compile(r"\bRay:? (?:version )?v?(\d[\w.]*)|ray[^\d\n]{0,20}(\d+\.\d+\.\d+\w*)", re.I)


@contextmanager
def connected(asked: Asked, own: Node, folder: str) -> Iterator[tuple[Node, ...]]:
    """The nodes of the cluster while this process is connected to it; without an address a cluster
    of this machine, `own`, alone, which keeps its files in the empty `folder` and is gone
    afterwards. Ray may not be imported before.

    UserError, one sentence, for an address where nobody answers, and for another version there.
    """
    os.environ.update(NO_REPORTS)
    if asked.address is None:
        # A token of the environment is written into no file.
        os.environ.update(ALONE, RAY_AUTH_TOKEN=secrets.token_hex(32))
    else:
        reach(asked.address)
    os.chdir(folder)  # Ray has workers import from the driver's folder before all others
    import ray

    try:
        with _in_words(asked.address):
            ray.init(**(_alone(own, folder) if asked.address is None else _at(asked.address)))
        yield tuple(_nodes(ray.nodes()))
    finally:
        ray.shutdown()


def _alone(own: Node, folder: str) -> dict[str, Any]:
    return {
        "address": "local",
        "num_cpus": int(own.cpus),
        "num_gpus": int(own.gpus),
        "include_dashboard": False,
        "object_store_memory": OBJECTS,
        "_temp_dir": folder,
        **QUIET,
    }


def _at(address: str) -> dict[str, Any]:
    return {"address": address, **QUIET}


def _nodes(told: list[dict[str, Any]]) -> Iterator[Node]:
    for node in told:
        if node["Alive"]:
            has = node["Resources"]
            yield Node(node["NodeManagerAddress"], has.get("CPU", 0.0), has.get("GPU", 0.0))


def reach(address: str) -> None:
    """UserError where nobody is there at all, which Ray itself takes a minute and more to say."""
    if address == AUTO:
        return
    host, port = _place(address)
    try:
        socket.create_connection((host, port), PATIENCE).close()
    except OSError:
        raise UserError(
            f"Nobody answers at {address}: check the address, and that Ray runs there."
        ) from None


def _place(address: str) -> tuple[str, int]:
    """`ray://head` to (head, 10001), `head:6379` to (head, 6379)."""
    host, _, port = address.removeprefix(CLIENT).rpartition(":")
    if not host and address.startswith(CLIENT):
        host, port = port, str(CLIENT_PORT)
    if not host or "/" in host or not port.isdecimal() or int(port) > 65535:
        raise UserError(
            f"{address[:80]!r} is no address of Ray: write auto, HOST:PORT or ray://HOST:PORT."
        )
    return host, int(port)


@contextmanager
def _in_words(address: str | None) -> Iterator[None]:
    """What Ray says while it connects, in one sentence."""
    try:
        yield
    except Exception as error:
        raise UserError(_sentence(address, str(error))) from error


def _sentence(address: str | None, said: str) -> str:
    import ray

    if "ersion" in said and "ismatch" in said:
        found = [one or other for one, other in VERSIONS.findall(said)]
        theirs = next((version for version in found if version != ray.__version__), None)
        if theirs:
            return (
                f"The cluster runs Ray {theirs} and this machine Ray {ray.__version__}: install "
                "the same version on both."
            )
    if "token" in said.lower():
        return f"The cluster at {address} asks for its token: set RAY_AUTH_TOKEN as it is there."
    if address == AUTO and "Could not find any running Ray" in said:
        return "No Ray runs on this machine: start one with ray start, or name its --address."
    first = said.strip().partition("\n")[0].rstrip(".")[:200]
    return f"Ray cannot be reached at {address or 'this machine'}: {first}."
