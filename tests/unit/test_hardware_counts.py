"""Costs counted from the shape of a model, against arithmetic by hand."""

import pytest

from nmviz.base.errors import UserError
from nmviz.hardware.counts import AT_MOST, EXPECTED, Bytes, Counts, count
from nmviz.hardware.decoder import Attention
from nmviz.hardware.facts import shipped
from nmviz.hardware.families import decoder
from nmviz.hardware.metadata import multiplexer_inputs, row_bits
from nmviz.hardware.pruning import Pruning
from nmviz.hardware.work import Work
from nmviz.methods.patterns import parse_pattern
from nmviz.methods.site_lists import Sites

LLAMA2 = 6_476_005_376  # 32 blocks of 4 * 4096^2 + 3 * 4096 * 11008
HEAD = 32_000 * 4096
DECODE = Work("decode", context=2048)
PREFILL = Work("prefill", tokens=2048)
MIXTURE = {
    "model_type": "mixtral",
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "vocab_size": 10,
}


def of_llama2(work: Work, **pruned: object) -> Counts:
    return count(shipped()["llama2-7b"], work, Pruning(**pruned))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("llama2-7b", LLAMA2),
        ("llama3.1-8b", 32 * (2 * 4096**2 + 2 * 4096 * 1024 + 3 * 4096 * 14_336)),
        ("qwen2.5-7b", 28 * (2 * 3584**2 + 2 * 3584 * 512 + 3 * 3584 * 18_944)),
        ("gemma3-4b", 34 * (2 * 2560 * 2048 + 2 * 2560 * 1024 + 3 * 2560 * 10_240)),
    ],
)
def test_the_weights_of_the_four_models(model: str, parameters: int) -> None:
    assert shipped()[model].block_parameters == parameters


def test_one_decoding_step_of_llama_2_by_hand() -> None:
    """Every weight once; 32 blocks of keys and values of 2,048 tokens, 4,096 wide, in two bytes."""
    found = of_llama2(DECODE)
    in_and_out = 3 * 8192 + 8192 + 2 * (4096 + 11_008) + (11_008 + 4096) + 8192
    assert found.bytes() == Bytes(
        weights=2 * (LLAMA2 + HEAD),
        activations=2 * (32 * in_and_out + 4096 + 32_000),
        metadata=0,
        kv_cache=2**30,
    )
    assert found.multiply_adds("blocks") == LLAMA2
    assert found.multiply_adds("attention") == 32 * 2 * 4096 * 2048
    assert found.multiply_adds("lm_head") == HEAD
    assert found.multiply_adds() == LLAMA2 + 32 * 2 * 4096 * 2048 + HEAD


