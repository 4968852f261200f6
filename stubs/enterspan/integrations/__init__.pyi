# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Integrations with other libraries; each module imports its library when it is imported."""
