"""`enterspan run`: runs and traces a program without changes."""
