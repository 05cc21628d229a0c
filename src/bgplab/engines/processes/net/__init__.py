"""The Twisted shell of one router: it moves octets, keeps one timer, and decides nothing.

    shell.py        Shell: one Speaker in one reactor
    connection.py   Protocol and Factory of a BGP connection
    delay.py        octets that spend time on a link

Nothing here imports the global reactor: it is handed in.
"""
