"""The `cx` command: one verb a module."""
