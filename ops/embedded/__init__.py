"""Real Apache Kafka and Redis as child processes, without Docker; start at `stack.Stack`."""
