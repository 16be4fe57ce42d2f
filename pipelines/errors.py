"""The one tree of exceptions. Data errors are rows (dead letters); these are for people.

Each error carries one sentence that says what is wrong, where, and what to do. The command line
prints that sentence and exits with `exit_code`; nothing has been started by then.
"""


class ClicklakeError(Exception):
    """Base of every error raised on purpose. `exit_code` is what the command line returns."""

    exit_code = 1


class SettingsError(ClicklakeError):
    """A setting, an argument or an input file named by the user cannot be used."""

    exit_code = 2


class PrerequisiteError(ClicklakeError):
    """Something the machine must provide (Java, a free port, disk) is missing."""

    exit_code = 2


class MappingError(SettingsError):
    """A mapping file, or the data it is applied to, does not fit the contract of mappings."""


class ServiceError(ClicklakeError):
    """A service (Kafka, Postgres, MLflow) did not start, is not running, or cannot be reached."""


class LakeError(ClicklakeError):
    """A table or checkpoint is missing, damaged, or not the one the code expects."""


class CheckFailed(ClicklakeError):  # noqa: N818 - the check failed, not the program
    """A check that a run must pass (conservation, a demo's own checks) did not hold."""


class ModelError(ClicklakeError):
    """A model's file is not what it should be: no graph that runs, changed, or of other features."""


class FitError(ModelError):
    """No model could be fitted on these examples: too few, of one class, or every trial failed."""
