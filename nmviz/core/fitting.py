"""Whether the methods of an experiment go together, with one another and with the pattern."""

from nmviz.base.errors import UserError
from nmviz.base.registry import Registry
from nmviz.base.validation import WrongValue
from nmviz.methods.method import UNKNOWN, Call, Method, parse_call
from nmviz.methods.patterns import Pattern


def read_call(field: str, text: str, registry: Registry[Method]) -> Call:
    """A method as it is written. ValueError, one sentence, that names the field."""
    try:
        return parse_call(text, registry)
    except UserError as error:
        raise WrongValue(field, str(error)) from None


def check_fit(pattern: Pattern, calls: list[Call]) -> None:
    """ValueError, one sentence, when the methods do not fit the pattern or one another."""
    names = [call.method.name for call in calls]
    if len(set(names[1:])) < len(names[1:]):
        raise WrongValue("mitigations", "A mitigation is named twice: name each once.")
    for call in calls:
        method = call.method
        if refusal := method.refusal(pattern):
            raise WrongValue("criterion" if call is calls[0] else "mitigations", refusal)
        for other in set(call.excludes) & set(names):
            reason = method.facts.because
            said = f"{method.name} and {other} do not go together: {reason}; leave one out."
            raise WrongValue("mitigations", said)
    learned = [call for call in calls if call.method.facts.learned]
    if len({call.settings["epochs"] for call in learned} - {UNKNOWN}) > 1:
        trained = " and ".join(call.method.name for call in learned)
        said = f"{trained} are trained together: give them the same epochs."
        raise WrongValue("mitigations", said)
