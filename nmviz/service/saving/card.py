"""The model card of a pruned model, README.md: every number in it is measured."""

from collections.abc import Iterator
from typing import Any

from nmviz.base import plain_yaml
from nmviz.core.metrics import METRICS
from nmviz.core.protocols import text_in_words
from nmviz.core.provenance import as_read
from nmviz.core.results import Measurement
from nmviz.service.saving.about import Made
from nmviz.sources.saved import ABOUT, MASKS, RECIPE

SHOWN = ("dense_perplexity", "perplexity", "delta_nll", "kl", "kl_p99", "top1_agreement")
VERSIONS = ("nmviz", "torch", "transformers")
LICENCES = {"Apache-2.0": "apache-2.0", "Gemma Terms of Use": "gemma"}
"""Licences of pinned models, as the hub calls them."""
DENSE = """\
The weights are stored as any others are, zeros included: the files are no smaller for it, and a
program that does not skip zeros is no faster. There is no compressed form to write: in 2026
[compressed-tensors](https://github.com/vllm-project/compressed-tensors/pull/610),
[vLLM](https://github.com/vllm-project/vllm/pull/36799) and
[torchao](https://github.com/pytorch/ao/pull/4728) dropped their formats for 2:4."""
LOADING = """\
```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("FOLDER", dtype="auto")
tokenizer = AutoTokenizer.from_pretrained("FOLDER")
```

`nmviz run --model FOLDER` measures it as any other model."""
MASK = f"""\
`{MASKS}` has the mask of every pruned layer under its name, in bits along d_in:

```python
import numpy as np
from safetensors.numpy import load_file

bits = load_file("{MASKS}")["LAYER"]  # uint8 [d_out, d_in / 8, rounded up]
kept = np.unpackbits(bits, axis=1)[:, :d_in]  # 1 where the weight was kept
```"""
APPLYING = f"""\
The weights are not here: this is what is done to the inputs of the layers, anew for every token.

```
python apply_recipe.py MODEL "The river"
nmviz run --model FOLDER
```

The script needs torch, transformers and safetensors; its `attach(model, folder)` hooks any model in
memory. `{RECIPE}` has what the methods need at every layer (channel weights, shifts, thresholds,
rotations and the like, a tensor named `site|method|name`), and `{ABOUT}` the pattern of every
layer, the criterion and the mitigations with all their settings. The hooks set what is dropped to
zero and multiply it all the same, so nothing is faster for it."""


def card(made: Made) -> str:
    """The text of README.md."""
    loading = APPLYING if made.is_recipe else f"{LOADING}\n\n{DENSE}"
    parts = {
        "What it costs": _cost(made),
        "How it is used": loading,
        "What is pruned": "\n\n".join(_pruned(made)),
        "Where it comes from": "\n\n".join(_origin(made)),
    }
    sections = (f"## {title}\n\n{text}" for title, text in parts.items())
    return "\n\n".join([_head(made), *sections]) + "\n"


def _head(made: Made) -> str:
    """What the hub reads, and what this is."""
    told: dict[str, Any] = {"library_name": "transformers", "pipeline_tag": "text-generation"}
    if "/" in made.info.id and not made.is_local:
        told["base_model"] = made.info.id.partition("@")[0]
    if made.info.licence in LICENCES:
        told["license"] = LICENCES[made.info.licence]
    told["tags"] = ["nmviz", "pruned", "sparsity", made.experiment.pattern]
    what = "inputs of layers" if made.is_recipe else "weights"
    name = made.info.title if made.is_local else f"{made.info.title} (`{made.info.id}`)"
    lines = [
        f"---\n{plain_yaml.dump(told)}---",
        f"# {made.info.title}: {made.words}",
        f"{name} with {what} pruned by nmviz: {made.experiment.mask.words}.",
        made.info.note,
        made.info.terms and f"{made.info.terms}.",
    ]
    return "\n\n".join(line for line in lines if line)


def _cost(made: Made) -> str:
    """A table of what was measured, and on what."""
    rows = [_row(one) for name in SHOWN if (one := made.result.get(name)) is not None]
    experiment = made.experiment
    read = f"On {experiment.tokens:,} tokens of {text_in_words(experiment)}, in float32; ± is one"
    key = experiment.key[:12]
    whose = "measured from these files" if made.of_files else f"as `nmviz run` has them ({key})"
    table = "\n".join(["| | |", "|---|---|", *rows])
    return f"{table}\n\n{read} standard error. The numbers are {whose}."


def _row(one: Measurement) -> str:
    metric = METRICS.get(one.metric)
    error = "" if one.stderr is None else f" ± {one.stderr:.2g}"
    return f"| {metric.title} | {f'{one.value:.5g}{error} {metric.unit}'.rstrip()} |"


def _pruned(made: Made) -> Iterator[str]:
    covered = made.result.provenance.coverage
    lines = [f"- {len(made.sites)} layers"]
    lines += [f"- {said}" for said in covered.lines()] if covered else []
    lines += [f"- {said}" for said in as_read(made.result.provenance)]
    if made.type:
        lines += [f"- stored as {made.type}"]
    yield "\n".join(lines)
    if not made.is_recipe:
        yield MASK


def _origin(made: Made) -> Iterator[str]:
    ran = made.result.provenance
    known = [f"{name} {ran.versions[name]}" for name in VERSIONS if name in ran.versions]
    told = [f"- model: SHA-256 `{made.sha256}`", f"- licence: {made.info.licence}"]
    told += [f"- made with {', '.join(known)}"] if known else []
    yield "\n".join(told)
    if made.command:
        yield f"```\n{made.command}\n```"
    yield f"`{ABOUT}` has the whole experiment, its key, coverage and provenance."
