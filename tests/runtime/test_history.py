"""What a load of old events refuses before it sends anything."""

from pathlib import Path

import pytest

from pipelines.errors import MappingError, ServiceError, SettingsError
from pipelines.runtime.embedded.ports import choose
from pipelines.runtime.feeds.history import send_history
from pipelines.settings import load_settings

SAMPLE = Path(__file__).parents[1] / "data" / "mappings" / "rees46.csv"


@pytest.fixture
def settings(tmp_path):
    return load_settings(overrides=[f"var_dir={tmp_path / 'var'}", f"kafka.port={choose(preferred=())}"])


@pytest.mark.parametrize(
    ("files", "mapping", "kind", "sentence"),
    [
        ([SAMPLE], None, SettingsError, "files and --mapping go together"),
        ([], "rees46", SettingsError, "files and --mapping go together"),
        ([SAMPLE], "rees47", MappingError, "did you mean `rees46`"),
        ([Path("nofile.csv")], "rees46", SettingsError, r"nofile\.csv"),
    ],
)
def test_what_cannot_be_sent_is_one_sentence(settings, files, mapping, kind, sentence):
    with pytest.raises(kind, match=sentence) as refused:
        send_history(settings, files, mapping)
    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)


def test_no_files_are_nothing_to_send_and_need_no_broker(settings):
    assert send_history(settings, [], None) is None


def test_a_broker_that_is_not_there_is_told(settings):
    with pytest.raises(ServiceError, match="kafka is not running: start it with `clicklake up`"):
        send_history(settings, [SAMPLE], "rees46")
