"""The edge to the outside over HTTP: what a till asks, and what it is told."""
