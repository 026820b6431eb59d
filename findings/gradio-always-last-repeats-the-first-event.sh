#!/usr/bin/env bash
# gradio 6.31.0 with playwright 1.65.2 and Chromium 156, seen on 2026-11-30.
#
# A listener with `trigger_mode="always_last"` is documented to handle the last of the events that come
# while it is at work, after it is done. It does begin once more, but with the event data of the event
# that has just been answered, not of the last one: of a select event, which carries what was selected,
# the first choice is answered twice and the last one never. Values of components are read anew, so
# only what travels in `gr.SelectData` or `gr.EventData` is stale. An event that carries its meaning
# needs `trigger_mode="multiple"`, or a component that holds the value.
#
# Seen, with "one" pressed first and "two" while it is being answered:
#   answered: one one
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
import time

import gradio as gr
from playwright.sync_api import sync_playwright

answered = []


def answer(event: gr.SelectData) -> str:
    answered.append(event.value)
    time.sleep(3)
    return event.value


with gr.Blocks() as page:
    choice = gr.Radio(["one", "two"], label="choice")
    out = gr.Textbox(label="answer")
    choice.select(answer, None, out, trigger_mode="always_last")

page.queue(default_concurrency_limit=4).launch(
    server_name="127.0.0.1", prevent_thread_lock=True, quiet=True
)
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=sys.argv[1], args=["--no-sandbox"])
    visitor = browser.new_page()
    visitor.goto(page.local_url)
    visitor.get_by_label("one", exact=True).click()
    visitor.wait_for_timeout(700)
    visitor.get_by_label("two", exact=True).click()
    visitor.wait_for_timeout(9000)
    browser.close()
page.close()
print("answered:", *answered)
raise SystemExit(answered != ["one", "one"])
PYTHON

GRADIO_ANALYTICS_ENABLED=False timeout 120 "$folder/venv/bin/python" "$folder/seen.py" "$browser"
