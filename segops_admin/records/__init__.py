"""What the service answers, as typed values: one file per namespace, `base.py` for what they share."""
