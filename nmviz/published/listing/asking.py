"""How tasks were asked, in words: it is part of what an accuracy says, and stands beside it."""

from typing import NamedTuple

from nmviz.core.results import Result

NOT_SAID = "not said"


class Asked(NamedTuple):
    """As a source says it: shots `5`, limit `10`, chat template `yes` or `no`. Empty is not said;
    no limit is `none`."""

    shots: str = ""
    limit: str = ""
    chat: str = ""

    @property
    def words(self) -> str:
        """`5-shot, first 10 examples, chat template`; empty where nothing of it is told."""
        if not any(self):
            return ""
        shots = f"{self.shots}-shot" if self.shots.isdigit() else f"shots {self.shots or NOT_SAID}"
        limit = "no limit" if self.limit == "none" else f"limit {self.limit or NOT_SAID}"
        chat = {"yes": "chat template", "no": "no chat template"}.get(self.chat)
        return ", ".join((shots, limit, chat or f"chat template {NOT_SAID}"))


NOTHING = Asked()


def asked(result: Result) -> Asked:
    """Of a result that has tasks; of one that reads a text, and of a printed table, nothing."""
    told, one = result.provenance.settings, result.experiment
    if not any(number.task for number in result.measurements):
        return NOTHING
    known = [name for name in ("num_fewshot", "shots") if name in told]
    chats = [told[name] for name in ("apply_chat_template", "chat_template") if name in told]
    unusual = bool(one.shots or one.limit or one.chat)
    if not (known or chats or unusual):
        return NOTHING
    limit = told.get("limit") or (str(one.limit) if one.limit else "none")
    return Asked(
        shots=told[known[0]] if known else str(one.shots) if one.shots else "",
        limit=limit.removesuffix(".0"),
        chat=_yes_or_no(chats[0]) if chats else "yes" if one.chat else "",
    )


def _yes_or_no(told: str) -> str:
    return "no" if told.lower() in ("false", "no", "none", "") else "yes"
