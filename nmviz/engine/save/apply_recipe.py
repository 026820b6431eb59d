"""Prune the activations of a model as a recipe of nmviz says, with forward hooks.

    python apply_recipe.py MODEL "The river"

MODEL is what transformers loads: the model that nmviz.json names, or a copy. Nothing of nmviz is
needed, only torch, transformers and safetensors. One text at a time: some methods look at the whole
text, and a batch would be several.
"""

import json
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

State = Mapping[str, Mapping[str, Tensor]]  # of one layer: method -> name -> tensor


def attach(model: nn.Module, folder: str | Path) -> list[Any]:
    """Hook every layer of the recipe in `folder`; `remove()` of what is returned undoes it."""
    about = json.loads((Path(folder) / "nmviz.json").read_text("utf-8"))
    states: dict[str, dict[str, dict[str, Tensor]]] = {name: {} for name in about["sites"]}
    for place, tensor in load_file(Path(folder) / "recipe.safetensors").items():
        site, method, name = place.split("|")
        states[site].setdefault(method, {})[name] = tensor
    modules, handles = dict(model.named_modules()), []
    for site, pattern in about["sites"].items():
        if site not in modules:
            raise SystemExit(f"{site} is no layer of its own, so no hook reaches it.")
        layer = Layer(modules[site], pattern, about, states[site])
        for module in modules.values():  # several may share one weight
            if getattr(module, "weight", None) is layer.module.weight:
                handles.append(module.register_forward_pre_hook(layer.before))
                handles.append(module.register_forward_hook(layer.after))
    return handles


class Layer:
    """One layer: what is done to its input, and to its output."""

    def __init__(self, module: Any, pattern: str, about: Any, state: State) -> None:
        self.module, self.pattern = module, pattern
        self.state = {
            method: {name: tensor.to(module.weight.device) for name, tensor in own.items()}
            for method, own in state.items()
        }
        self.criterion, self.mitigations = about["criterion"], about["mitigations"]
        linear = isinstance(module, nn.Linear)
        self.weight = module.weight if linear else module.weight.T  # [d_out, d_in]

    def before(self, module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor]:
        """The input, [..., tokens, d_in], shifted, masked, repaired and shifted back."""
        x = args[0] if args[0].dim() > 2 else args[0][None]
        shifted, undos = x, []
        for step in self.mitigations:
            shifted, undo = shift(step, shifted, self.weight, self.state.get(step["name"], {}))
            undos.append(undo)
        kept = torch.where(self.mask(shifted), shifted, 0)
        if any(step["name"] == "var" for step in self.mitigations):
            whole, left = (one.var(-1, keepdim=True) for one in (shifted, kept))
            kept = kept * (whole / left.clamp_min(1e-9)).sqrt()
        for undo in reversed(undos):
            kept = undo(kept)
        self.x, self.kept = x, kept
        return (kept.reshape(args[0].shape).to(args[0].dtype),)

    def after(self, module: Any, args: Any, y: Tensor) -> Tensor:
        """The output, [..., d_out]: mitigations change the product, before the bias is added."""
        if not any(step["name"] in ("ls", "l-pts", "r-sparse") for step in self.mitigations):
            return y
        bias = 0 if module.bias is None else module.bias
        product = (y - bias).view(*self.x.shape[:-1], -1)
        for step in self.mitigations:
            own = self.state.get(step["name"], {})
            if step["name"] == "ls":
                product = product * (1 + own["gamma"])
            elif step["name"] == "l-pts" and step["settings"]["where"] == "output":
                product = product + own["shift"]
            elif step["name"] == "r-sparse":
                product = product + (self.x - self.kept) @ own["wide"].T @ own["narrow"].T
        return (product.reshape(y.shape) + bias).to(y.dtype)

    def mask(self, x: Tensor) -> Tensor:
        """True where an entry of x is kept."""
        name, settings = self.criterion["name"], self.criterion["settings"]
        own = self.state.get(name, {})
        if name == "teal":
            return x.abs() > own["threshold"]
        scores = x.abs()
        if name == "clact":
            token = x.norm(dim=-1, keepdim=True) + 1e-8
            scores = scores * (x.norm(dim=-2, keepdim=True) / token)
        elif name == "random":
            generator = torch.Generator().manual_seed(settings["seed"])
            scores = torch.rand(x.shape[-2:], generator=generator).to(x.device).expand(x.shape)
        elif own:  # one weight a channel
            scores = scores * next(iter(own.values()))
        return largest(scores, self.pattern, settings)


def shift(
    step: Any, x: Tensor, weight: Tensor, own: Mapping[str, Tensor]
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """The input as a mitigation wants it masked, and what puts back what it took away."""
    name, settings = step["name"], step["settings"]
    eta: Any = 0
    if name == "smooth":
        most = x.abs().amax(-2, keepdim=True).clamp_min(1e-8)
        scale = (most / weight.abs().amax(0).clamp_min(1e-8)).sqrt()
        return x / scale, lambda kept: kept * scale
    if name == "la-rosa":
        return x @ own["rotation"], lambda kept: kept @ own["rotation"].T
    if name == "d-pts" and settings["centre"] == "median":
        eta = x.median(-1, keepdim=True).values
    elif name == "d-pts":
        eta = x.mean(-1, keepdim=True)
    elif name == "s-pts" or (name == "l-pts" and settings["where"] == "input"):
        eta = next(iter(own.values()))
    return x - eta, lambda kept: kept + eta


def largest(scores: Tensor, pattern: str, settings: Mapping[str, Any]) -> Tensor:
    """N of every M entries of the last dimension, or all but P% of a token or of the text; of equal
    ones the first."""
    if ":" in pattern:
        keep, group = map(int, pattern.split(":"))
        blocks = scores.unflatten(-1, (-1, group))
    else:
        over_text = settings.get("over") == "window"
        blocks = scores.flatten(-2) if over_text else scores
        share = blocks.shape[-1] * Fraction(Decimal(pattern.rstrip("%"))) / 100
        dropped = ceil(share) if settings.get("rest") == "dropped" else floor(share)
        keep = blocks.shape[-1] - min(dropped, blocks.shape[-1] - 1)
    order = blocks.argsort(dim=-1, descending=True, stable=True)
    mask = torch.zeros_like(blocks, dtype=torch.bool).scatter_(-1, order[..., :keep], True)
    return mask.view(scores.shape)


def main() -> None:
    """Load the model, prune its activations, and go on with a text."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    text = sys.argv[2] if len(sys.argv) > 2 else "The river"
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    model: Any = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
    attach(model, Path(__file__).parent)
    asked = tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        written = model.generate(**asked, max_new_tokens=20, do_sample=False)
    print(tokenizer.decode(written[0]))


if __name__ == "__main__":
    main()
