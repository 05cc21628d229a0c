"""The lab as operating-system processes: one per router, each with one Twisted reactor.

lab.py          the controller: starts, watches, asks and stops the routers of a plan
acts.py         what may be done to routers and links
convergence.py  the verdict: second wave, those who wait, the watch over what goes in circles
suspicion.py    proof of a circle from records that arrive out of order
clock.py        the lab's clock, at a time scale
starters.py     two ways to start a router process, behind ampoule's IStarter
forkserver.py   a warm process that forks routers; knows no reactor
router.py       what runs in a router process
commands.py     AMP commands between the two
remote.py       a router process as the controller sees it
gather.py       waiting for many answers at once
preflight.py    what the machine must have before anything starts
usage.py        CPU and memory, from /proc
net/            the Twisted shell around the pure Speaker: sockets, delays, one timer
"""
