"""A whole router as a pure value machine: inputs and the time in, effects out.

    inputs.py    everything that can happen to a router
    speaker.py   Speaker: handle(input, now), tick(now), next_deadline
    routing.py   from the peers' UPDATEs to the best paths to what each peer is told
    outbound.py  what each peer is told, and when (Adj-RIB-Out, MRAI, congestion)
    pacer.py     when changed routes are decided and sent (output coalescing)
    memory.py    whole routers joined in memory, in virtual time

Nothing here reads a clock or opens a socket: the same Speaker runs in every engine.
"""
