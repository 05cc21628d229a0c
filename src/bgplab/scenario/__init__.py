"""Scenarios: what is done to a running lab, step by step, and what must be true.

    stage = await runner.prepare(lab, topology, plan, timeout=120.0)
    await lab.start()
    outcome = await runner.run(stage, topology.scenario)

Knows a lab by engines/interface.py only, so a scenario runs on either engine, unchanged. The
steps are values of topology/steps.py; steps.py here does them, expect.py holds what must be
true against the lab (routes.py, sessions.py, network.py, totals.py, timing.py), always.py what
must hold throughout against all that was heard (journal.py). why.py explains a failure.
"""
