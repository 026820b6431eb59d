"""Bodies of requests, read in front of Gradio and handed on."""

from starlette.types import Message, Receive


async def read_body(receive: Receive, longest: int) -> tuple[list[Message], bool]:
    """What has come of the body, and whether that is all of it: of a long one only the start."""
    message = await receive()
    if message["type"] != "http.request":
        return [message], False
    body, more = message.get("body", b""), message.get("more_body", False)
    while more and len(body) <= longest:
        message = await receive()
        if message["type"] != "http.request":
            return [{"type": "http.request", "body": body, "more_body": True}, message], False
        body, more = body + message.get("body", b""), message.get("more_body", False)
    read = {"type": "http.request", "body": body, "more_body": more}
    return [read], not more and len(body) <= longest


def again(read: list[Message], receive: Receive) -> Receive:
    """What was read, to be read again; then what the client does."""
    left = iter(read)

    async def receiving() -> Message:
        message = next(left, None)
        return await receive() if message is None else message

    return receiving
