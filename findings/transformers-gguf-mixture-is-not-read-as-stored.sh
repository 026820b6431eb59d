#!/usr/bin/env bash
# transformers 5.24.0 with torch 2.13.0 and gguf 0.19.0, seen on 2026-11-29.
#
# Two things about GGUF files of Qwen3-MoE. The head's expert_feed_forward_length is not read: the
# config has 768, which is right of the 30B model alone, so a file of any other width does not open
# unless the config is given the width by hand. And a file that has the gates of its experts but not
# the other half (ffn_up_exps) opens without a word: both are parts of one parameter, which then
# counts as found, and the missing half is all zeros, so that every expert gives 0.
#
# Seen:
#   width of an expert: 32 in the head, 768 in the config
#   without ffn_up_exps: 0 keys reported missing, that half of the parameter is all zeros: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 transformers==5.24.0 gguf==0.19.0 accelerate==1.15.0

cat >"$folder/seen.py" <<'PYTHON'
import sys

import gguf
import torch
from transformers import AutoConfig, AutoModelForCausalLM, Qwen3MoeConfig

WIDTH, SIZE = 32, 64
config = Qwen3MoeConfig(
    vocab_size=SIZE,
    hidden_size=SIZE,
    moe_intermediate_size=WIDTH,
    num_hidden_layers=1,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=16,
    num_experts=4,
    num_experts_per_tok=2,
)
torch.manual_seed(0)
model = AutoModelForCausalLM.from_config(config)
names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN3MOE, 1)
tensors = {}
for name, tensor in model.state_dict().items():
    if name.endswith("experts.gate_up_proj"):
        gate, up = tensor.chunk(2, 1)
        tensors |= {"blk.0.ffn_gate_exps.weight": gate, "blk.0.ffn_up_exps.weight": up}
    elif name.endswith("experts.down_proj"):
        tensors["blk.0.ffn_down_exps.weight"] = tensor
    else:
        tensors[names.get_name(name, try_suffixes=(".weight",))] = tensor


def write(path, left_out=()):
    writer = gguf.GGUFWriter(path, "qwen3moe")
    writer.add_context_length(SIZE)
    writer.add_embedding_length(SIZE)
    writer.add_block_count(1)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_key_length(16)
    writer.add_value_length(16)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_expert_count(4)
    writer.add_expert_used_count(2)
    writer.add_expert_feed_forward_length(WIDTH)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"t{number}" for number in range(SIZE)])
    for name, tensor in tensors.items():
        if name not in left_out:
            writer.add_tensor(name, tensor.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


folder = sys.argv[1]
write(f"{folder}/whole.gguf")
write(f"{folder}/half.gguf", ["blk.0.ffn_up_exps.weight"])
read = AutoConfig.from_pretrained(folder, gguf_file="whole.gguf")
print(f"width of an expert: {WIDTH} in the head, {read.moe_intermediate_size} in the config")
read.moe_intermediate_size = WIDTH
half, told = AutoModelForCausalLM.from_pretrained(
    folder, gguf_file="half.gguf", config=read, output_loading_info=True
)
_, up = half.model.layers[0].mlp.experts.gate_up_proj.chunk(2, 1)
print(
    f"without ffn_up_exps: {len(told['missing_keys'])} keys reported missing, "
    f"that half of the parameter is all zeros: {not up.any()}"
)
PYTHON

"$folder/venv/bin/python" "$folder/seen.py" "$folder" 2>/dev/null | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
width of an expert: 32 in the head, 768 in the config
without ffn_up_exps: 0 keys reported missing, that half of the parameter is all zeros: True
SEEN
