"""Typed, async-first admin SDK for SegOps."""
