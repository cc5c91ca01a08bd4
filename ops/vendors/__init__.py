"""Vendors that make gifts when they are ordered: what they are asked, with patience, and what is told of it."""
