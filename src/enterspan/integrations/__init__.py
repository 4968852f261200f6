"""What joins enterspan to other libraries; each module imports its own, when it is imported."""
