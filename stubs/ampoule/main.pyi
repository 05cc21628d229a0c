from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from ampoule.child import AMPChild
from ampoule.iampoule import IStarter
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.protocols.amp import AMP
from twisted.python.failure import Failure
from zope.interface import implementer

TO_CHILD: int
FROM_CHILD: int
BOOTSTRAP: str

class AMPConnector(ProcessProtocol):
    amp: AMP
    name: str | int
    finished: Deferred[Any]
    disconnecting: bool
    def __init__(self, proto: AMP, name: str | int | None = None) -> None: ...
    def signalProcess(self, signalID: str | int) -> None: ...
    def write(self, data: bytes) -> None: ...
    def loseConnection(self) -> None: ...
    def errReceived(self, data: bytes) -> None: ...
    def processEnded(self, status: Failure) -> None: ...

@implementer(IStarter)
class ProcessStarter:
    connectorFactory: ClassVar[type[AMPConnector]]
    def __init__(
        self,
        bootstrap: str = ...,
        args: tuple[str, ...] = (),
        env: Mapping[str, str] = ...,
        path: str | None = None,
        uid: int | None = None,
        gid: int | None = None,
        usePTY: int = 0,
        packages: Sequence[str] = (),
        childReactor: str = "select",
    ) -> None: ...
    def startAMPProcess(
        self,
        ampChild: type[AMPChild],
        ampParent: Callable[[], AMP] | None = None,
        ampChildArgs: tuple[str, ...] = (),
    ) -> tuple[AMP, Deferred[Any]]: ...
    def startPythonProcess(self, prot: Any, *args: str) -> tuple[AMP, Deferred[Any]]: ...
