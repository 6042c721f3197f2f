"""Modal, and nothing else. Everything here is thin: what can be decided elsewhere is decided elsewhere."""
