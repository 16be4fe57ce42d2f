"""The scorer's HTTP door: a bare ASGI application, so that a request costs its decision and little else."""
