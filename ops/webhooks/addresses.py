"""Addresses that a webhook may have: names are resolved first, and what was looked at is what is connected to."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpcore

from schemas.errors import CxError
from schemas.webhooks import URL_LENGTH_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable

Address = IPv4Address | IPv6Address
# Neither private nor reserved to Python, in all of its versions, and yet nobody's endpoint.
_OURS: Final = tuple(
    map(ip_network, ("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "2001:db8::/32", "fec0::/10"))
)
_NAT64: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_LAST_32_BITS: Final = 0xFFFFFFFF


class AddressError(CxError):
    """An address that is not delivered to; the text is one line for a person, and does not repeat it."""


def check_url(url: str, *, inside: bool) -> None:
    """Make sure that *url* is one that may be delivered to, as far as it says so itself.

    Args:
        inside: Whether http:// and private networks may be.

    Raises:
        AddressError: it may not.
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        message = "should be https://host/path"
        raise AddressError(message) from None
    plain = parts.scheme == "http" and inside
    if not (host and (plain or parts.scheme == "https")) or port == 0 or not url.isascii() or not url.isprintable():
        message = "should be https://host/path"
        raise AddressError(message)
    if parts.username is not None or parts.password is not None or parts.fragment or len(url) > URL_LENGTH_MAX:
        message = f"should have no user, password or fragment, and at most {URL_LENGTH_MAX} characters"
        raise AddressError(message)


def is_outside(address: Address) -> bool:
    """Whether *address* is of the public internet, and so is what is inside of it where it leads on to another one."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if any(address in network for network in _NAT64):
            inner = IPv4Address(int(address) & _LAST_32_BITS)
        if inner is not None:
            return is_outside(inner)
        if address.teredo is not None:
            return False
    ours = any(address.version == network.version and address in network for network in _OURS)
    return address.is_global and not (ours or address.is_multicast or address.is_reserved or address.is_unspecified)


class Guard(httpcore.AsyncNetworkBackend):
    """Connects to nothing but what was looked at a moment before; a name cannot change its mind in between."""

    def __init__(self, *, inside: bool) -> None:
        """Let addresses within be only where *inside* says so."""
        self._inside, self._network = inside, httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # as httpcore calls it
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of *host* that may be.

        Raises:
            AddressError: there is none.
            httpcore.ConnectError: it has no address, or nobody listens there.
        """
        address = await self.address_of(host, port)
        return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)

    async def address_of(self, host: str, port: int) -> str:
        """Return where *host* is, if one may go there."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(type(error).__name__) from None
        for *_, (name, *_) in found:
            address = ip_address(str(name).partition("%")[0])
            if self._inside or is_outside(address):
                return str(name)
        message = "it leads to a private network or to this machine"
        raise AddressError(message)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  # as httpcore calls it
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no webhook is a file of ours."""
        del path, timeout, socket_options
        message = "it leads to a file"
        raise AddressError(message)

    async def sleep(self, seconds: float) -> None:
        """Wait, between the tries that we do not make."""
        await asyncio.sleep(seconds)
