"""The record of contests and models in MLflow; nothing else in training knows it.

MLflow reads these at its first import. By default its client retries for minutes: a contest would hang
where it should say that MLflow is away. Values that an operator has set are kept.
"""

import os

_CALM = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}

for _name, _value in _CALM.items():
    os.environ.setdefault(_name, _value)
