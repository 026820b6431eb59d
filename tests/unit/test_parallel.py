"""Parallel runs keep a file's tests together: what a module or session makes is made once."""

import pytest


def test_a_file_stays_together(request: pytest.FixtureRequest) -> None:
    if not hasattr(request.config, "workerinput"):
        pytest.skip("not run in parallel")
    assert request.node.nodeid.endswith("@unit/test_parallel")
