"""Operations: metrics, lag, dead letters, preflight, and the embedded Kafka and Redis."""
