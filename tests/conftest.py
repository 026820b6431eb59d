"""What several test files share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random Llama with its tokenizer, made once a session."""
    from tiny import make_tiny_model  # here, so that tests without a model need no torch

    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")
