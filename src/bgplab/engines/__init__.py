"""Engines run a lab: the routers of a plan, either as processes or in virtual time.

interface.py    what may be asked of a running lab, whatever runs it
quiescence.py   exact detection of convergence; pure
divergence.py   detection of networks that cannot settle; pure
verdict.py      the outcome of a run and its report
outcome.py      what came of a run, in the words that engines share
processes/      one operating-system process per router
virtual/        all routers in one process, in virtual time
"""
