"""What several test files share."""

from pathlib import Path

import pytest


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In parallel runs a file stays together, and all browser tests do: they share one app."""
    for item in items:
        folder = item.path.parent.name
        group = folder if folder == "browser" else f"{folder}/{item.path.stem}"
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random Llama with its tokenizer, made once a session."""
    from tiny import make_tiny_model  # here, so that tests without a model need no torch

    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")
