from twisted.protocols import amp

class AMPChild(amp.AMP):
    def __init__(self) -> None: ...
