#!/usr/bin/env bash
# torch 2.13.0 (CPU, its own libgomp), seen on 2026-11-29.
#
# After each product torch's OpenMP threads look for more work for some milliseconds before they
# sleep, and hold their cores meanwhile: a process that only sleeps after a product goes on using
# processor time. Work that another pool of threads (a ThreadPoolExecutor around code that releases
# the interpreter's lock, numba's or a tokenizer's threads) does between two products therefore finds
# no free core. Seen in a real case: on two cores, two threads of a pool that prune an input between
# two layers were no faster than one. With OMP_WAIT_POLICY=passive the threads sleep at once; work that
# is handed to the same team (GOMP_parallel of torch's libgomp) begins at once.
#
# Seen (processor time while asleep for 50 ms, median of nine; 6 ms and 0.04 ms here):
#   right after a product: more than 1 ms
#   0.2 s after a product: less than 1 ms
#   right after a product, OMP_WAIT_POLICY=passive: less than 1 ms
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0

cat >"$folder/seen.py" <<'PYTHON'
import sys
import time
from statistics import median

import torch

torch.set_num_threads(2)
matrix = torch.randn(1024, 1024)


def used_while_asleep(rest):
    matrix @ matrix
    time.sleep(rest)
    before = time.process_time()
    time.sleep(0.05)
    return time.process_time() - before


used_while_asleep(0)
for words, rest in (("right after a product", 0.0), ("0.2 s after a product", 0.2)):
    if len(sys.argv) > 1 and rest:
        continue
    used = median(used_while_asleep(rest) for _ in range(9))
    print(f"{words}{''.join(sys.argv[1:])}: {'more' if used > 0.001 else 'less'} than 1 ms")
PYTHON

run="$folder/venv/bin/python $folder/seen.py"
{
    env -u OMP_WAIT_POLICY -u OMP_NUM_THREADS $run
    env -u OMP_NUM_THREADS OMP_WAIT_POLICY=passive $run ", OMP_WAIT_POLICY=passive"
} | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
right after a product: more than 1 ms
0.2 s after a product: less than 1 ms
right after a product, OMP_WAIT_POLICY=passive: less than 1 ms
SEEN
