"""The one frozen settings tree, and the only reader of YAML and of the environment.

Layers, later ones win: `conf/base.yaml`, `conf/<profile>.yaml` (`CLICKLAKE_PROFILE`, default
`local`), the file named by `--conf` or `CLICKLAKE_CONF`, then `--set key=value` (or
`CLICKLAKE_SET`, one `key=value` a line). A string `${env:NAME}` or `${file:PATH}` is replaced by
that variable or file. Every mistake is a `SettingsError` of one sentence naming key and file.
"""

import os
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
import yaml

from pipelines.errors import SettingsError
from pipelines.settings.folder import conf_dir
from pipelines.settings.sections import Secret
from pipelines.settings.tree import Settings

_REFERENCE = re.compile(r"^\$\{(env|file):([^}]+)\}$")
_NO_PROFILES = frozenset({"base", "traffic_sources"})
"""Files of the folder that are no overlay of settings."""
_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<at>[^`]*)`)?$", re.DOTALL)


def load_settings(
    *,
    conf_file: str | None = None,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """The settings of this process. Raises `SettingsError` naming the key and the file."""
    env = os.environ if environ is None else environ
    tree: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for path in _layer_files(conf_file or env.get("CLICKLAKE_CONF"), env):
        _merge(tree, read_yaml(path), origin, str(_shown(path)), ())
    for text in [*env.get("CLICKLAKE_SET", "").splitlines(), *overrides]:
        _merge(tree, _parse_override(text), origin, f"--set {text.split('=')[0]}", ())
    resolved = _resolve(tree, origin, env, ())
    try:
        return msgspec.convert(resolved, Settings, dec_hook=_decode_secret)
    except msgspec.ValidationError as error:
        raise SettingsError(_explain(str(error), origin)) from None


def child_environment(
    *, conf_file: str | None, overrides: Sequence[str], environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment that makes a child process read the same settings as this one."""
    env = dict(os.environ if environ is None else environ)
    if conf_file:
        env["CLICKLAKE_CONF"] = str(Path(conf_file).resolve())
    lines = [*env.get("CLICKLAKE_SET", "").splitlines(), *overrides]
    env["CLICKLAKE_SET"] = "\n".join(lines)
    return env


def _layer_files(conf_file: str | None, env: Mapping[str, str]) -> list[Path]:
    folder = conf_dir(env)
    profile = env.get("CLICKLAKE_PROFILE", "local")
    overlay = folder / f"{profile}.yaml"
    if profile in _NO_PROFILES or not overlay.is_file():
        known = sorted(p.stem for p in folder.glob("*.yaml") if p.stem not in _NO_PROFILES)
        raise SettingsError(
            f"CLICKLAKE_PROFILE names `{profile}`, but {folder.name}/ holds no such profile; "
            f"the profiles are {', '.join(known)}."
        )
    files = [folder / "base.yaml", overlay]
    return [*files, Path(conf_file)] if conf_file else files


def _shown(path: Path) -> Path:
    return Path("conf") / path.name if path.parent == conf_dir() else path


def read_yaml(path: Path) -> dict[str, Any]:
    """Keys and values of a file. Raises `SettingsError` naming it."""
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}).") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        first = " ".join(str(error).split())
        raise SettingsError(f"{_shown(path)}: is not valid YAML: {first}.") from None
    if content is not None and not isinstance(content, dict):
        raise SettingsError(f"{_shown(path)}: must hold keys and values, not a {type(content).__name__}.")
    return content or {}


def _parse_override(text: str) -> dict[str, Any]:
    key, separator, value = text.partition("=")
    if not separator or not all(key.strip().split(".")):
        raise SettingsError(f"--set {text}: write it as key=value, such as kafka.port=9192.")
    try:
        nested: Any = yaml.safe_load(value)
    except yaml.YAMLError:
        nested = value
    for part in reversed(key.strip().split(".")):
        nested = {part: nested}
    return dict(nested)


def _merge(
    tree: dict[str, Any],
    layer: Mapping[str, Any],
    origin: dict[str, str],
    source: str,
    path: tuple[str, ...],
) -> None:
    for key, value in layer.items():
        _require_text(key, value, source)
        here = (*path, key)
        origin[".".join(here)] = source
        if isinstance(value, dict) and isinstance(tree.get(key), dict):
            _merge(tree[key], value, origin, source, here)
        elif isinstance(value, dict):
            tree[key] = {}
            _merge(tree[key], value, origin, source, here)
        else:
            tree[key] = value


def _require_text(key: object, value: object, source: str) -> None:
    """YAML reads the keys `on`, `yes` and `1` as no text."""
    if not isinstance(key, str):
        raise SettingsError(f"{source}: the key `{key}` is no text: write it in quotes.")
    for item in value if isinstance(value, list) else ():
        for name, inner in item.items() if isinstance(item, dict) else ():
            _require_text(name, inner, source)


def _resolve(node: Any, origin: Mapping[str, str], env: Mapping[str, str], path: tuple[str, ...]) -> Any:
    if isinstance(node, dict):
        return {key: _resolve(value, origin, env, (*path, str(key))) for key, value in node.items()}
    if isinstance(node, list):
        return [_resolve(value, origin, env, path) for value in node]
    reference = _REFERENCE.match(node) if isinstance(node, str) else None
    if reference is None:
        return node
    kind, name = reference.groups()
    needs = f"{_source('.'.join(path), origin)}: `{'.'.join(path)}` needs the"
    if kind == "env":
        if name not in env:
            raise SettingsError(f"{needs} environment variable {name}, which is not set.")
        return env[name]
    try:
        return Path(name).read_text().strip()
    except (OSError, ValueError) as error:
        raise SettingsError(f"{needs} file {name}: {getattr(error, 'strerror', None) or error}.") from None


def _decode_secret(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError(f"Expected `str`, got `{type(value).__name__}`")


def _explain(message: str, origin: Mapping[str, str]) -> str:
    """One sentence naming key and file, from msgspec's message."""
    match = _PLACE.match(message)
    what, at = (match["what"], match["at"]) if match else (message, None)
    key = re.sub(r"\[(.*?)\]", "", (at or "").lstrip("."))
    unknown = re.search(r"unknown field `([^`]+)`", what)
    if unknown:
        key = f"{key}.{unknown[1]}".lstrip(".")
        return f"{_source(key, origin)}: `{key}` is not a setting{_suggestion(key)}"
    missing = re.search(r"missing required field `([^`]+)`", what)
    if missing:
        key = f"{key}.{missing[1]}".lstrip(".")
        return f"{_source(key, origin)}: `{key}` is missing."
    if what.startswith("Invalid enum value"):
        what = f"{what}; it is one of {', '.join(_choices(key))}"
    return f"{_source(key, origin)}: `{key}`: {what[:1].lower()}{what[1:]}."


def _source(key: str, origin: Mapping[str, str]) -> str:
    """Where the nearest key above was given, else the file that holds every key."""
    while key:
        if key in origin:
            return origin[key]
        key = key.rpartition(".")[0]
    return "conf/base.yaml"


def _element(kind: Any) -> Any:
    """What a list, a mapping or an optional holds."""
    inner = [one for one in get_args(kind) if one not in (str, type(None))]
    return _element(inner[0]) if inner else kind


def _fields(section: str) -> dict[str, Any]:
    """The keys of a section and their types."""
    found: Any = Settings
    for part in filter(None, section.split(".")):
        found = _element({f.name: f.type for f in msgspec.structs.fields(found)}.get(part))
    return {f.name: f.type for f in msgspec.structs.fields(found)}


def _choices(key: str) -> list[str]:
    """The words that a key takes."""
    section, _, name = key.rpartition(".")
    kind = _fields(section)[name]
    while get_origin(kind) is not Literal:
        kind = get_args(kind)[0]
    return [str(one) for one in get_args(kind)]


def _suggestion(key: str) -> str:
    section, _, name = key.rpartition(".")
    names = list(_fields(section))
    near = get_close_matches(name, names, n=1)
    return f", did you mean `{near[0]}`?" if near else f"; known here: {', '.join(names)}."
