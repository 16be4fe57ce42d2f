"""Plug-ins, one file each: what a module of a package holds under one name, found by the module's name."""

from collections.abc import Collection, Iterable
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol, TypeVar

from pipelines.errors import SettingsError


class Named(Protocol):
    """What a plug-in is: it has its file's name."""

    @property
    def name(self) -> str:
        """The name of the module that holds it."""
        ...


T = TypeVar("T", bound=Named)


def plugins(
    package: str, path: Iterable[str], *, attribute: str, kind: type[T], without: Collection[str] = ()
) -> dict[str, T]:
    """Every plug-in of a package by name; a module that is new since the last call is among them.

    `without`: modules of the package that are none. Raises `SettingsError`, one sentence that names the file,
    for a module that cannot be read, or that holds something else or something of another name.
    """
    names = sorted(one.name for one in iter_modules(path) if one.name not in without)
    return {name: _plugin(package, name, attribute, kind) for name in names}


def _plugin(package: str, name: str, attribute: str, kind: type[T]) -> T:
    file = f"{package.replace('.', '/')}/{name}.py"
    try:
        found = getattr(import_module(f"{package}.{name}"), attribute, None)
    except SettingsError as error:
        raise SettingsError(f"{file}: {error}") from None
    except Exception as error:
        raise SettingsError(f"{file} cannot be read: {type(error).__name__}: {error}.") from error
    if not isinstance(found, kind):
        raise SettingsError(f"{file} holds no {kind.__name__} named `{attribute}`.")
    if found.name != name:
        raise SettingsError(f"{file} holds `{found.name}`: it must have the name of its file.")
    return found
