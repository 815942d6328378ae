"""The main loop of a worker, which runs one command after the other, each within a budget."""

import os
import socket
import traceback
from collections.abc import Callable, Iterable

from app.imaging.picture import ImagingError
from app.sandbox import limits, scratch, wire
from app.sandbox.budget import Budget
from app.sandbox.commands import Commands
from app.sandbox.shared import Area, Region
from app.sandbox.wire import Message

LONGEST_DETAIL = 8000
"""The most characters of an error that are reported to the service."""


def work(connection: socket.socket) -> None:
    """Serve until the service hangs up."""
    wire.send(connection, {"pid": os.getpid()})
    first = wire.receive(connection)
    if first is None:
        return
    size, (fd,) = first[0]["scratch"], first[1]
    commands = Commands(Area(Region(size, fd).view))
    idle_memory = limits.address_space()
    while (received := wire.receive(connection)) is not None:
        message, fds = received
        name = message.pop("do")
        if name == "drop":
            commands.drop()
            continue
        limits.impose(Budget(*message.pop("budget")), idle_memory)
        sizes = message.pop("sizes")
        # regions are closed by their destructor
        given = map(Region, sizes, fds) if fds else scratch.places(commands.scratch, sizes)
        wire.send(connection, _answer(getattr(commands, name), given, message))


def _answer(command: Callable[..., Message], given: Iterable[Area], arguments: Message) -> Message:
    """Run a command; return its result, or its error."""
    try:
        return command(*given, **arguments)
    except ImagingError as error:
        return {"error": type(error).__name__, "detail": str(error)[:LONGEST_DETAIL]}
    except MemoryError:
        return {"error": "MemoryLimit" if limits.has_reached_limit() else "MemoryError"}
    except Exception:
        return {"error": "Exception", "detail": traceback.format_exc()[-LONGEST_DETAIL:]}
