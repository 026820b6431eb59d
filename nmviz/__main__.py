"""`python -m nmviz` is the command `nmviz`."""

from nmviz.cli.main import main

main()
