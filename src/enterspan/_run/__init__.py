"""`enterspan run`: a program, run unchanged and traced."""
