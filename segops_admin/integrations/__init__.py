"""Where this library meets others; each needs the extra of its name."""
