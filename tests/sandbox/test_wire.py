import os
import socket
import threading

import pytest

from app.sandbox import wire


@pytest.fixture
def ends():
    a, b = socket.socketpair()
    with a, b:
        yield a, b


def test_a_message_comes_with_its_descriptors(ends):
    reading, writing = os.pipe()
    wire.send(ends[0], {"do": "read", "size": 3}, [writing])
    wire.send(ends[0], {})
    received = wire.receive(ends[1])
    assert received is not None
    message, (fd,) = received
    os.write(fd, b"abc")
    assert (message, os.read(reading, 9)) == ({"do": "read", "size": 3}, b"abc")
    assert wire.receive(ends[1]) == ({}, [])
    for each in (reading, writing, fd):
        os.close(each)


def test_a_message_may_come_byte_by_byte(ends):
    data = wire.LENGTH.pack(8) + b'{"a": 1}'
    writer = threading.Thread(target=lambda: [ends[0].send(bytes([byte])) for byte in data])
    writer.start()
    assert wire.receive(ends[1]) == ({"a": 1}, [])
    writer.join()


def test_the_end_of_the_stream_is_no_message(ends):
    ends[0].close()
    assert wire.receive(ends[1]) is None


@pytest.mark.parametrize(
    "data",
    [
        wire.LENGTH.pack(9) + b"{}",
        wire.LENGTH.pack(2) + b"[]",
        wire.LENGTH.pack(2) + b"\xff\xff",
        wire.LENGTH.pack(60_000) + b"[" * 60_000,
        wire.LENGTH.pack(wire.LONGEST + 1),
        b"\1",
    ],
)
def test_what_makes_no_sense_is_said_to_be_so(ends, data):
    ends[0].send(data)
    ends[0].close()
    with pytest.raises(wire.Garbled):
        wire.receive(ends[1])
