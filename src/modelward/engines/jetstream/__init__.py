"""The wire between institutions: NATS JetStream. The only folder that imports nats."""
