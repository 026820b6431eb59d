"""What a request is answered that is none of ours."""


class Refusal(Exception):
    """A status (400, 403, 404 or 413) and the one sentence that goes with it."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