def test_a_prompt_counts_the_causal_half_and_the_head_of_the_last_token() -> None:
    found = of_llama2(PREFILL)
    assert found.multiply_adds("blocks") == 2048 * LLAMA2
    assert found.multiply_adds("attention") == 32 * 2 * 4096 * (2048 * 2049 // 2)
    assert found.multiply_adds("lm_head") == HEAD
    assert found.bytes().weights == 2 * (LLAMA2 + HEAD)


def test_a_window_is_all_that_a_block_sees() -> None:
    near = Attention(1, 1, 1, window=3)
    assert near.pairs(5) == 1 + 2 + 3 + 3 + 3
    assert Attention(1, 1, 1).pairs(5) == 15
    assert (near.seen(5), near.seen(2)) == (3, 2)
    windows = [one.attention.window for one in shipped()["gemma3-4b"].blocks]
    assert windows[:7] == [1024] * 5 + [None, 1024]


@pytest.mark.parametrize("pattern", ["2:4", "8:16", "50%"])
def test_weights_save_products_and_bytes_in_both_phases(pattern: str) -> None:
    for work in (PREFILL, DECODE):
        found = of_llama2(work, weight=parse_pattern(pattern))
        assert found.multiply_adds("blocks") == work.new * LLAMA2 // 2
        assert found.bytes().weights == LLAMA2 + 2 * HEAD
        assert found.bytes().activations == found.bytes(dense=True).activations


def test_activations_save_products_but_no_weights_in_a_prompt_or_a_batch() -> None:
    for work in (PREFILL, Work("decode", context=2048, batch=2)):
        found = of_llama2(work, activation=parse_pattern("2:4"))
        assert found.multiply_adds("blocks") == work.new * LLAMA2 // 2
        assert found.bytes().weights == found.bytes(dense=True).weights


def test_activations_save_weight_columns_where_one_token_decodes() -> None:
    found = of_llama2(DECODE, activation=parse_pattern("1:4"))
    assert found.bytes().weights == 2 * LLAMA2 // 4 + 2 * HEAD
    assert found.multiply_adds("blocks") == LLAMA2 // 4


def test_both_keep_the_products_of_what_both_keep() -> None:
    found = of_llama2(DECODE, activation=parse_pattern("2:4"), weight=parse_pattern("1:4"))
    assert found.multiply_adds("blocks") == LLAMA2 // 8
    assert found.bytes().weights == 2 * LLAMA2 // 8 + 2 * HEAD


@pytest.mark.parametrize(
    ("scheme", "pattern", "bits"),
    [
        ("index", "2:4", 32 // 4 * 2 * 2),  # two bits for each of two of four
        ("bitmap", "2:4", 32),
        ("code", "2:4", 8 * 3),  # 6 masks: 3 bits
        ("index", "8:16", 2 * 8 * 4),
        ("code", "8:16", 2 * 14),  # 12,870 masks: 14 bits
        ("index", "50%", 16 * 5),
        ("code", "50%", 30),  # C(32, 16) = 601,080,390
        ("index", "dense", 0),
    ],
)
def test_bits_of_one_row_of_32(scheme: str, pattern: str, bits: int) -> None:
    kept = 32 if pattern == "dense" else 16
    assert row_bits(parse_pattern(pattern), scheme, 32, kept) == bits


def test_metadata_of_weights_is_read_once_and_of_activations_for_every_token() -> None:
    half = parse_pattern("2:4")
    weights = of_llama2(PREFILL, weight=half, metadata="index").bytes().metadata
    assert weights == LLAMA2 // 8  # a bit an element, as NVIDIA's 2:4 spends
    inputs = of_llama2(PREFILL, activation=half, metadata="bitmap").bytes().metadata
    assert inputs == 2048 * 32 * (6 * 4096 + 11_008) // 8


def test_a_code_for_a_whole_matrix_is_near_its_entropy() -> None:
    one = decoder({**MIXTURE, "model_type": "llama"}, "x", "X", "here")
    found = count(one, Work(), Pruning(weight=parse_pattern("50%"), metadata="code"))
    up = next(cost for cost in found.costs if cost.name == "up")
    assert up.bytes.metadata == 16  # log2 C(128, 64) = 124.2 bits


def test_a_scope_prunes_what_it_names() -> None:
    found = of_llama2(DECODE, weight=parse_pattern("2:4"), sites=Sites.read("down:0-1"))
    assert found.multiply_adds("blocks") == LLAMA2 - 2 * 4096 * 11_008 // 2


def test_products_of_two_masks_are_expected_and_one_mask_is_exact() -> None:
    """One token skips columns of pruned weights; of many it is only the products that are open."""
    both = {"activation": parse_pattern("2:4"), "weight": parse_pattern("1:4")}
    assert of_llama2(PREFILL, **both).open_products("blocks") == EXPECTED
    assert of_llama2(PREFILL, **both).open_products("lm_head") == ""
    assert of_llama2(PREFILL, **both).open_bytes() == ""
    assert of_llama2(DECODE, **both).open_bytes() == EXPECTED
    assert of_llama2(DECODE, **both).open_bytes("weights", dense=True) == ""
    for one in ("activation", "weight"):
        alone = of_llama2(DECODE, **{one: both[one]})
        assert alone.open_bytes() == alone.open_products() == ""


def test_a_mixture_counts_its_active_experts_and_reads_those_that_are_asked() -> None:
    one = decoder(MIXTURE, "x", "X", "here")
    attention, expert = 8 * 8 * 2 + 4 * 8 * 2, 3 * 8 * 16
    router = 4 * 8
    assert one.block_parameters == attention + router + 4 * expert
    found = count(one, Work("decode", context=1, dtype="int8"), Pruning())
    assert found.multiply_adds("blocks") == attention + router + 2 * expert
    assert found.bytes().weights == attention + router + 2 * expert + 80
    several = count(one, Work("decode", context=1, batch=3, dtype="int8"), Pruning())
    assert several.bytes().weights == attention + router + 4 * expert + 80
    assert found.open_bytes() == "" and found.open_products() == ""
    assert several.open_bytes("weights") == several.open_bytes(dense=True) == AT_MOST
    assert several.open_bytes("activations") == "" and several.open_products() == ""


def test_intensity_is_two_operations_for_a_multiply_add_over_all_bytes() -> None:
    found = of_llama2(DECODE)
    assert (found.multiply_adds(), found.bytes().total) == (7_143_948_288, 14_293_490_176)
    assert found.intensity() == pytest.approx(0.99961, abs=1e-5)


def test_gathering_takes_a_multiplexer_of_the_block_for_every_kept_entry() -> None:
    assert (multiplexer_inputs(2, 4), multiplexer_inputs(8, 16)) == (8, 128)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_hidden_layers": None}, "has no num_hidden_layers"),
        ({"intermediate_size": -1}, "intermediate_size = -1: a size is above 0"),
        ({"hidden_size": "8"}, "hidden_size = 8"),
        ({"vocab_size": True}, "vocab_size = True"),
        ({"model_type": "mamba"}, "of the type 'mamba', whose layers are not known here"),
        ({"model_type": None}, "of no model_type"),
        ({"num_experts_per_tok": 5}, "sends a token to 5 of 4 experts"),
        ({"text_config": [1]}, "text_config that is no object"),
        ({"num_hidden_layers": 10**8}, "100,000,000 blocks"),
    ],
)
def test_a_config_that_lacks_a_number_is_refused_in_a_sentence(
    change: dict[str, object], said: str
) -> None:
    with pytest.raises(UserError, match=said) as refused:
        decoder({**MIXTURE, **change}, "x", "X", "here")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("pruned", "said"),
    [
        ({"weight": parse_pattern("2:3")}, "does not fit q of Llama 2 7B"),
        ({"weight": parse_pattern("2:4"), "sites": Sites.read("fc")}, "has no layer 'fc'"),
        ({"weight": parse_pattern("2:4"), "sites": Sites.read("q:32")}, "has blocks 0 to 31"),
        ({"metadata": "huffman"}, "no scheme of metadata 'huffman'"),
    ],
)
def test_a_pattern_or_scope_that_does_not_fit_is_refused(
    pruned: dict[str, object], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        of_llama2(DECODE, **pruned)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tokens": 0}, "tokens is from 1"),
        ({"context": 0}, "context is from 1"),
        ({"batch": -1}, "batch is from 1"),
        ({"dtype": "fp64"}, "no data type 'fp64'"),
        ({"phase": "train"}, "no phase 'train'"),
    ],
)
def test_work_that_cannot_be_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Work(**fields)  # type: ignore[arg-type]


def test_of_blocks_that_are_left_out_nothing_is_counted() -> None:
    """3 of 32: 29 thirty-seconds of weights and of keys and values, and the whole head."""
    found = of_llama2(DECODE, left_out=frozenset((0, 30, 31)))
    assert found.multiply_adds("blocks") == LLAMA2 * 29 // 32
    assert found.multiply_adds("blocks", dense=True) == LLAMA2
    assert found.bytes().weights == 2 * (LLAMA2 * 29 // 32 + HEAD)
    assert found.bytes().kv_cache == 2**30 * 29 // 32 and found.bytes().metadata == 0
    assert found.bytes(dense=True).kv_cache == 2**30


def test_blocks_that_a_model_does_not_have_cannot_be_left_out() -> None:
    with pytest.raises(UserError, match="has blocks 0 to 31: 32 is none"):
        of_llama2(DECODE, left_out=frozenset((32,)))
    with pytest.raises(UserError, match="no block left"):
        of_llama2(DECODE, left_out=frozenset(range(32)))
