#!/usr/bin/env bash
# ray 2.60.0, seen on 2026-11-30.
#
# `ray.init(include_dashboard=False)` starts no web page, but it does start the dashboard's own
# program and its agents: three more Python processes beside the one worker that was asked for, on a
# plain installation without the extra that the page needs. They hold a third of the memory that a
# cluster of one machine takes, and share its cores with the work; who counts processes, or bounds a
# machine's memory by workers alone, is off by them.
#
# Seen: the dashboard's program, and agents of dashboard and runtime environment:
#   3 of 8 processes, 184 of 544 MiB
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ray==2.60.0 psutil==7.1.3

cat >"$folder/seen.py" <<'PYTHON'
import time

import psutil
import ray

ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)


@ray.remote
def work() -> int:
    return 1


assert ray.get(work.remote(), timeout=60) == 1
time.sleep(10)
started = [one for one in psutil.Process().children(recursive=True) if one.is_running()]
sizes = {one.pid: one.memory_info().rss / 2**20 for one in started}
about = {one.pid: " ".join(one.cmdline()) or one.name() for one in started}
dashboard = {pid for pid, said in about.items() if "dashboard" in said.lower() or "DashboardAgent" in said}
for pid in sorted(dashboard):
    print(f"{sizes[pid]:.0f} MiB: {about[pid].split('/')[-1][:60]}")
print(f"{len(dashboard)} of {len(about)} processes, {sum(sizes[p] for p in dashboard):.0f} of {sum(sizes.values()):.0f} MiB")
ray.shutdown()
raise SystemExit(not dashboard)
PYTHON

export RAY_USAGE_STATS_ENABLED=0
timeout 150 "$folder/venv/bin/python" "$folder/seen.py"
