"""How starting tells what it is doing."""

from collections.abc import Callable

Progress = Callable[[str, str], None]
"""Called with a subject (`kafka`, `spark jars`) and what is happening to it now. Called from threads."""


def silent(_subject: str, _text: str) -> None:
    """The progress of a caller who does not want to know."""
