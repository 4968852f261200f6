# Made by `enterspan stubs` from the annotated source: don't edit it.
"""What joins enterspan to other libraries; each module imports its own, when it is imported."""
