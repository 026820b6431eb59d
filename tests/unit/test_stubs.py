"""Gradio is imported without writing its type stubs, and is otherwise what it is."""

import subprocess
import sys

SAY = """
{before}
from pathlib import Path
opened = []
read = Path.read_text
Path.read_text = lambda self, *a, **k: (opened.append(self.name), read(self, *a, **k))[1]
import gradio
from gradio import component_meta
print("textbox.pyi" in opened, callable(gradio.Textbox.change), gradio.Textbox(value="a").value)
"""


def said(before: str) -> list[str]:
    code = SAY.format(before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_gradio_reads_no_stub_once_the_page_is_imported_first() -> None:
    assert said("import nmviz.ui") == ["False", "True", "a"]


def test_without_it_gradio_would_so_this_is_still_needed() -> None:
    assert said("") == ["True", "True", "a"]
