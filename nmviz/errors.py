"""The two ways a request ends early on purpose."""


class UserError(Exception):
    """Something the user can mend: the message is one sentence that says what to do."""


class Cancelled(Exception):
    """The user asked to stop. Raised between two sites of a forward pass."""
