"""Generated passwords, kept in the run's folder of secrets; those of the database's roles."""

import os
import secrets
from contextlib import suppress

from pipelines.connectors.names import Names
from pipelines.connectors.roles import ROLES
from pipelines.settings import Secret
from pipelines.settings.tree import Postgres


def kept_password(names: Names, name: str) -> Secret:
    """The password of that name, generated on first use; of two who ask at once both get the same."""
    path = names.secrets / name
    if not path.is_file():
        names.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name(f".{name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(24))
        with suppress(FileExistsError):  # somebody else's is already there, and counts
            os.link(fresh, path)
        fresh.unlink()
    return Secret(path.read_text().strip())


def role_passwords(settings: Postgres, names: Names) -> dict[str, str]:
    """Passwords of the database's roles, by role: the configured ones, else generated."""
    given = settings.role_passwords
    words = {role: getattr(given, role) or kept_password(names, f"postgres_{role}") for role in ROLES}
    return {role: word.reveal() for role, word in words.items()}
