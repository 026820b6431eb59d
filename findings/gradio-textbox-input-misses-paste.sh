#!/usr/bin/env bash
# gradio 6.31.0 with playwright 1.65.2 and Chromium 156, seen on 2026-11-28.
#
# A Textbox announces its `input` event when a key is pressed that prints a character. Text that is
# pasted, inserted by an input method or deleted with Backspace changes the value and announces
# `change`, but no `input`, although the documentation describes `input` as "the user changes the
# value". A Number announces both. A page that listens to `input` to follow what a visitor types
# misses the rest: it has to listen to `change`, which comes for the server's own writes too.
#
# Seen:
#   typed:   change 1 input 1
#   pasted:  change 2 input 1
#   deleted: change 3 input 1
#   number:  change 1 input 1
set -euo pipefail
browser=$(command -v chromium-headless-shell || command -v chromium) || {
    echo "needs Chromium: apt-get install chromium"
    exit 2
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet gradio==6.31.0 playwright==1.65.2

cat >"$folder/seen.py" <<'PYTHON'
import sys
from collections import Counter

import gradio as gr
from playwright.sync_api import sync_playwright

told = Counter()


def tell(name):
    return lambda: told.update([name])


with gr.Blocks(analytics_enabled=False) as page:
    text, number = gr.Textbox(label="Text"), gr.Number(label="Number", value=None)
    for label, one in (("text", text), ("number", number)):
        one.change(tell(f"{label} change"), None, None, queue=False)
        one.input(tell(f"{label} input"), None, None, queue=False)
_, url, _ = page.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)

with sync_playwright() as tools:
    browser = tools.chromium.launch(executable_path=sys.argv[1], args=["--no-sandbox"])
    tab = browser.new_page()
    tab.goto(url)
    field = tab.get_by_label("Text", exact=True)
    field.wait_for()
    tab.wait_for_timeout(2000)
    told.clear()

    def say(what, kind="text"):
        tab.wait_for_timeout(1500)
        print(f"{what + ':':8} change {told[f'{kind} change']} input {told[f'{kind} input']}")

    field.press("a")
    say("typed")
    tab.keyboard.insert_text("bc")  # what a paste and an input method do
    say("pasted")
    field.press("Backspace")
    say("deleted")
    tab.get_by_label("Number", exact=True).fill("7")
    say("number", "number")
    browser.close()
page.close(verbose=False)
PYTHON

"$folder/venv/bin/python" "$folder/seen.py" "$browser" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
typed:   change 1 input 1
pasted:  change 2 input 1
deleted: change 3 input 1
number:  change 1 input 1
SEEN
