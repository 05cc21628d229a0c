"""A whole router as a pure value machine: inputs and the time in, effects out.

    inputs.py    everything that can happen to a router
    speaker.py   Speaker: handle(input, now), tick(now), next_deadline
    routing.py   from the peers' UPDATEs to the best paths to what each peer is told
    inbound.py   what each peer tells us (Adj-RIB-In), and on what terms it is taken
    outbound.py  what each peer is told, and when (Adj-RIB-Out, MRAI, congestion)
    pacer.py     when changed routes are decided and sent (output coalescing)

Nothing here reads a clock or opens a socket: the same Speaker runs in every engine.
"""
