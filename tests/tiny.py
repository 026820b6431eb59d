"""A tiny Llama with random weights and a tokenizer of its own, made in a second, offline."""

import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

END = "<|end|>"
VOCABULARY = 512
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)
PARAGRAPHS = [
    "A river begins where rain and melting snow gather into one stream. It runs downhill, takes up "
    "other streams, and ends in a lake or in the sea. On its way it cuts valleys into the rock.",
    "The town stands on both banks of the river. Two bridges join the old market and the harbour, "
    "and every spring the water rises over the lower streets and is gone again within a week.",
    "Bread is made from flour, water, salt and yeast. The dough rests until it has doubled, is "
    "shaped, rests again, and goes into a hot oven. The crust is ready when it sounds hollow.",
    "In 1869 a chemist wrote the names of sixty-three elements on cards and laid them out by "
    "weight. Where the order broke he left a gap, and three of the gaps were filled by 1886.",
    "Bees find their way home by the sun and by what they have seen. When one has found flowers "
    "it dances on the comb: the angle gives the direction and the length gives the distance.",
    "A clock needs something that swings evenly, something that keeps it swinging, and something "
    "that counts. For three hundred years that was a pendulum, a weight and a wheel with teeth.",
]


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE trained on PARAGRAPHS, so that it can write any text; no BOS."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    bpe.train_from_iterator(PARAGRAPHS, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=END, pad_token=END)
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def make_tiny_model(folder: Path, seed: int = 0) -> Path:
    """Write a Llama of 3 blocks (d 64 and 128) with its tokenizer into `folder`; return it.

    The weights are large enough that what is pruned changes what is written.
    """
    tokenizer = make_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.2,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    print(make_tiny_model(Path(sys.argv[1])))
