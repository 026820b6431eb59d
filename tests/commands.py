"""The command line, in the process of the test."""

import sys
from collections.abc import Callable

import pytest

Run = Callable[..., tuple[int, str, str]]


def in_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *first: object
) -> Run:
    """`nmviz FIRST ARGUMENTS`: status, stdout, stderr."""
    from nmviz.cli.main import main  # here: what a test sets may have to come before

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nmviz", *map(str, (*first, *arguments))])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        return (int(end.value.code or 0), *capsys.readouterr())

    return call
