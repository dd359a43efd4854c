"""The shelf: works, filters, and keyword and meaning search over them. Never imports torch."""
