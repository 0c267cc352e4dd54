"""A TCP socket that lingers: what it has to send never goes out, since its peer does not read, and its last close sleeps for
an hour."""
import socket
import struct

_server = socket.socket()
_server.bind(("127.0.0.1", 0))
_server.listen()
_unread = []


def lingering_socket():
    lingering = socket.create_connection(_server.getsockname())
    _unread.append(_server.accept()[0])
    lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
    lingering.setblocking(False)
    try:
        while True:
            lingering.send(b"x" * 65536)
    except BlockingIOError:
        return lingering
