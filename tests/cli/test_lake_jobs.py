"""What the jobs of a lake refuse before they start anything."""

import json

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from jobs import (
    check_conservation,
    clean_silver,
    compare_with_oracle,
    land_bronze,
    load_history,
    maintain_tables,
    stream_lake,
)
from jobs.entry import run_job
from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE, Names
from pipelines.runtime.embedded.locks import held
from pipelines.runtime.streams import driver
from pipelines.settings import load_settings

CSV = "event_time,event_type,product_id,user_id\n2019-10-01 00:00:00 UTC,view,1,1\n"


@pytest.fixture
def settings(tmp_path):
    return load_settings(overrides=[f"var_dir={tmp_path / 'var'}"])


@pytest.mark.parametrize("job", [check_conservation, compare_with_oracle])
def test_a_report_that_cannot_be_written_is_told_at_once(job, settings, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        run_job(job.run, ["--report", str(tmp_path / "nowhere" / "r.json")], settings=settings)
    assert ended.value.code == 2
    assert "must exist" in capsys.readouterr().err


def test_there_is_nothing_to_compact_before_a_lake_is_there(settings, tmp_path, capsys):
    assert run_job(maintain_tables.run, [], settings=settings) == 1
    assert "no tables of a lake yet" in capsys.readouterr().err
    remote = load_settings(overrides=["lake=s3://bucket/lake"])
    assert run_job(maintain_tables.run, [], settings=remote) == 2


def test_an_empty_folder_is_no_table(settings, tmp_path):
    (tmp_path / "var" / "lake" / "bronze" / "records").mkdir(parents=True)
    assert run_job(maintain_tables.run, [], settings=settings) == 1


def test_small_files_of_feature_tables_are_joined_too(settings, tmp_path, capsys):
    path = str(tmp_path / "var" / "lake" / "gold" / "features_user_v1_partials")
    for number in range(3):
        write_deltalake(path, pa.table({"n": [number]}), mode="append")
    assert run_job(maintain_tables.run, [], settings=settings) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "table": "gold.features_user_v1_partials",
        "files_before": 3,
        "files_after": 1,
        "removed": 0,
    }
    assert run_job(maintain_tables.run, ["--keep-hours", "0"], settings=settings) == 2
    assert "--nothing-runs" in capsys.readouterr().err
    assert run_job(maintain_tables.run, ["--keep-hours", "0", "--nothing-runs"], settings=settings) == 0
    assert json.loads(capsys.readouterr().out)["removed"] == 3


def test_nothing_is_sent_while_another_driver_runs(settings, tmp_path, monkeypatch, capsys):
    sent = []
    monkeypatch.setattr(load_history, "send_history", lambda *_: sent.append("sent"))
    monkeypatch.setattr(driver, "_LOCK_SECONDS", 0.1)
    file = tmp_path / "day.csv"
    file.write_text(CSV)
    names = Names.of(var_dir=settings.var_dir, lake=None)
    with held(names.var_dir / "run" / f"{LAND_BRONZE}.lock", limit_seconds=1):
        assert run_job(load_history.run, [str(file), "--mapping", "rees46"], settings=settings) == 1
    assert "land_bronze.lock" in capsys.readouterr().err
    assert sent == []


def test_missing_services_are_told_before_spark_is_opened(settings, monkeypatch, capsys):
    monkeypatch.setattr(driver, "open_session", lambda *_, **__: pytest.fail("Spark was opened"))
    assert run_job(load_history.run, [], settings=settings) == 1
    assert "clicklake up" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("bindings", "said"),
    [
        ("[{topic: clicks, mapping: rees46}]", "needs no mapping"),
        ("[{topic: a, mapping: attribution}, {topic: a, mapping: attribution}]", "bound twice"),
        ("[{topic: x y, mapping: attribution}]", "no name of a Kafka topic"),
    ],
)
def test_a_mistaken_binding_is_told(bindings, said, tmp_path, capsys):
    settings = load_settings(overrides=[f"var_dir={tmp_path}", f"bindings={bindings}"])
    assert run_job(load_history.run, [], settings=settings) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("job", "query"), [(land_bronze, LAND_BRONZE), (clean_silver, CLEAN_SILVER)])
@pytest.mark.parametrize(("arguments", "bounded"), [([], False), (["--available-now"], True)])
def test_a_query_of_its_own_driver_is_that_query_alone(
    job, query, arguments, bounded, settings, monkeypatch, capsys
):
    asked = []
    monkeypatch.setattr("jobs.query_job.run_streams", lambda *given, **named: asked.append((given, named)))
    assert run_job(job.run, arguments, settings=settings) == 0
    assert asked == [((settings,), {"queries": [query], "available_now": bounded})]
    with pytest.raises(SystemExit):
        run_job(job.run, ["--help"], settings=settings)
    assert job.__doc__ in " ".join(capsys.readouterr().out.split())


def test_some_queries_of_the_lake_are_those_that_are_named(settings, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr("jobs.stream_lake.run_streams", lambda *_, **named: asked.append(named["queries"]))
    assert run_job(stream_lake.run, ["--only", f"{LAND_BRONZE},{CLEAN_SILVER}"], settings=settings) == 0
    assert run_job(stream_lake.run, [], settings=settings) == 0
    assert asked == [[LAND_BRONZE, CLEAN_SILVER], None]
    with pytest.raises(SystemExit) as ended:
        run_job(stream_lake.run, ["--only", f"{LAND_BRONZE},nonsense"], settings=settings)
    assert ended.value.code == 2
    assert "there is no query `nonsense`" in capsys.readouterr().err
