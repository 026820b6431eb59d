"""A cluster of Ray for tests: a head and nodes as processes of this machine, on loopback alone."""

import importlib.util
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from serving import free_port

REQUIRE = "NMVIZ_REQUIRE_RAY"
PATIENCE = 120  # seconds
ENVIRONMENT = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # a driver too then has the address of loopback
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "f" * 32,
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # else they hardly run beside other tests
    "RAY_gcs_rpc_server_reconnect_timeout_s": "5",  # a driver waits so long for a head that is gone
}
LEAN = {
    "node_ip_address": "127.0.0.1",
    "num_cpus": 1,
    "object_store_memory": 80 * 2**20,
    "include_log_monitor": False,
}


def skip_without() -> None:
    """Skip where Ray is not installed, or fail where it is required."""
    if importlib.util.find_spec("ray") is None:
        required = os.environ.get(REQUIRE) == "1"
        (pytest.fail if required else pytest.skip)("there is no Ray here: pip install ray")


class Nodes:
    """The nodes of a cluster: the head is there from the start, others come and go."""

    def __init__(self, folder: str) -> None:
        from ray.cluster_utils import Cluster

        # Told a folder of its own the cluster looks for it in two places: so by the environment.
        assert os.environ["RAY_TMPDIR"] == folder
        self.client_port = free_port()
        head = {
            **LEAN,
            "no_monitor": True,
            "include_dashboard": False,
            "ray_client_server_port": self.client_port,
        }
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self.address = str(self._cluster.address)

    def add(self, cpus: int = 1, **environment: str) -> Any:
        """One more node, whose workers find this in their environment."""
        return self._cluster.add_node(**{**LEAN, "num_cpus": cpus}, env_vars=environment)

    def remove(self, node: Any) -> None:
        """A node, its workers with it, at once."""
        self._cluster.remove_node(node, allow_graceful=False)

    @contextmanager
    def of_version(self, version: str) -> Iterator[None]:
        """Inside, the cluster says that it was started by that version of Ray."""
        from ray._private.ray_constants import KV_NAMESPACE_CLUSTER
        from ray._raylet import GcsClient

        client, key = GcsClient(address=self.address), b"CLUSTER_METADATA"
        said = client.internal_kv_get(key, namespace=KV_NAMESPACE_CLUSTER)
        other = json.dumps({**json.loads(said), "ray_version": version}).encode()
        client.internal_kv_put(key, other, overwrite=True, namespace=KV_NAMESPACE_CLUSTER)
        yield
        client.internal_kv_put(key, said, overwrite=True, namespace=KV_NAMESPACE_CLUSTER)

    def workers(self) -> dict[int, int]:
        """The process of every worker that lives, and how often it was started again."""
        known = self._cluster.global_state.actor_table(None, None, "ALIVE")
        return {one["Pid"]: one["NumRestarts"] for one in known.values()}

    def kill_head(self) -> None:
        """The head is gone, with all that it knew."""
        head = self._cluster.head_node
        head.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)

    def stop(self) -> None:
        """End every process of it."""
        self._cluster.shutdown()


@contextmanager
def cluster(more: Mapping[str, str] = {}) -> Iterator[Nodes]:
    """A head of one core until the end of the block; what workers and drivers find in their
    environment is that of this process then."""
    with (
        TemporaryDirectory(prefix="nmviz-", dir="/tmp") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in {**ENVIRONMENT, "RAY_TMPDIR": folder, **more}.items():
            patch.setenv(name, value)
        nodes = Nodes(folder)
        try:
            yield nodes
        finally:
            nodes.stop()


def wait_until(holds: Any, what: str) -> None:
    """Until it holds; the test fails where it does not in time."""
    give_up = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < give_up, f"in vain waited until {what}"
        time.sleep(0.1)
