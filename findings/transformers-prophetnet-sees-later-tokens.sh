#!/usr/bin/env bash
# transformers 5.24.0 with torch 2.13.0, seen on 2026-11-29.
#
# ProphetNetForCausalLM is no causal model: tokens exchanged early in a text move the scores of tokens
# before them, tokens exchanged in its second half do not. With ngram = 2 an early position is given
# relative position embeddings that belong to later positions (they are reshaped on other axes than
# they were made on). A perplexity of it is that of a model which has seen some of what it predicts,
# and a check of causality that changes only the second half of a text finds nothing.
#
# Seen:
#   exchanged from token 4 on: scores before it move
#   exchanged from token 8 on: scores before it move
#   exchanged from token 16 on: scores before it stay
#   exchanged from token 31 on: scores before it stay
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 transformers==5.24.0

cat >"$folder/seen.py" <<'PYTHON'
import torch
from transformers import ProphetNetConfig, ProphetNetForCausalLM

torch.manual_seed(0)
config = ProphetNetConfig(
    vocab_size=100,
    hidden_size=64,
    decoder_ffn_dim=64,
    num_decoder_layers=2,
    num_decoder_attention_heads=4,
    max_position_embeddings=64,
    ngram=2,
    num_buckets=8,
    init_std=0.2,
    is_decoder=True,
    is_encoder_decoder=False,
    add_cross_attention=False,
)
model = ProphetNetForCausalLM(config).eval()
text = torch.randint(3, 100, (1, 32))
with torch.no_grad():
    scores = model(input_ids=text, use_cache=False).logits
    for place in (4, 8, 16, 31):
        other = text.clone()
        other[:, place:] = (other[:, place:] + 4) % 97 + 3
        change = model(input_ids=other, use_cache=False).logits - scores
        moved = change[:, :place].abs().max().item() > 1e-3
        print(f"exchanged from token {place} on: scores before it {'move' if moved else 'stay'}")
PYTHON

"$folder/venv/bin/python" "$folder/seen.py" 2>/dev/null | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
exchanged from token 4 on: scores before it move
exchanged from token 8 on: scores before it move
exchanged from token 16 on: scores before it stay
exchanged from token 31 on: scores before it stay
SEEN
