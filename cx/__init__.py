"""The rules: pure functions of state, event and policy; no clock, no I/O."""
