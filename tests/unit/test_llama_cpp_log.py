"""What llama.cpp prints comes in as it was printed, in our units; a broken log changes nothing."""

from pathlib import Path

import pytest

from nmviz.base.errors import UserError
from nmviz.store import open_store
from nmviz.store.transfer.importing import Format, import_file, read

LOADED = (
    "llama_model_loader: loaded meta data with 33 key-value pairs and 147 tensors from "
    "/models/Small-1B-Q4_K_M.gguf (version GGUF V3 (latest))\n"
    "kl_divergence: computing over 564 chunks, n_ctx=512, batch_size=2048, n_seq=4\n"
)
STATISTICS = """
====== Perplexity statistics ======
Mean PPL(Q)                   :   8.966302 ±   0.160270
Mean PPL(base)                :   8.453608 ±   0.150165
Cor(ln(PPL(Q)), ln(PPL(base))):  98.10%
Mean ln(PPL(Q)/PPL(base))     :   0.058880 ±   0.003478
Mean PPL(Q)/PPL(base)         :   1.060648 ±   0.003689
Mean PPL(Q)-PPL(base)         :   0.512694 ±   0.031904

====== KL divergence statistics ======
Mean    KLD:   0.097973 ±   0.002198
Maximum KLD:  20.749897
99.9%   KLD:   4.200683
99.0%   KLD:   1.447031
Median  KLD:   0.024584
10.0%   KLD:   0.000105
Minimum KLD:  -0.000134

====== Token probability statistics ======
Mean    Δp: -1.461 ± 0.065 %
Maximum Δp: 99.362%
99.9%   Δp: 54.835%
75.0%   Δp:  0.176%
Median  Δp: -0.009%
 1.0%   Δp: -51.942%
Minimum Δp: -99.634%
RMS Δp    : 10.455 ± 0.186 %
Same top p: 85.422 ± 0.223 %
"""
WANTED = {
    "perplexity": (8.966302, 0.160270),
    "dense_perplexity": (8.453608, 0.150165),
    "delta_nll": (0.058880, 0.003478),
    "kl": (0.097973, 0.002198),
    "kl_max": (20.749897, None),
    "kl_p999": (4.200683, None),
    "kl_p99": (1.447031, None),
    "kl_median": (0.024584, None),
    "delta_p_mean": (-0.01461, 0.00065),
    "delta_p_max": (0.99362, None),
    "delta_p_p999": (0.54835, None),
    "delta_p_median": (-0.00009, None),
    "delta_p_p01": (-0.51942, None),
    "delta_p_min": (-0.99634, None),
    "delta_p_rms": (0.10455, 0.00186),
    "top1_agreement": (0.85422, 0.00223),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "q4.log"


def test_every_number_is_as_printed_in_our_units(file: Path) -> None:
    file.write_text(LOADED + STATISTICS)
    batch = read(file)
    (result,) = (one.packed.result for one in batch.results)
    found = {one.metric: (one.value, one.stderr) for one in result.measurements}
    assert found == {
        name: (pytest.approx(value), stderr and pytest.approx(stderr))
        for name, (value, stderr) in WANTED.items()
    }
    assert {one.n for one in result.measurements} == {564 * 255}, "the second half but the last"
    assert batch.left_out == {
        "Mean PPL(Q)/PPL(base)": 1,
        "Mean PPL(Q)-PPL(base)": 1,
        "10.0% KLD": 1,
        "Minimum KLD": 1,
        "75.0% Δp": 1,
    }
    experiment = result.experiment
    assert (experiment.model, experiment.window) == ("Small-1B-Q4_K_M", 512)
    assert (experiment.protocol, experiment.corpus) == ("second-half", None)
    assert "independent" in str(result.provenance.note)


@pytest.mark.parametrize(
    "line",
    [
        "Final estimate: PPL = 13.9634 +/- 0.25031",
        "0.13.291.205 I Final estimate: PPL = 13.9634 +/- 0.25031",
        "Final estimate:  PPL  =  1.39634e1 ± 0.25031  ",
    ],
)
def test_a_perplexity_alone_and_marks_before_it(file: Path, line: str) -> None:
    file.write_text(f"[1]15.27,[2]5.40,\n{line}\n")
    (one,) = read(file, model="example/small-1b").results
    (number,) = one.packed.result.measurements
    assert (number.metric, number.value, number.stderr) == ("perplexity", 13.9634, 0.25031)
    assert number.n is None and one.packed.result.experiment.model == "example/small-1b"


def test_a_line_that_stands_there_twice_is_one(file: Path) -> None:
    """Older versions print the quantile of 99% twice."""
    again = "99.0%   KLD:   1.447031\n"
    file.write_text(LOADED + STATISTICS.replace(again, 2 * again))
    (one,) = read(file).results
    assert one.packed.result.get("kl_p99").value == 1.447031


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (STATISTICS, r"q4\.log does not say which model it is of: name it with --model"),
        (
            LOADED + STATISTICS.replace("99.9%   KLD:   4.200683", "99.0%   KLD:   4.2"),
            r"q4\.log, line 16: 99\.0% KLD stands there twice, with different values",
        ),
        (LOADED + STATISTICS.replace("0.097973", "nan"), r"line 13: nan is no number"),
        (LOADED + STATISTICS.replace("0.097973", "-0.5"), r"refused: kl is -0\.5"),
        (LOADED + STATISTICS.replace("85.422", "185.422"), r"refused: top1_agreement is 1\.85"),
        (LOADED + LOADED.replace("Small", "Large") + STATISTICS, "loads several models"),
        (LOADED + LOADED.replace("564", "565") + STATISTICS, "is of several runs"),
        (LOADED + "Final estimate: PPL\n", "holds no number of llama-perplexity"),
        (
            LOADED.replace("512", "99999999999") + STATISTICS,
            "564 chunks of 99999999999 tokens are no text",
        ),
    ],
    ids=lambda value: str(value)[-12:],
)
def test_a_broken_log_is_refused_whole(file: Path, tmp_path: Path, text: str, said: str) -> None:
    file.write_text(text)
    with open_store(tmp_path / "store.sqlite") as store:
        with pytest.raises(UserError, match=said):
            import_file(store, file)
        assert store.find() == []


def test_it_is_added_once_and_a_name_is_for_logs_alone(file: Path, tmp_path: Path) -> None:
    file.write_text(LOADED + STATISTICS)
    with open_store(tmp_path / "store.sqlite") as store:
        assert import_file(store, file).added == 1
        assert import_file(store, file, Format.LLAMA_CPP).added == 0
        (kept,) = store.find()
        assert kept.get("kl").value == 0.097973
    other = tmp_path / "a.jsonl"
    other.write_text("{}")
    with pytest.raises(UserError, match="leave --model out"):
        read(other, model="example/small-1b")
