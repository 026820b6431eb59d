"""Bodies of requests in front of Gradio: the guard hands each on whole, in one message."""

from starlette.types import Message, Receive


async def body_of(receive: Receive) -> bytes:
    """The body that the guard handed on."""
    message = await receive()
    return bytes(message.get("body", b""))


def again(body: bytes, receive: Receive) -> Receive:
    """A body that was read, to be read again in one message; then what the client does."""
    told = False

    async def receiving() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving
