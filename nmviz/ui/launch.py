"""One way to serve the page, for app.py, the command line and the tests."""

import os
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from nmviz import service
from nmviz.base import holding
from nmviz.base.errors import UserError
from nmviz.base.memory import resident
from nmviz.base.starting import started, take_short_turns
from nmviz.base.wording import listed
from nmviz.core.running import DEVICE, usual_device
from nmviz.sources.on_offer import told_by
from nmviz.ui.documents.page import document
from nmviz.ui.explore.first_paint import first_paint
from nmviz.ui.guard.at_home import is_private
from nmviz.ui.guard.middleware import Guard
from nmviz.ui.lessons.sheet import sheet
from nmviz.ui.serving.answers import Answers
from nmviz.ui.serving.files import Files
from nmviz.ui.serving.first_paint import FirstPaint
from nmviz.ui.serving.sheets import Sheets
from nmviz.ui.serving.strangers import Strangers
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.theme import theme

HERE = Path(__file__).parent
STYLES = (
    "shell/style.css",
    "shell/lessons.css",
    "shell/tray.css",
    "link/link.css",
    "share/share.css",
)
SCRIPTS = (
    *("shell/hand.js", "shell/layers.js", "shell/figures.js", "shell/contents.js"),
    *("shell/keyboard.js", "shell/speaking.js", "shell/upload.js", "shell/lessons.js"),
    *("shell/tray.js", "link/link.js", "link/tables.js", "share/share.js", "shell/script.js"),
)
"""In the order of the page: the last calls the others."""
LAST_PORT = 65_535
LOOPBACK = "127.0.0.1"
SECONDS_BETWEEN_LINES = 60.0


def build(host: str = LOOPBACK) -> gr.Blocks:
    """The page, with its queue, for where it is going to listen."""
    from nmviz.ui.page import build_page

    told_by(service.stored_models)
    # Who waits does so in `places`, which are bounded; what is read waits for nobody.
    return build_page(is_private(host)).queue(max_size=None, api_open=False)


def launch_kwargs() -> dict[str, Any]:
    """What `launch` is given wherever the page is served."""
    return {
        "theme": theme(),
        "show_error": True,
        "quiet": True,
        "ssr_mode": False,
        "share": False,
        "mcp_server": False,
        "enable_monitoring": False,
        "run_history": False,
        "footer_links": ["api"],
        "max_file_size": "1mb",
        "app_kwargs": {"middleware": _in_front()},
    }


def _in_front() -> list[Middleware]:
    """What stands in front of Gradio: the first sees a request first, and Gradio last."""
    style = "".join((HERE / name).read_text(encoding="utf-8") for name in STYLES)
    scripts = [(HERE / name).read_text(encoding="utf-8") for name in SCRIPTS]
    # Not as `css`, which Gradio rewrites selector by selector, nor as `head`, which a script of its
    # own adds long after the first paint.
    head = f"<style>{style}</style>" + "".join(f"<script>{one}</script>" for one in scripts)
    return [
        Middleware(Guard),
        Middleware(FirstPaint, head=head, paint=first_paint),
        Middleware(Sheets, at="lessons", made=lambda name: sheet(int(name)), failed=sentence),
        Middleware(Sheets, at="docs", made=document, failed=sentence),
        Middleware(Files),
        Middleware(Answers),
        Middleware(Strangers),
    ]


def serve(
    host: str = LOOPBACK,
    port: int = 7860,
    block: bool = True,
    device: str = "",
    memory: str | None = None,
) -> str:
    """Serve the page and say where. With `block` it ends when the process is stopped.

    A `device` takes the place of the one that NMVIZ_DEVICE says; `memory` is what the process may
    take in all, such as 4GiB, else what is free. UserError when the port is taken, or none, when
    this machine has no such device, and for what is no size of memory.
    """
    service.check_device(device or usual_device())
    if device:
        os.environ[DEVICE] = device
    holding.keep_within(None if memory is None else holding.read_size(memory, "--memory"))
    holding.budget()
    if not 0 <= port <= LAST_PORT:
        raise UserError(f"There is no port {port}: give --port a number from 1 to {LAST_PORT}.")
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    take_short_turns()
    _say_what_is_kept()
    page = build(host)
    try:
        _, url, _ = page.launch(
            server_name=host, server_port=port, prevent_thread_lock=True, **launch_kwargs()
        )
    except OSError:
        raise UserError(
            f"Port {port} of {host} cannot be used: stop what runs there, or give another --port."
        ) from None
    Thread(target=_warm_up, args=(page,), name="first figures", daemon=True).start()
    Thread(target=_say_what_is_held, name="what is held", daemon=True).start()
    print(f"nmviz is at {url} (stop it with Ctrl+C)", flush=True)
    if block:
        page.block_thread()
    return url


def _say_what_is_kept() -> None:
    """Whoever starts the page is told where the store is that it cannot write; visitors are not."""
    store = service.store()
    if not store.keeps:
        print(f"nmviz: {store.place}: {store.note}", flush=True)


def _say_what_is_held() -> None:
    """Every minute, for whoever reads the log: what the process keeps, and all that it has."""
    while True:
        sleep(SECONDS_BETWEEN_LINES)
        sizes = {**holding.held(), "all of the process": resident() or 0}
        said = listed(f"{size / 1e9:.2f} GB {name}" for name, size in sizes.items() if size)
        print(f"nmviz: held now: {said}", flush=True)


def _warm_up(page: gr.Blocks) -> None:
    """Draw once what is drawn most, and what every tab shows when it is opened."""
    from nmviz.ui.published.answer import warm
    from nmviz.ui.shell.opening import when_opened

    try:
        warm()
        for fill in when_opened(page):
            fill()
    finally:
        started()
