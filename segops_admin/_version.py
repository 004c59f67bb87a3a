"""The version, in the one place that everything else reads it from."""

__version__ = "1.0.0.dev0"
