"""Importing this has numba read what it knows of types and targets, which every process else does
before its first compiled function, found on the disk or not. It compiles and computes nothing."""

from numba.core.registry import cpu_target

cpu_target.typing_context.refresh()
cpu_target.target_context.refresh()
