#!/usr/bin/env bash
# safetensors 0.8.0, seen on 2026-11-30.
#
# `save_file(tensors, path, metadata={})` with no tensors writes a header that is no JSON
# (`{},"__metadata__":{}}`), which `load_file` and `safe_open` refuse. With `metadata=None`, or with
# an entry in it, the same file is read. Who saves a dict that may be empty has to pass None for
# metadata that is empty.
#
# Seen: "invalid JSON in header: trailing characters at line 1 column 3".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet safetensors==0.8.0 numpy

"$folder/venv/bin/python" - <<'PYTHON'
import sys

from safetensors import SafetensorError
from safetensors.numpy import load, save

for metadata in (None, {"a": "b"}):
    assert load(save({}, metadata)) == {}
written = save({}, {})
print(written)
try:
    load(written)
except SafetensorError as error:
    print(error)
else:
    sys.exit("changed: what is saved with empty metadata is read")
PYTHON
