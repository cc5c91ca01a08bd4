"""What crosses Kafka and HTTP: events in, events out, the table of topics. Knows no other folder."""
