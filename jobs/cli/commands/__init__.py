"""One module a command; its `command` attribute is a click command."""
