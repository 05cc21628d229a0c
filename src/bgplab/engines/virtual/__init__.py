"""The engine in virtual time: all routers in one process, on one clock that only moves on.

Deterministic for a seed; knows neither Twisted nor sockets.
"""
