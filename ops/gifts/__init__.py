"""How gifts are used: what was told of them, gathered from the topics, and counted."""
