"""A criterion of one's own, from a script."""

from collections.abc import Callable
from typing import Any, TypeVar

from nmviz import service

Code = TypeVar("Code", bound=Callable[..., Any])


def register_criterion(name: str, **facts: Any) -> Callable[[Code], Code]:
    """A decorator that makes a function a criterion of that name, until Python ends.

    For activations (as usual) it is called with x [..., tokens, d_in], the weight [d_out, d_in] and
    an empty state, and returns a weight for each channel c, so that entry j of a token is ranked by
    |x_j| c_j, or with `gives="scores"` scores in the shape of x. With `target="weight"` it is
    called with the weight and an empty state, and returns scores of its shape. Settings are its
    keyword-only parameters; the docstring is its help. `formula`, `source`, `patterns` ("any",
    "N:M", "P%") and `adds` (see `nmviz.methods.costs`; as usual nothing) may be said.

    What is measured under it is not stored. UserError for a name that is taken.
    """

    def register(code: Code) -> Code:
        service.register_criterion(name, code, **facts)
        return code

    return register
