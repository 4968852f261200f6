"""Runs the program of a child process of `enterspan run`, whose words follow."""

from enterspan._run.children import main

main()
