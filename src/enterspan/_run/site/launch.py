"""Runs the program of a child process of `enterspan run`, whose command line follows."""

from enterspan._run.children import main

main()
