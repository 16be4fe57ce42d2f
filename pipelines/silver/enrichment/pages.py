"""What an address says: scheme, host, path, query. No text makes these functions raise."""

import re
from contextlib import suppress
from functools import cache, lru_cache
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus, urlsplit

import idna
from publicsuffixlist import PublicSuffixList

_HAS_AUTHORITY = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_BEGINS_WITH_HOST = re.compile(
    r"(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|(?:[^\s/?#@:.]+\.)+(?P<last>[^\W\d_]{2,}|xn--[a-z0-9-]+))"
    r"(?::\d+)?\.?(?=[/?#]|$)",
    re.IGNORECASE,
)
_FILE_ENDINGS = frozenset({"html", "htm", "php", "asp", "aspx", "jsp", "xhtml", "cgi"})
_CACHED_HOSTS = 8_192
_PLAIN_HOST = re.compile(r"[^\s\0-\x1f#/<>?@\[\\\]^|%\"']+")


class Address(NamedTuple):
    """The parts of an address. `host` is lower case, in Unicode, without `www.` and port.

    `path` has its percent-encoding undone, `query` has not.
    """

    scheme: str
    host: str | None
    path: str | None
    query: str


NOWHERE = Address("", None, None, "")


def read_address(url: str) -> Address:
    """The parts of an address, or `NOWHERE`. A missing scheme is no fault: `example.com/path`, `/path`."""
    text = url.strip()
    has_authority = _HAS_AUTHORITY.match(text) is not None
    if not has_authority and _begins_with_host(text):
        text, has_authority = f"//{text}", True
    try:
        parts = urlsplit(text)
        host = _canonical_host(parts.hostname)
    except ValueError:  # such as a bracket that opens no IPv6 address
        return NOWHERE
    path = None
    if has_authority or not parts.scheme:  # about:blank and mailto: have no page
        path = undo_percent(parts.path) or ("/" if host else None)
    return Address(parts.scheme, host, path, parts.query)


@lru_cache(_CACHED_HOSTS)
def site_of(host: str) -> str:
    """The registrable domain of a host (`a.shop.co.uk` is of `shop.co.uk`), else the host itself."""
    stem = without_suffix(host)
    return host[stem.rfind(".") + 1 :] if stem else host


@lru_cache(_CACHED_HOSTS)
def without_suffix(host: str) -> str | None:
    """A host without its public suffix: `mail.google` of `mail.google.co.uk`; null without one."""
    if ":" in host or host[-1].isdigit():
        return None  # an IP address
    suffix = _suffixes().publicsuffix(host)
    return host.removesuffix(f".{suffix}") if suffix and host != suffix else None


def undo_percent(text: str) -> str:
    """The text with its percent-encoding undone; what is no UTF-8, and NUL, becomes U+FFFD."""
    return unquote(text).replace("\0", "\ufffd") if "%" in text else text


def undo_form(text: str) -> str:
    """A query's value as it was typed: `+` is a blank, percent-encoding undone, trimmed."""
    return unquote_plus(text).replace("\0", "\ufffd").strip()


def _begins_with_host(text: str) -> bool:
    found = _BEGINS_WITH_HOST.match(text)
    if found is None:
        return False
    return (found["last"] or "").lower() not in _FILE_ENDINGS


@lru_cache(_CACHED_HOSTS)
def _canonical_host(name: str | None) -> str | None:
    host = (name or "").lower().rstrip(".")
    if not host.isascii() or "xn--" in host:
        with suppress(UnicodeError):  # an odd name is still the name of the host
            host = idna.decode(host, uts46=True)
    shorter = host.removeprefix("www.")
    host = shorter if "." in shorter else host
    return host if _PLAIN_HOST.fullmatch(host) else None


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
