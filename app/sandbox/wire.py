"""Messages between processes: a length and JSON, with accompanying descriptors.

Messages of a worker are never unpickled: an attacker may control it.
"""

import json
import socket
import struct
from collections.abc import Sequence
from typing import Any

LENGTH = struct.Struct("<I")
LONGEST = 1 << 16  # bytes; pixels, files and metadata go through shared memory
MOST_DESCRIPTORS = 4

Message = dict[str, Any]


class Garbled(Exception):
    """The other side has sent an invalid or incomplete message."""


def send(connection: socket.socket, message: Message, fds: Sequence[int] = ()) -> None:
    """Send a message at once, or raise OSError (BlockingIOError if the last is still unread).

    Messages are small and few, so that the system accepts each as a whole.
    """
    data = json.dumps(message).encode()
    sent = socket.send_fds(connection, [LENGTH.pack(len(data)) + data], fds)
    if sent != LENGTH.size + len(data):
        raise BlockingIOError


def receive(connection: socket.socket) -> tuple[Message, list[int]] | None:
    """Wait for a message; return None if the other side has gone."""
    head, fds, _, _ = socket.recv_fds(connection, LENGTH.size, MOST_DESCRIPTORS)
    if not head:
        return None
    head += _exactly(connection, LENGTH.size - len(head))
    return parsed(_exactly(connection, length(head))), fds


def length(head: bytes) -> int:
    """Return the length of the message that follows; raise Garbled if it is too long."""
    size: int = LENGTH.unpack_from(head)[0]
    if size > LONGEST:
        raise Garbled(f"a message of {size} bytes")
    return size


def parsed(data: bytes) -> Message:
    """Return the message in its bytes; raise Garbled."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Garbled("not JSON") from error
    if not isinstance(message, dict):
        raise Garbled("not an object")
    return message


def _exactly(connection: socket.socket, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = connection.recv(size)
        if not part:
            raise Garbled("the end of the stream in a message")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
