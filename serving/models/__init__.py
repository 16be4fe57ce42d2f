"""Which models are live: followed in MLflow, checked, swapped in one assignment.

Nothing else in serving knows MLflow, which reads these at its first import. Values that an operator has set
are kept.
"""

import os

_QUIET = {
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}

for _name, _value in _QUIET.items():
    os.environ.setdefault(_name, _value)
