"""Scenarios: what is done to a running lab, step by step, and what must be true.

    outcome = await runner.run(lab, topology.scenario, timeout=120.0)

Knows a lab by engines/interface.py only, so a scenario runs on either engine, unchanged. The
steps are values of topology/steps.py; steps.py here does them, expect.py holds what must be
true against the lab.
"""
