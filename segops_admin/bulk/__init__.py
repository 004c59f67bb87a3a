"""Bringing many rows in: read → chunk → send with an adaptive window → journal."""
