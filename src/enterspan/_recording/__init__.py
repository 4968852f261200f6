"""Trace files: read, assembled, selected."""
