"""Settings loaded, or the one sentence of their mistake."""

from pathlib import Path

import pytest

from pipelines.errors import SettingsError
from pipelines.settings import Settings, load_settings


def load(*overrides: str, conf: str | Path | None = None, **environ: str) -> Settings:
    return load_settings(conf_file=str(conf) if conf else None, overrides=overrides, environ=environ)


def mistake(*overrides: str, conf: str | Path | None = None, **environ: str) -> str:
    with pytest.raises(SettingsError) as error:
        load(*overrides, conf=conf, **environ)
    sentence = str(error.value)
    assert error.value.exit_code == 2
    assert sentence.endswith((".", "?"))
    assert "\n" not in sentence
    return sentence
