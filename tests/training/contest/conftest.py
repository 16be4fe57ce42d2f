"""The registry of `tests.training.tracking`, for contests."""

from tests.training.tracking.conftest import migrated, registry, server

__all__ = ["migrated", "registry", "server"]
