"""The door is as its description says: every check of Schemathesis, on what it makes up of it."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from serving.server import listen, serving
from tests.serving.doors.conftest import Door

FEW = settings(
    deadline=None,
    max_examples=10,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module", params=[(), ("a key of the test",)], ids=["open", "with keys"])
def described(request):
    """The description, read from a door that runs; and what a caller sends with every request."""
    bound = listen(host="127.0.0.1", port=0)
    with serving(Door(api_keys=request.param).app, bound=bound) as url:
        found = schemathesis.openapi.from_url(f"{url}openapi.json")
        yield found, dict(zip(["X-API-Key"], request.param, strict=False))


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_the_door_is_as_described(described, mode):
    schema, headers = described
    operations = [found.ok() for found in schema.get_all_operations()]
    assert {one.path for one in operations} > {"/v1/decisions", "/v1/explain/{decision_id}", "/ready"}
    for operation in operations:
        takes_nothing = not (list(operation.body) or list(operation.query))
        if takes_nothing and mode is GenerationMode.NEGATIVE:
            continue  # there is nothing to send wrongly

        @FEW
        @given(operation.as_strategy(generation_mode=mode))
        def holds(case):
            case.call_and_validate(headers=headers)

        holds()
