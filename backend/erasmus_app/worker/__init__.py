"""What runs without anybody asking: fetches, polls, deliveries."""
