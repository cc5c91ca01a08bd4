"""Webhooks (Standard Webhooks 1.0): who is told of what over HTTP, signed, again where it failed, and only outside."""
