"""Looks in a text file: a line behind the results, with the hash of the one they are beside."""

import base64
import binascii
import hashlib
import json
from typing import Any

from nmviz.base.errors import UserError
from nmviz.core.looks.compact import LARGEST
from nmviz.store.looks import Beside

OF = "looks_of"
NAMES = {OF, "sha256", "data"}


def line_of(one: Beside) -> str:
    """Looks as one line: the content hash of their result, their own, and the file in base64."""
    data = base64.b64encode(one.data).decode()
    return json.dumps({OF: one.result, "sha256": one.digest, "data": data})


def is_looks(fields: Any) -> bool:
    """Whether a line that was read is one of looks."""
    return isinstance(fields, dict) and OF in fields


def read_fields(fields: dict[str, Any], where: str) -> Beside:
    """The looks of a line. UserError, with the place, where it is not whole or not as it says."""
    if fields.keys() != NAMES or not all(isinstance(value, str) for value in fields.values()):
        raise UserError(f"{where} is no line of looks: it has other parts than one.")
    if len(fields["data"]) > 4 * -(-LARGEST // 3):
        raise UserError(f"{where} is refused: its looks are larger than {LARGEST / 1e6:g} MB.")
    try:
        data = base64.b64decode(fields["data"], validate=True)
    except (binascii.Error, ValueError):
        raise UserError(f"{where} is refused: its looks are no base64.") from None
    if hashlib.sha256(data).hexdigest() != fields["sha256"]:
        raise UserError(f"{where} is refused: its looks are not those of their hash.")
    return Beside(fields[OF], data)
