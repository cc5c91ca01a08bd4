"""CX by week, store and channel for managers: counted in the stream from customers' states, kept in one file."""
