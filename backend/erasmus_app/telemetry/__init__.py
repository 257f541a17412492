"""What the processes say of themselves: metrics, traces and logs, with nothing personal in them."""
