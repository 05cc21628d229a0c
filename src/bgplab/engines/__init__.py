"""Engines run a lab: the routers of a plan, either as processes or (later) in virtual time.

interface.py    what may be asked of a running lab, whatever runs it
quiescence.py   exact detection of convergence; pure
verdict.py      the outcome of a run and its report
processes/      one operating-system process per router
"""
