"""The rules of traffic and the section `privacy`: what is shipped, and one sentence for each mistake."""

import pytest
import yaml

from pipelines.errors import SettingsError
from pipelines.settings import conf_dir, load_settings
from pipelines.settings.enrichment import enrichment_of
from pipelines.settings.traffic import load_traffic_rules

SHIPPED = conf_dir({})
KEY = "0123456789abcdef"


def privacy_mistake(*overrides: str) -> str:
    with pytest.raises(SettingsError) as error:
        load_settings(overrides=overrides, environ={})
    assert error.value.exit_code == 2
    return str(error.value)


def rules_mistake(folder, text: str) -> str:
    (folder / "traffic_sources.yaml").write_text(text)
    with pytest.raises(SettingsError) as error:
        load_traffic_rules(folder)
    assert error.value.exit_code == 2
    sentence = str(error.value)
    assert sentence.startswith(f"{folder / 'traffic_sources.yaml'}: ")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence.split(": ", 1)[1]


def shipped(**changes) -> str:
    return yaml.safe_dump({**yaml.safe_load((SHIPPED / "traffic_sources.yaml").read_text()), **changes})


def test_the_shipped_rules_load_in_the_order_of_the_file():
    rules = load_traffic_rules(SHIPPED)
    assert rules.click_ids[0] == ("gclid", "google", "cpc")
    assert len(rules.hosts) >= 60
    assert "paypal.com" in rules.ignored_hosts


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"hosts": {"organic": {"https://bing.com/": "bing"}}},
            "`https://bing.com/` is no host: write it in ",
        ),
        ({"hosts": {"organic": {"www.bing.com": "bing"}}}, "`www.bing.com` is no host: "),
        ({"hosts": {"organic": {"Bing.com": "bing"}}}, "`Bing.com` is no host: "),
        ({"hosts": {"organic": {"*.bing.com": "bing"}}}, "`*.bing.com` is no host: "),
        ({"ignored_hosts": ["localhost/"]}, "`localhost/` is no host: "),
        (
            {"hosts": {"a": {"x.com": "x"}, "b": {"x.com": "x"}}},
            "`hosts`: x.com stands under `a` and under `b`: ",
        ),
        ({"click_ids": {"cpc": {"GCLID": "google"}}}, "`click_ids`: `GCLID` is no parameter's name in "),
        ({"click_ids": {"cpc": {"a=b": "google"}}}, "`click_ids`: `a=b` is no parameter's name in "),
        ({"hosts": {"organic": {"so.com": 360}}}, "`hosts[...][...]`: expected `str`, got `int`."),
        ({"hosts": {"organic": {"so.com": " "}}}, "`hosts[...][...]`: expected `str` matching regex"),
        ({"hosts": ["bing.com"]}, "`hosts`: expected `object`, got `array`."),
        ({"host": {}}, "object contains unknown field `host`."),
    ],
)
def test_a_mistake_in_the_rules_is_one_sentence(tmp_path, changes, sentence):
    assert rules_mistake(tmp_path, shipped(**changes)).startswith(sentence)


def test_a_section_that_is_missing(tmp_path):
    text = "click_ids: {}\nhosts: {}\napps: {}"
    assert rules_mistake(tmp_path, text) == "object missing required field `ignored_hosts`."


@pytest.mark.parametrize(
    ("text", "sentence"), [("a: [", "is not valid YAML: "), ("- a", "must hold keys and ")]
)
def test_a_file_that_is_no_yaml_of_keys(tmp_path, text, sentence):
    assert rules_mistake(tmp_path, text).startswith(sentence)


def test_a_folder_without_the_file(tmp_path):
    with pytest.raises(SettingsError, match=r"traffic_sources\.yaml: cannot be read"):
        load_traffic_rules(tmp_path)


def test_the_rules_are_no_profile():
    with pytest.raises(SettingsError, match=r"holds no such profile; the profiles are ci, "):
        load_settings(environ={"CLICKLAKE_PROFILE": "traffic_sources"})


def test_a_short_key_is_refused_without_being_shown():
    sentence = privacy_mistake("privacy.key=fifteen-letters")
    assert sentence.startswith("--set privacy.key: `privacy`: its key has fewer than 16 characters")
    assert "fifteen" not in sentence


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ("[vistor_id]", "`vistor_id` is no id or free text of the data contract; did you mean `visitor_id`."),
        ("[quux]", "`quux` is no id or free text of the data contract; such are about_event, about_topic, "),
        ("[event_type]", "`event_type` is no id or free text of the data contract; "),
        ("[quantity]", "`quantity` is no id or free text of the data contract; "),
        ("[occurred_at]", "`occurred_at` is no id or free text of the data contract; "),
    ],
)
def test_a_field_that_cannot_be_replaced_is_refused_with_or_without_a_key(fields, sentence):
    start = f"--set privacy.fields: `privacy`: {sentence}"
    assert privacy_mistake(f"privacy.fields={fields}").startswith(start)
    assert privacy_mistake(f"privacy.key={KEY}", f"privacy.fields={fields}").startswith(start)


def enriched(*overrides: str, **environ: str):
    row = {"visitor_id": "v1", "session_id": "s1", "ip_address": "10.0.0.1", "email": "a@b.example"}
    enrichment_of(load_settings(overrides=overrides, environ=environ))("silver.users", row)
    return row


def test_without_a_key_ids_stay_as_they_are():
    assert enriched()["visitor_id"] == "v1"
    assert enriched(f"privacy.key={KEY}", "privacy.fields=[]")["visitor_id"] == "v1"


def test_with_a_key_the_named_fields_are_replaced():
    by_default = enriched("privacy.key=${env:IDS}", IDS=KEY)
    assert by_default["visitor_id"] != "v1"
    assert by_default["session_id"] == "s1"
    assert enriched(f"privacy.key={KEY}")["visitor_id"] == by_default["visitor_id"]
    assert enriched(f"privacy.key={KEY}", "privacy.fields=[email]")["email"] != "a@b.example"
