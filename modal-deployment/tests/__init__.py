"""Specifications of the Python side."""
