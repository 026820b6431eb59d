#!/usr/bin/env bash
# transformers 5.24.0 with torch 2.13.0, seen on 2026-12-01.
#
# Two threads that read models at the same time can leave every model that is read afterwards broken.
# While `from_pretrained` builds a model it exchanges `PreTrainedModel.tie_weights` for an empty
# function and puts back what it found (`no_tie_weights` in initialization.py). A second thread that
# begins meanwhile finds the empty function, and puts that back after the first has put back the real
# one. From then on no model of the process ties its embeddings: of a checkpoint with tied ones
# `lm_head.weight` is missing, and is filled with random numbers.
#
# Seen:
#   read before: lm_head is the embedding: True
#   read by four threads at once: tie_weights is as it was: False
#   read afterwards, alone: lm_head is the embedding: False
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 transformers==5.24.0

cat >"$folder/seen.py" <<'PYTHON'
import sys
from concurrent.futures import ThreadPoolExecutor

from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2}
config = LlamaConfig(vocab_size=64, num_attention_heads=4, tie_word_embeddings=True, **sizes)
LlamaForCausalLM(config).save_pretrained(sys.argv[1])


def read(_=None):
    model = LlamaForCausalLM.from_pretrained(sys.argv[1])
    return model.lm_head.weight is model.model.embed_tokens.weight


print("read before: lm_head is the embedding:", read())
before = PreTrainedModel.tie_weights
sys.setswitchinterval(1e-5)  # it takes longer to meet without
for _ in range(50):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read, range(16)))
    if PreTrainedModel.tie_weights is not before:
        break
print("read by four threads at once: tie_weights is as it was:", PreTrainedModel.tie_weights is before)
print("read afterwards, alone: lm_head is the embedding:", read())
PYTHON

"$folder/venv/bin/python" "$folder/seen.py" "$folder/model" 2>/dev/null | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
read before: lm_head is the embedding: True
read by four threads at once: tie_weights is as it was: False
read afterwards, alone: lm_head is the embedding: False
SEEN
