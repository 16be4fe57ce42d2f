"""What the VIP route refuses before anything starts, in one sentence."""

import pytest

from pipelines.errors import SettingsError
from pipelines.runtime.vips.driver import check_settings
from pipelines.runtime.vips.function import load_function
from pipelines.settings import load_settings


def refused(*overrides: str, micro_batch: bool = False) -> str:
    with pytest.raises(SettingsError) as told:
        check_settings(load_settings(overrides=overrides), micro_batch=micro_batch)
    return str(told.value)


def test_python_needs_the_variant_in_batches():
    assert "--micro-batch" in refused("vip.python_function=json:dumps")


@pytest.mark.parametrize("name", ["json", "json:nothing", "no_such_module:f", "json:decoder", "os:getcwd"])
def test_a_python_function_that_cannot_be_called_is_told(name):
    assert name in refused(f"vip.python_function={name}", micro_batch=True)


def test_a_python_function_of_one_action_is_found():
    assert load_function("json:dumps")({"a": 1}) == '{"a": 1}'


def test_pseudonyms_of_users_are_told():
    assert "privacy.fields" in refused("privacy.key=0123456789abcdef0123")


@pytest.mark.parametrize(
    "override", ["vip.levels=[]", "vip.levels=[DIAMOND]", "vip.refresh_seconds=4", "vip.output_topic=a b"]
)
def test_settings_out_of_bounds_are_told(override):
    with pytest.raises(SettingsError, match=override.partition("=")[0]):
        load_settings(overrides=[override])
