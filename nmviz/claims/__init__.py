"""The paper's claims, and two of papers beside it, as questions, each answered by a pure function
of the evidence.

A new claim is one file with a `Claim`, and its name in the list below.
"""

from nmviz.base.registry import Registry
from nmviz.claims import (
    criteria,
    depth,
    dynamic,
    generation,
    ladder,
    memory,
    metadata,
    repair,
    share,
    speed,
    targets,
)
from nmviz.claims.shared.answer import Answer, Claim, Half, Live, Number
from nmviz.claims.shared.estimate import VERDICTS, Estimate, Verdict
from nmviz.claims.shared.evidence import Evidence

__all__ = [
    "CLAIMS",
    "VERDICTS",
    "Answer",
    "Claim",
    "Estimate",
    "Evidence",
    "Half",
    "Live",
    "Number",
    "Verdict",
]

CLAIMS: Registry[Claim] = Registry("claim")
for _claim in (
    targets.CLAIM,
    ladder.CLAIM_SIXTEEN,
    ladder.CLAIM_EIGHT,
    repair.CLAIM,
    criteria.CLAIM,
    share.CLAIM,
    metadata.CLAIM,
    generation.CLAIM,
    speed.CLAIM,
    dynamic.CLAIM,
    memory.CLAIM,
    depth.CLAIM,
):
    CLAIMS.add(_claim.name, _claim)
CLAIMS.freeze()
