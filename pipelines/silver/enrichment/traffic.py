"""Where a visit came from: what the producer sent, else utm parameters, an ad click id, the referrer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from pipelines.silver.enrichment.pages import (
    read_address,
    site_of,
    undo_form,
    undo_percent,
    without_suffix,
)

ANY_SUFFIX = ".*"
_UTM = ("utm_source", "utm_medium", "utm_campaign")
_APP_SCHEMES = frozenset({"android-app", "ios-app"})
_WEB_SCHEMES = frozenset({"http", "https", ""})
_CACHED_URLS = 16_384
_LONGEST_CACHED = 512


class Origin(NamedTuple):
    """One rule: what is seen (a parameter, host or app) tells this source and medium."""

    seen: str
    source: str
    medium: str


@dataclass(frozen=True)
class TrafficRules:
    """The rules of `conf/traffic_sources.yaml`; there it is said what each means."""

    click_ids: tuple[Origin, ...] = ()
    hosts: tuple[Origin, ...] = ()
    apps: tuple[Origin, ...] = ()
    ignored_hosts: tuple[str, ...] = ()


class Traffic(NamedTuple):
    """The `traffic_*` columns; `rule` is sent, utm, click_id or referrer."""

    source: str | None
    medium: str | None
    campaign: str | None
    rule: str | None


NOTHING = Traffic(None, None, None, None)


class Page(NamedTuple):
    """What `page_url` says: its path, its site, and the traffic its query names (null: none)."""

    path: str | None
    site: str | None
    traffic: Traffic | None


class Referrer(NamedTuple):
    """What `referrer_url` says: its host, its site, and the traffic it stands for."""

    host: str | None
    site: str | None
    traffic: Traffic


NO_PAGE = Page(None, None, None)
NO_REFERRER = Referrer(None, None, NOTHING)


def sent_traffic(source: str | None, medium: str | None, campaign: str | None) -> Traffic | None:
    """What the producer itself says, trimmed; null when all of it is blank."""
    sent = Traffic(_trimmed(source), _trimmed(medium), _trimmed(campaign), "sent")
    return sent if any(sent[:3]) else None


class TrafficReader:
    """Reads addresses by the rules. Addresses seen lately are remembered."""

    def __init__(self, rules: TrafficRules) -> None:
        self._click_ids = {rule.seen: rule for rule in rules.click_ids}
        self._wanted = frozenset((*_UTM, *self._click_ids))
        self._hosts = {rule.seen: rule for rule in rules.hosts}
        self._apps = {rule.seen: rule for rule in rules.apps}
        self._ignored = frozenset(rules.ignored_hosts)
        self._remembered_page = lru_cache(_CACHED_URLS)(self._read_page)
        self._remembered_referrer = lru_cache(_CACHED_URLS)(self._read_referrer)

    def page(self, url: str) -> Page:
        """What the page's address says."""
        # Long addresses carry ids of one click: they do not come again, and would fill the memory.
        return self._remembered_page(url) if len(url) <= _LONGEST_CACHED else self._read_page(url)

    def referrer(self, url: str) -> Referrer:
        """What the address of the page before says."""
        return self._remembered_referrer(url) if len(url) <= _LONGEST_CACHED else self._read_referrer(url)

    def _read_page(self, url: str) -> Page:
        address = read_address(url)
        site = site_of(address.host) if address.host else None
        return Page(address.path, site, self._tagged(address.query) if address.query else None)

    def _tagged(self, query: str) -> Traffic | None:
        tags = self._tags(query)
        if not tags:
            return None
        click = next((rule for name, rule in self._click_ids.items() if name in tags), None)
        source, medium, campaign = (tags.get(name) for name in _UTM)
        if source or medium or campaign:
            if click:
                source, medium = source or click.source, medium or click.medium
            return Traffic(source, medium, campaign, "utm")
        return Traffic(click.source, click.medium, None, "click_id") if click else None

    def _tags(self, query: str) -> dict[str, str]:
        """The parameters that tell something, names in lower case; the first of a name counts."""
        tags: dict[str, str] = {}
        for pair in query.split("&"):
            name, _, value = pair.partition("=")
            name = undo_percent(name).lower()
            if name in self._wanted and name not in tags:
                text = undo_form(value)
                if text:
                    tags[name] = text
        return tags

    def _read_referrer(self, url: str) -> Referrer:
        address = read_address(url)
        if address.host is None:
            return NO_REFERRER
        if address.scheme in _APP_SCHEMES:
            app = self._apps.get(address.host)
            return Referrer(address.host, None, _referred(app, address.host))
        if address.scheme not in _WEB_SCHEMES:
            return NO_REFERRER  # an extension or a file
        return self._web_referrer(address.host)

    def _web_referrer(self, host: str) -> Referrer:
        names = _with_parents(host)
        if not self._ignored.isdisjoint(names):
            return Referrer(host, site_of(host), NOTHING)
        return Referrer(host, site_of(host), _referred(self._rule_of(host, names), host))

    def _rule_of(self, host: str, names: Sequence[str]) -> Origin | None:
        """The rule of the longest name: the host, its parents, each whole or before any suffix."""
        stem = without_suffix(host)
        stems = _with_parents(stem) if stem else []
        for place, name in enumerate(names):
            if name in self._hosts:
                return self._hosts[name]
            if place < len(stems) and stems[place] + ANY_SUFFIX in self._hosts:
                return self._hosts[stems[place] + ANY_SUFFIX]
        return None


@lru_cache(maxsize=8)
def reader_of(rules: TrafficRules) -> TrafficReader:
    """The process's reader for these rules: what it remembers outlives a task of Spark."""
    return TrafficReader(rules)


def origins(kinds: Mapping[str, Mapping[str, str]]) -> tuple[Origin, ...]:
    """Rules of the file's nesting: medium, then what is seen, then source."""
    return tuple(
        Origin(seen, source, medium) for medium, named in kinds.items() for seen, source in named.items()
    )


def _trimmed(text: str | None) -> str | None:
    return text.strip() or None if text else None


def _referred(rule: Origin | None, host: str) -> Traffic:
    if rule is None:
        return Traffic(host, "referral", None, "referrer")
    return Traffic(rule.source, rule.medium, None, "referrer")


def _with_parents(host: str) -> list[str]:
    labels = host.split(".")
    return [".".join(labels[place:]) for place in range(len(labels))]
