"""The same application on one machine, for development and for the conformance suite."""
