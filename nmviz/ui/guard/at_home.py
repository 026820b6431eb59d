"""Whether who asks sits at the machine that the page runs on, and the page is for nobody else."""

import os
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

PUBLIC = "NMVIZ_PUBLIC"
HOW = (
    "A model of your own is looked at where nmviz runs at home: start `make app` on your machine, "
    "and give its Hub id or its folder under the model menu there."
)
PASSED_ON = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""Headers of a request that somebody else sent on: whoever asked first may sit anywhere."""

Handler = TypeVar("Handler", bound=Callable[..., Any])


def at_home_only(handler: Handler) -> Handler:
    """Mark a handler that only who sits at the machine may call, on a page that is for them."""
    handler.at_home = True  # type: ignore[attr-defined]
    return handler


def is_private(host: str) -> bool:
    """Whether a page that listens there is for this machine alone: on loopback, and not said to be
    public by NMVIZ_PUBLIC, whatever that is set to."""
    return _is_loopback(host) and not os.environ.get(PUBLIC)


def is_at_home(scope: Scope, listens_at: str) -> bool:
    """Whether the request comes from this machine, and under its own name: a site elsewhere may
    have the browser ask here too."""
    client, headers = scope.get("client"), Headers(scope=scope)
    named = [f"//{headers.get('host', '')}", *headers.getlist("origin")]
    hosts = [client[0] if client else "", *map(_host_of, named)]
    sent_on = any(name in headers for name in PASSED_ON)
    return is_private(listens_at) and not sent_on and all(map(_is_loopback, hosts))


def is_for_home(handler: Any) -> bool:
    """Whether it was marked so."""
    return bool(getattr(handler, "at_home", False))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
