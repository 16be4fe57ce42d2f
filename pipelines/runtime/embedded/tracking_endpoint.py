"""Where MLflow answers, whatever the other services do."""

from pipelines.connectors.names import Names
from pipelines.errors import ServiceError
from pipelines.runtime.embedded.stack import status
from pipelines.settings import Settings


def mlflow_endpoint(settings: Settings, *, names: Names) -> str:
    """The tracking server's address. Raises `ServiceError` when the embedded one is not running."""
    found = next(one for one in status(settings, names=names) if one.name == "mlflow")
    if found.state == "external":
        return str(found.endpoint)
    if found.state != "running":
        raise ServiceError("mlflow is not running: start it with `clicklake up`.")
    return f"http://{found.endpoint}"
