"""Models, real and simulated."""
