"""Sweeps on Ray: what is refused, what is a failure, and what is said when something is gone."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
from clusters import Nodes, cluster, skip_without
from commands import Run, in_process
from databases import believed_built
from postgres import Server, serving
from postgres import skip_without as skip_without_postgres

import nmviz
from nmviz import service
from nmviz.base.errors import StorageError, UserError
from nmviz.core.grids import parse_grid
from nmviz.service import schedules
from nmviz.service.cluster import connecting
from nmviz.service.cluster.asked import Asked
from nmviz.service.cluster.messages import Said
from nmviz.service.cluster.sweeping import Event, Spreading, planned, sweep
from nmviz.service.schedules import Schedule
from nmviz.service.sweep import Outcome
from nmviz.service.sweep import sweep as plain_sweep

TEXT = "The town stands on both banks of the river. Bread is made from flour and water. " * 40
GRID = """
shared: {{model: "{model}", corpus: wikitext-2, tokens: ["64", "96"], window: 32}}
grids: [{{pattern: [2:4, 8:16]}}]
"""
COUNT = 4


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the text that workers find."""
    folder = tmp_path_factory.mktemp("texts")
    (folder / "wiki.test.raw").write_text(TEXT)
    return folder


@pytest.fixture(scope="module")
def nodes(texts: Path) -> Iterator[Nodes]:
    """A cluster of one node."""
    skip_without()
    with cluster({"NMVIZ_WIKITEXT2": str(texts)}) as made:
        yield made


@pytest.fixture
def team(postgres: Server, monkeypatch: pytest.MonkeyPatch, texts: Path) -> Iterator[str]:
    """The process's store is an empty PostgreSQL."""
    with postgres.new_database() as url:
        yield from stored_at(url, monkeypatch, texts)


def stored_at(url: str, monkeypatch: pytest.MonkeyPatch, texts: Path) -> Iterator[str]:
    believed_built(url)
    monkeypatch.setenv("NMVIZ_STORE_URL", url)
    monkeypatch.setenv("NMVIZ_WIKITEXT2", str(texts))
    service.store.cache_clear()
    yield url
    service.store().close()
    service.store.cache_clear()


def schedule_of(model: Path, text: str = GRID) -> Schedule:
    return schedules.schedule(parse_grid(text.format(model=model), "grid.yaml"))


def results(events: Iterator[Event]) -> list[Outcome]:
    return [event for event in events if isinstance(event, Outcome)]


def test_a_plan_asks_the_cluster_for_its_nodes(nodes: Nodes, team: str, tiny_model: Path) -> None:
    schedule = schedule_of(tiny_model)
    told = planned(schedule, Asked(address=nodes.address, workers=3))
    assert (told.tasks, told.workers) == (2, 2)
    assert [(node.name, node.cpus, node.gpus) for node in told.nodes] == [("127.0.0.1", 1, 0)]
    client = f"ray://127.0.0.1:{nodes.client_port}"
    assert planned(schedule, Asked(address=client)).nodes == told.nodes
    with pytest.raises(UserError, match="No node has 2 CPUs for a worker, the largest 1 CPU and 0"):
        planned(schedule, Asked(address=nodes.address, cpus=2))


def test_a_cluster_of_another_version_is_refused(nodes: Nodes, team: str, tiny_model: Path) -> None:
    with nodes.of_version("2.59.0"), pytest.raises(UserError) as caught:
        planned(schedule_of(tiny_model), Asked(address=nodes.address))
    assert re.match(
        r"The cluster runs Ray 2\.59\.0 and this machine Ray 2\.60\.0", str(caught.value)
    )


def test_a_worker_of_another_version_is_refused(
    nodes: Nodes, team: str, tiny_model: Path, tmp_path: Path
) -> None:
    package = Path(nmviz.__file__).parent
    other = shutil.copytree(package, tmp_path / "nmviz", ignore=shutil.ignore_patterns("*pycache*"))
    code = (other / "__init__.py").read_text()
    (other / "__init__.py").write_text(code.replace(nmviz.__version__, "9.9"))
    node = nodes.add(cpus=2, PYTHONPATH=str(tmp_path))
    try:
        with pytest.raises(UserError) as caught:  # two CPUs has that node alone
            list(sweep(schedule_of(tiny_model), Asked(address=nodes.address, cpus=2)))
    finally:
        nodes.remove(node)
    said = rf"runs nmviz 9\.9 and this machine nmviz {re.escape(nmviz.__version__)}: install"
    assert re.search(said, str(caught.value))


