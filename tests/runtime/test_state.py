"""The state file and private files: whole, and for their owner only."""

import stat
import threading

import pytest

from pipelines.connectors.names import Names
from pipelines.errors import ServiceError
from pipelines.runtime.embedded.processes import ProcessRecord
from pipelines.runtime.embedded.state import ServiceRecord, StateFile, write_private


@pytest.fixture
def names(tmp_path):
    return Names.of(var_dir=str(tmp_path), lake=None)


def record(pid: int) -> ServiceRecord:
    return ServiceRecord(process=ProcessRecord(pid=pid, created=1.5), port=pid, ready=True)


def test_what_is_put_is_read_and_what_is_removed_is_gone(names):
    state = StateFile(names=names)
    assert state.read() == {}
    state.put("kafka", record(1))
    state.put("mlflow", record(2))
    state.remove("kafka")
    assert StateFile(names=names).read() == {"mlflow": record(2)}


def test_only_the_owner_can_read_it(names):
    state = StateFile(names=names)
    state.put("kafka", record(1))
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o600


def test_a_reader_never_sees_a_half_written_file(names):
    """A reader in another thread decodes the file again and again while it is being replaced."""
    state, reader, failures, done = StateFile(names=names), StateFile(names=names), [], threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                reader.read()
            except ServiceError as error:
                failures.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    for i in range(200):
        state.put(f"service-{i % 50}", record(i))
    done.set()
    thread.join()
    assert failures == []


def test_a_failed_write_leaves_the_old_content(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_private(path, b"old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        write_private(path, b"new and longer")
    assert path.read_bytes() == b"old"


def test_a_damaged_file_is_named(names):
    state = StateFile(names=names)
    state.put("kafka", record(1))
    state.path.write_text("{")
    with pytest.raises(ServiceError, match=r"state\.json .* delete it"):
        state.read()
