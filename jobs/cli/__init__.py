"""The `clicklake` command, one module a command."""
