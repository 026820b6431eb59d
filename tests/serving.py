"""A page served by a process of its own, or by that of the test."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

import httpx
import pytest

if TYPE_CHECKING:
    import gradio as gr


def free_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path, patience: float) -> None:
    """Until the page answers; after so many seconds, or where the process ended, the test fails and
    shows the log."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urlopen(url, timeout=5):
                return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    pytest.fail(f"the page did not answer:\n{log.read_text()}")


@contextmanager
def served_here() -> Iterator["gr.Blocks"]:
    """The page in this process, so that a test sees what it keeps."""
    from nmviz.ui.launch import build, launch_kwargs  # here: most tests need no Gradio

    page = build()
    page.launch(prevent_thread_lock=True, server_name="127.0.0.1", **launch_kwargs())
    try:
        yield page
    finally:
        page.close()


def client_of(page: "gr.Blocks") -> httpx.Client:
    """Who asks it as its script does."""
    headers = {"Content-Type": "application/json"}
    return httpx.Client(base_url=page.local_url or "", timeout=120, headers=headers)
