"""The command line: results to standard output, progress and mistakes to standard error.

main.py is the entry point. Each command stands in a module of its own, imported when it is
called: what a command does not need, its user does not wait for.
"""
