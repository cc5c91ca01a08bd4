"""The audit: an independent read-committed reader that counts what became of every event; start at `reader.Audit`."""
