"""Published accuracies of 4-bit weights and smaller dense models: what is lost, and bad files."""

from pathlib import Path

import pytest

from nmviz.base.errors import UserError
from nmviz.hardware.facts import shipped
from nmviz.published.baselines import BASELINES_FILE, Baseline, read_baselines
from nmviz.store.database import published_folder


def ships() -> tuple[Baseline, ...]:
    folder = published_folder()
    assert folder is not None
    return read_baselines(folder)


def test_what_is_lost_is_the_mean_share_of_the_dense_accuracies() -> None:
    """Gemma 3 1B beside 4B: 9.4 of 82.4, 9.1 of 72.3, 5.8 of 79.6 and 6.5 of 64.7 points."""
    (one,) = (one for one in ships() if one.smaller == "gemma-3-1b")
    lost = (9.4 / 82.4 + 9.1 / 72.3 + 5.8 / 79.6 + 6.5 / 64.7) / 4
    assert one.drop == pytest.approx(100 * lost)


def test_its_error_is_binomial_with_both_models_and_the_rounding_in_it() -> None:
    """Of 1,838, 2,376, 3,270 and 1,267 examples; printed to 0.1%."""
    (one,) = (one for one in ships() if one.smaller == "gemma-3-1b")
    examples = {"arc_easy": 2376, "boolq": 3270, "piqa": 1838, "winogrande": 1267}
    spread = 0.0
    for task, n in examples.items():
        own, dense = float(one.accuracies[task]), float(one.dense[task])
        of_own, of_dense = (p * (1 - p) / (n - 1) + 1e-6 / 12 for p in (own, dense))
        spread += of_own / dense**2 + own**2 * of_dense / dense**4
    assert one.error == pytest.approx(100 * spread**0.5 / 4)


def test_every_row_has_a_source_and_takes_less_memory_than_dense() -> None:
    for one in ships():
        assert one.citation and one.place and one.protocol and one.url.startswith("https://")
        assert 0 < one.memory < 50
        assert one.model in shipped() and (one.kind == "smaller dense") == bool(one.smaller)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("0.730", "high"), "line 4: could not convert"),
        (("smaller dense", "bigger"), "line 4: kind: Input should be '4-bit weights' or"),
        (("gemma-3-1b", "gemma-9"), "line 4: 'gemma-9' is not known: mend the row"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_by_its_line(
    tmp_path: Path, changed: tuple[str, str], said: str
) -> None:
    folder = published_folder()
    assert folder is not None
    text = (folder / BASELINES_FILE).read_text(encoding="utf-8")
    (tmp_path / BASELINES_FILE).write_text(text.replace(*changed, 1), encoding="utf-8")
    with pytest.raises(UserError, match=said):
        read_baselines(tmp_path)


def test_a_file_that_is_missing_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"baselines\.csv cannot be read"):
        read_baselines(tmp_path)
