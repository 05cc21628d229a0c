"""One BGP peer, pure: the state machine of RFC 4271 section 8, its timers and its collisions.

Open table.py first: it is the state machine, row by row beside RFC 4271 section 8.2.2.
"""
