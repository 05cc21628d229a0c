"""bgplab: a lab of real BGP routers, one process each, from one topology file."""

__version__ = "0.1.0"
