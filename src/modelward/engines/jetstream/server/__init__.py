"""nats-server: its configuration, written from who is a member, and its supervision."""
