"""Sends fd.sock sockets that linger: what they have to send never goes out, since their peers do not read, and their last close
sleeps for an hour. That is to be the daemon's close, so each is sent before the daemon reads from its connection, and closed here
while it is on its way.

    leave-lingering.py PATH WHERE

Sends as many as each line of standard input says, and answers with a line when they are on their way.
"""
import socket
import struct
import sys

path, where = sys.argv[1:]
FETCH, ADOPT = 3, 4

server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
server.bind(("127.0.0.1", 0))
server.listen()
kept = []


def lingering_socket():
    lingering = socket.socket()
    lingering.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    lingering.connect(server.getsockname())
    kept.append(server.accept()[0])
    lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
    lingering.setblocking(False)
    try:
        while True:
            lingering.send(b"x" * 4096)
    except BlockingIOError:
        return lingering


def datagram(opcode, payload, fd_count=1):
    return struct.pack("<HHIII", opcode, fd_count, 16 + len(payload), 1, 0) + payload


fetch = datagram(FETCH, bytes(8))
# More than are read one by one before it is looked ahead.
pipelined = [datagram(FETCH, bytes(8), 0)] * 6
# What is sent before the fd, the datagram with the fd, and what is sent behind it.
DATAGRAMS = {
    "unread": ([], fetch, []),
    "unread behind an empty datagram": ([b""], fetch, []),
    "unread behind a violation": ([b"x"], fetch, []),
    "in an empty datagram": ([], b"", []),
    "in an ADOPT": ([], datagram(ADOPT, bytes(32)), []),
    "where no fd belongs": ([], fetch, []),
    "in a datagram that is too large": ([], bytes(9000), []),
    "amid a pipeline": (pipelined, fetch, pipelined),
    "amid a pipeline, in an empty datagram": (pipelined, b"", pipelined),
    "amid a pipeline, behind an empty datagram": (pipelined + [b""], fetch, pipelined),
    "amid a pipeline, behind a violation": (pipelined + [b"x"], fetch, pipelined),
}


def attack():
    lingering = lingering_socket()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect(path)
    before, with_fd, behind = DATAGRAMS[where]
    try:
        for each in before:
            connection.send(each)
        socket.send_fds(connection, [with_fd], [lingering.fileno()])
        for each in behind:
            connection.send(each)
    except BrokenPipeError:
        # The daemon has not come to an end with what came before, and takes on no more of it.
        lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes(8))
    lingering.close()
    kept.append(connection)


for line in sys.stdin:
    for _ in range(int(line)):
        attack()
    if where in ("unread", "unread behind an empty datagram"):
        for each in kept:
            if each.family == socket.AF_UNIX:
                each.close()
        kept = [each for each in kept if each.fileno() >= 0]
    print("sent", flush=True)
