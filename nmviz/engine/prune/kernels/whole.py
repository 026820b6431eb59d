"""Whole inputs in fp32 pruned, repaired, or their medians found, as jobs."""

from functools import cache
from typing import Any

import numpy as np
import torch
from numba import carray
from torch import Tensor

from nmviz.engine.prune.kernels import jobs
from nmviz.engine.prune.kernels.compiling import part_of_job
from nmviz.engine.prune.kernels.jobs import OWN, floats_at, next_part, offsets_at
from nmviz.engine.prune.kernels.narrow import LANES, NARROW, lanes_at_once, prune_narrow, steps_of
from nmviz.engine.prune.kernels.tokens import scale
from nmviz.engine.prune.kernels.wide import medians, prune_wide

STRANGE = jobs.STRANGE
X, OUT, SIZE, WIDTH, GROUP, KEEP, CHANNEL, CHANNELS, NETWORK, STEPS = range(OWN, OWN + 10)
SHIFT, BY_TOKEN, BY_CHANNEL, RESCALE = range(OWN + 10, OWN + 14)
LENGTH = OWN + 14
CHUNK = 1 << 14  # entries shifted, masked and scaled before the next: they stay in the cache
LEAST_VARIANCE = np.float32(1e-9)
u = np.uint64


@part_of_job
def _line(job):  # type: ignore[no-untyped-def]
    """The channel weights, and after how many blocks they repeat. A line that repeats is longer by
    a tile, so that a tile reads on without looking for its end."""
    many, group = job[CHANNELS], job[GROUP]
    more = np.int64(lanes_at_once(u(group))) * group
    if many == 0:
        return np.ones(more, np.float32), u(1)
    given = carray(floats_at(job[CHANNEL]), many)
    if many > job[WIDTH]:
        return given, u(many // group)
    line = np.empty(many + more, np.float32)
    for start in range(0, many + more, many):
        for i in range(min(many, many + more - start)):
            line[u(start + i)] = given[u(i)]
    return line, u(many // group)


@part_of_job
def _prune(x, channel, period, job, network, out, first, last):  # type: ignore[no-untyped-def]
    """Blocks first..last of x to out, by the network where there is one."""
    bits, group, keep = np.empty(0, np.int32), u(job[GROUP]), u(job[KEEP])
    if job[STEPS] < 0:
        return prune_wide(x, channel, period, group, keep, bits, out, u(first), u(last))
    return prune_narrow(x, channel, period, group, keep, network, bits, out, u(first), u(last))


@part_of_job
def _shifted(x, eta, job, row, out):  # type: ignore[no-untyped-def]
    """A token less its shift."""
    width = job[WIDTH]
    at, own = u(row * width), row * job[BY_TOKEN]
    if job[BY_CHANNEL]:
        for i in range(width):
            out[u(i)] = x[at + u(i)] - eta[u(own) * u(width) + u(i)]
    else:
        less = eta[u(own)]
        for i in range(width):
            out[u(i)] = x[at + u(i)] - less


@part_of_job
def _put_back(kept, factor, eta, job, row):  # type: ignore[no-untyped-def]
    """What is kept of a token scaled, and its shift added."""
    width, own = job[WIDTH], row * job[BY_TOKEN]
    if job[BY_CHANNEL]:
        for i in range(width):
            kept[u(i)] = kept[u(i)] * factor + eta[u(own) * u(width) + u(i)]
    else:
        more = eta[u(own)]
        for i in range(width):
            kept[u(i)] = kept[u(i)] * factor + more


@part_of_job
def _prune_parts(place, job):  # type: ignore[no-untyped-def]
    size = job[SIZE]
    x, out = carray(floats_at(job[X]), size), carray(floats_at(job[OUT]), size)
    channel, period = _line(job)
    network = carray(offsets_at(job[NETWORK]), (max(job[STEPS], 0), 2))
    first, last = next_part(place, job)
    while first < last:
        if _prune(x, channel, period, job, network, out, first, last):
            job[STRANGE] = 1
        first, last = next_part(place, job)


@part_of_job
def _repair_parts(place, job):  # type: ignore[no-untyped-def]
    size, width = job[SIZE], job[WIDTH]
    x, out = carray(floats_at(job[X]), size), carray(floats_at(job[OUT]), size)
    channel, period = _line(job)
    network = carray(offsets_at(job[NETWORK]), (max(job[STEPS], 0), 2))
    etas = (size // width if job[BY_TOKEN] else 1) * (width if job[BY_CHANNEL] else 1)
    eta = carray(floats_at(job[SHIFT]), etas)
    at_once, blocks = max(1, CHUNK // width), width // job[GROUP]
    shifted = np.empty(at_once * width, np.float32)
    first, last = next_part(place, job)
    while first < last:
        for start in range(first, last, at_once):
            count = min(at_once, last - start)
            for row in range(count):
                _shifted(x, eta, job, start + row, shifted[row * width : (row + 1) * width])
            kept = out[start * width : (start + count) * width]
            own = channel[np.int64(u(start * blocks) % period) * job[GROUP] :]
            if _prune(shifted, own, period, job, network, kept, 0, count * blocks):
                job[STRANGE] = 1
            for row in range(count):
                here = kept[row * width : (row + 1) * width]
                factor = np.float32(1)
                if job[RESCALE]:
                    factor = scale(shifted[row * width : (row + 1) * width], here, LEAST_VARIANCE)
                _put_back(here, factor, eta, job, start + row)
        first, last = next_part(place, job)


@part_of_job
def _median_parts(place, job):  # type: ignore[no-untyped-def]
    size, width = job[SIZE], job[WIDTH]
    x, out = carray(floats_at(job[X]), size), carray(floats_at(job[OUT]), size // width)
    bits = np.empty(0, np.int32)
    first, last = next_part(place, job)
    while first < last:
        if medians(x, u(width), bits, out, u(first), u(last)):
            job[STRANGE] = 1
        first, last = next_part(place, job)


def prune(x: Tensor, channel: Tensor | None, keep: int, group: int) -> Tensor:
    """`kernels.prune`."""
    given, weights, out = _given(x, channel)
    own = _asked(given, weights, out, keep, group)
    jobs.run(_pruning(), x.numel() // group, x.numel(), own, step=LANES)
    return out


def repair(
    x: Tensor, channel: Tensor | None, keep: int, group: int, shift: Tensor, rescale: bool
) -> Tensor:
    """`kernels.repair`, with a shift [tokens or 1, d_in or 1]. ValueError for one of another shape:
    what compiled code reads by address nobody else looks after."""
    given, weights, out = _given(x, channel)
    tokens, channels = shift.shape
    if tokens not in (1, x.numel() // x.shape[-1]) or channels not in (1, x.shape[-1]):
        raise ValueError(f"a shift of {tuple(shift.shape)} for an input of {tuple(x.shape)}")
    own = _asked(given, weights, out, keep, group)
    own = *own, shift.data_ptr(), tokens > 1, channels > 1, rescale
    jobs.run(_repairing(), x.numel() // x.shape[-1], x.numel(), own)
    return out


def median(x: Tensor) -> Tensor:
    """`kernels.median`."""
    given, width = x.detach().contiguous(), x.shape[-1]
    out = given.new_empty(*x.shape[:-1], 1)
    own = given.data_ptr(), out.data_ptr(), x.numel(), width
    jobs.run(_halving(), out.numel(), x.numel(), own)
    return out


def _given(x: Tensor, channel: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor]:
    """The input and its weights as they are read, and room for what is made of it."""
    given = x.detach().contiguous()
    if channel is not None:
        channel = channel.detach().to(x.dtype)
        if channel.numel() != x.shape[-1]:
            channel = channel.expand(x.shape)
        channel = channel.contiguous()
    return given, channel, torch.empty_like(given)


def _asked(
    given: Tensor, channel: Tensor | None, out: Tensor, keep: int, group: int
) -> tuple[int, ...]:
    """A job from X to STEPS."""
    whole = given.data_ptr(), out.data_ptr(), given.numel(), given.shape[-1], group, keep
    weights = (0, 0) if channel is None else (channel.data_ptr(), channel.numel())
    address, steps, _ = _network(keep, group)
    return *whole, *weights, address, steps


@cache
def _network(keep: int, group: int) -> tuple[int, int, np.ndarray | None]:
    """Where the steps of its network lie, how many they are, -1 without one, and these, so that
    they stay."""
    if group > NARROW:
        return 0, -1, None
    steps = steps_of(group, keep)
    return steps.__array_interface__["data"][0], len(steps), steps


@cache
def _pruning() -> Any:
    """Work on blocks: each pruned."""
    now = jobs.stamp()

    def prune_blocks(place):  # type: ignore[no-untyped-def]
        if now >= 0:
            _prune_parts(place, carray(place, LENGTH))

    return jobs.work(prune_blocks)


@cache
def _repairing() -> Any:
    """Work on tokens: each shifted, pruned, scaled to its variance, shifted back."""
    now = jobs.stamp()

    def repair_tokens(place):  # type: ignore[no-untyped-def]
        if now >= 0:
            _repair_parts(place, carray(place, LENGTH))

    return jobs.work(repair_tokens)


@cache
def _halving() -> Any:
    """Work on tokens: the lower median of each."""
    now = jobs.stamp()

    def halve_tokens(place):  # type: ignore[no-untyped-def]
        if now >= 0:
            _median_parts(place, carray(place, LENGTH))

    return jobs.work(halve_tokens)
