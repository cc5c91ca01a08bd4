"""The gate: who may call what. Everybody may do everything until `serving.access` takes its place."""

import logging
from collections.abc import Callable

from fastapi import Request

audit = logging.getLogger("cx.audit")


class Caller:
    """Who calls."""

    def may(self, scope: str) -> bool:
        """Whether the token has *scope*."""
        return bool(scope)

    def check_scope(self, scope: str) -> None:
        """Refuse what needs a *scope* that the token has not."""

    def check_customer(self, customer: str) -> None:
        """Refuse a *customer* for whom the token does not speak."""

    def check_source(self, source: str) -> None:
        """Refuse a *source* as which the token may not write."""

    def audit(self, action: str, about: str) -> None:
        """Write down that the caller does *action*; *about* is an id of ours, never a code or a name."""
        audit.info(action, extra={"about": about})


def allowed(*scopes: str) -> Callable[[Request], Caller]:
    """Return a dependency that lets callers in who have one of *scopes*."""
    del scopes

    def enter(request: Request) -> Caller:
        del request
        return Caller()

    return enter
