#!/usr/bin/env bash
# ray 2.60.0, seen on 2026-11-30.
#
# `ray.init(log_to_driver=False)` is documented to keep the output of workers from the driver. What
# workers print is kept away, but when a worker's process ends while it has work, the node says so
# through the driver, and on standard output, not on standard error. A command that prints one JSON
# object for another program prints something else beside it on the day when a worker dies: it has to
# speak with the cluster from a process whose standard output is its own.
#
# Seen: the driver prints one line of its own; beside it stand lines that begin with "(raylet)".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ray==2.60.0

cat >"$folder/driver.py" <<'PYTHON'
import os
import time

import ray

ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)


@ray.remote(max_retries=0)
def work() -> None:
    print("a worker speaks", flush=True)
    os._exit(3)  # as one that is killed


try:
    ray.get(work.remote(), timeout=60)
except ray.exceptions.WorkerCrashedError:
    print("one line", flush=True)
time.sleep(5)  # what the node says comes late
PYTHON

export RAY_USAGE_STATS_ENABLED=0
timeout 150 "$folder/venv/bin/python" "$folder/driver.py" >"$folder/out" 2>"$folder/err"
echo "standard output:"
cat "$folder/out"
grep -q "one line" "$folder/out"
! grep -q "a worker speaks" "$folder/out"
grep -q "(raylet)" "$folder/out" || {
    echo "changed: standard output has the driver's own line alone"
    exit 1
}
