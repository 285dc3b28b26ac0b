"""One module a command, bearing its name."""
