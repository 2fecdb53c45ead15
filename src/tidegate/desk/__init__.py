"""The desk: where a shop's orders are gathered, decided, made durable and answered."""
