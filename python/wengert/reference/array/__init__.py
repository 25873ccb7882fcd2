"""What user code holds in its hands: `handle` first."""
