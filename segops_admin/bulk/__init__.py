"""Bringing many rows in."""
