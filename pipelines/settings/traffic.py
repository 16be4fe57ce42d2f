"""The rules that tell where a visit came from, read from `conf/traffic_sources.yaml` and checked."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from pipelines.errors import SettingsError
from pipelines.settings.load import read_yaml
from pipelines.silver.enrichment.traffic import Origin, TrafficRules, origins

FILE_NAME = "traffic_sources.yaml"
_PARAMETER = re.compile(r"[^\s&=#A-Z]+")
_HOST = re.compile(r"[^\s/:*A-Z]+\.(?:\*|[^\s/:*.A-Z]+)")
_PLACE = re.compile(r"(?P<what>.*?)(?: - at `(?:key in )?\$\.?(?P<at>[^`]*)`)?", re.DOTALL)

_Word = Annotated[str, msgspec.Meta(min_length=1, pattern=r"^\S(.*\S)?$")]
_Kinds = dict[_Word, dict[_Word, _Word]]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    click_ids: _Kinds
    hosts: _Kinds
    apps: _Kinds
    ignored_hosts: list[_Word]


def load_traffic_rules(folder: Path) -> TrafficRules:
    """The rules in the folder's `traffic_sources.yaml`. Raises `SettingsError` naming file and entry."""
    path = folder / FILE_NAME
    try:
        content = msgspec.convert(read_yaml(path), _File)
    except msgspec.ValidationError as error:
        found = _PLACE.fullmatch(str(error))
        what, at = (found["what"], found["at"]) if found else (str(error), None)
        place = f"`{at}`: " if at else ""
        raise SettingsError(f"{path}: {place}{what[:1].lower()}{what[1:]}.") from None
    rules = TrafficRules(
        click_ids=origins(content.click_ids),
        hosts=origins(content.hosts),
        apps=origins(content.apps),
        ignored_hosts=tuple(content.ignored_hosts),
    )
    _check(rules, path)
    return rules


def _check(rules: TrafficRules, path: Path) -> None:
    sections: Mapping[str, tuple[Origin, ...]] = {
        "click_ids": rules.click_ids,
        "hosts": rules.hosts,
        "apps": rules.apps,
    }
    for section, entries in sections.items():
        seen: dict[str, str] = {}
        for entry in entries:
            if entry.seen in seen:
                kinds = f"`{seen[entry.seen]}` and under `{entry.medium}`"
                raise SettingsError(
                    f"{path}: `{section}`: {entry.seen} stands under {kinds}: keep one of them."
                )
            seen[entry.seen] = entry.medium
    for entry in rules.click_ids:
        if not _PARAMETER.fullmatch(entry.seen):
            raise SettingsError(f"{path}: `click_ids`: `{entry.seen}` is no parameter's name in lower case.")
    for host in [*(rule.seen for rule in rules.hosts), *rules.ignored_hosts]:
        if not _HOST.fullmatch(host) or host.startswith("www."):
            raise SettingsError(
                f"{path}: `{host}` is no host: write it in lower case without scheme, path and www., "
                "such as example.com or example.*."
            )
