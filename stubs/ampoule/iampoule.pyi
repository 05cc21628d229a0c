from collections.abc import Callable
from typing import Any

from ampoule.child import AMPChild
from twisted.internet.defer import Deferred
from twisted.protocols import amp
from zope.interface import Interface

class IStarter(Interface):
    def startAMPProcess(
        ampChild: type[AMPChild], ampParent: Callable[[], amp.AMP] | None = None
    ) -> tuple[amp.AMP, Deferred[Any]]: ...
    def startPythonProcess(prot: Any, *args: str) -> tuple[amp.AMP, Deferred[Any]]: ...