def test_a_node_that_lacks_a_file_says_which(
    nodes: Nodes, team: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wiki.test.raw").write_text(TEXT.upper())
    monkeypatch.setenv("NMVIZ_WIKITEXT2", str(tmp_path))  # of this process; the node has its own
    events = list(sweep(schedule_of(tiny_model), Asked(address=nodes.address)))
    said = "The text wikitext-2 is another one there: give all nodes the same files."
    left_out = [event.text for event in events if isinstance(event, Said)]
    assert left_out == [f"Node 127.0.0.1 is left out for {tiny_model}: {said}"]
    failures = [one.failure for one in results(iter(events))]
    assert [one and one.reason for one in failures] == [f"{said} (node 127.0.0.1)"] * COUNT
    assert service.store().find(own=True) == []


def test_a_worker_that_is_always_killed_is_a_failure_in_the_end(
    nodes: Nodes, team: str, tiny_model: Path
) -> None:
    grid = 'grids: [{{model: "{model}", corpus: wikitext-2, tokens: 64, window: 32}}]'
    ended, killed = [], set()
    for event in sweep(schedule_of(tiny_model, grid), Asked(address=nodes.address, retries=1)):
        if isinstance(event, Spreading) and event.groups:
            for worker in nodes.workers().keys() - killed:
                os.kill(worker, 9)
                killed.add(worker)
        elif isinstance(event, Outcome):
            ended.append(event)
    assert len(killed) == 2
    assert [one.failure and one.failure.reason for one in ended] == [
        "Its worker was killed 2 times: it may need more memory."
    ]


def test_what_goes_away_is_one_sentence_and_the_rest_goes_on(
    nodes: Nodes, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, texts: Path
) -> None:
    skip_without_postgres()
    with serving() as server, server.new_database() as url:
        for _ in stored_at(url, monkeypatch, texts):
            asked = Asked(address=nodes.address)
            with pytest.raises(StorageError) as database_gone:
                for event in sweep(schedule_of(tiny_model), asked):
                    if isinstance(event, Outcome):
                        server.stop()
            server.start()
            with pytest.raises(UserError) as head_gone:
                for _event in sweep(schedule_of(tiny_model), asked):
                    nodes.kill_head()
            for caught in (database_gone, head_gone):
                assert "\n" not in str(caught.value)
            assert re.search(r"Nobody answers at|was lost", str(database_gone.value))
            assert re.match(r"Ray at .* is gone: start it again\.", str(head_gone.value))
            list(plain_sweep(schedule_of(tiny_model)))
            found = service.store().find(own=True)
            assert len(found) == len({result.key for result in found}) == COUNT


@pytest.fixture
def command(
    empty_store: Path,
    tiny_model: Path,
    texts: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """`nmviz sweep grid.yaml ARGUMENTS` on a SQLite file: exit status, stdout, stderr."""
    skip_without()
    file = tmp_path / "grid.yaml"
    file.write_text(GRID.format(model=tiny_model))
    monkeypatch.setenv("NMVIZ_WIKITEXT2", str(texts))
    return in_process(monkeypatch, capsys, "sweep", file)


def test_without_an_address_a_cluster_of_this_machine_comes_and_goes(command: Run) -> None:
    planned = json.loads(command("--on", "ray", "--workers", "1", "--plan", "--json")[1])
    assert (planned["spread"]["tasks"], planned["spread"]["workers"]) == (2, 1)
    text = command("--on", "ray", "--workers", "1", "--plan")[1]
    assert "on Ray     2 tasks for 1 worker of 1 CPU, 2 each at most; room for" in text
    status, out, err = command("--on", "ray", "--workers", "1", "--json")
    assert status == 0, err
    assert json.loads(out)["counts"] == {"done": COUNT, "to_do": 0, "failed": 0, "left_out": 0}
    assert len([line for line in err.splitlines() if line.startswith("done ")]) == COUNT
    until = monotonic() + 60  # an agent sees within seconds that its node is gone
    while left_of_own_clusters() and monotonic() < until:
        sleep(0.5)
    assert not left_of_own_clusters()
    assert len(service.store().find(own=True)) == COUNT


def left_of_own_clusters() -> list[str]:
    """Processes of a cluster that a command began, and workers whose node is gone: those of other
    tests have theirs."""
    every = {pid: (parent, said) for pid, parent, said in processes()}
    return [
        said
        for parent, said in every.values()
        if "nmviz-ray" in said
        or ("ray::" in said and "raylet" not in every.get(parent, (0, ""))[1])
    ]


def processes() -> Iterator[tuple[int, int, str]]:
    """Every process of this machine: its id, its parent's, and what it was called with."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            yield int(process.name), parent, (process / "cmdline").read_text(errors="replace")
        except OSError:
            continue


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--workers", "2"), "go with --on ray: add it"),
        (("--on", "slurm"), "not on 'slurm'"),
        (("--on", "ray", "--cpus", "0"), "is at least 1"),
        (("--on", "ray", "--cpus", "4096"), "No node has 4096 CPUs for a worker, the largest"),
        (("--on", "ray", "--device", "cuda"), "add --gpus 1"),
        (("--on", "ray", "--address", "127.0.0.1:9"), "set NMVIZ_STORE_URL to a PostgreSQL"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    command: Run, arguments: tuple[str, ...], says: str
) -> None:
    for more in ((), ("--plan",)):
        status, out, err = command(*arguments, *more)
        assert (status, out, err.count("\n")) == (2, "", 1), err
        assert says in err


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("127.0.0.1:9", "Nobody answers at 127.0.0.1:9: check the address"),
        ("ray://127.0.0.1:9", "Nobody answers at ray://127.0.0.1:9"),
        ("http://x", "is no address of Ray: write auto, HOST:PORT or ray://HOST:PORT"),
        ("somewhere", "is no address of Ray"),
    ],
)
def test_an_address_nobody_answers_is_one_sentence(address: str, says: str) -> None:
    with pytest.raises(UserError) as caught:
        connecting.reach(address)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_a_cluster_that_is_not_there_is_one_sentence(
    team: str, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_without()
    monkeypatch.setenv("RAY_TMPDIR", "/tmp/nmviz-no-ray")  # where Ray looks for one
    with pytest.raises(UserError, match="No Ray runs on this machine: start one with ray start"):
        planned(schedule_of(tiny_model), Asked(address="auto"))


def test_without_ray_it_is_said_how_to_get_it(
    command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    status, out, err = command("--on", "ray")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "pip install 'nmviz[cluster]'" in err
