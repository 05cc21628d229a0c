# What bgplab uses of ampoule 24.10, which carries no types. Importing ampoule imports the
# default reactor: install another one first.

from ampoule.child import AMPChild as AMPChild
