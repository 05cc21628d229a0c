"""Topology files as tests, and labs in tests: for `bgplab test` and the pytest plugin.

files.py finds them, trial.py runs one in a child process, pool.py many, result.py is what came
of it. client.py drives a lab from Python. Nothing here imports Twisted, pydantic or yaml: a
test run that has no lab pays nothing.
"""

PARENT = "BGPLAB_PARENT"  # in the environment: the process that a command ends with (cli/main)
