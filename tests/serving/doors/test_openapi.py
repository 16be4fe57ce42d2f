"""The door is as its description says: every check of Schemathesis, on what it makes up of it."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.config import SchemathesisConfig

from tests.serving.doors.conftest import Door

FEW = settings(
    deadline=None,
    max_examples=15,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def schema_of(door: Door, **headers: str):
    found = schemathesis.openapi.from_asgi("/openapi.json", door.app, headers=headers)
    found.config.generation.update(modes=list(schemathesis.GenerationMode))
    return found


@pytest.fixture(scope="module")
def open_door():
    return schema_of(Door())


schema = schemathesis.pytest.from_fixture("open_door")


@schema.parametrize()
@FEW
def test_the_door_is_as_described(case):
    case.call_and_validate()
