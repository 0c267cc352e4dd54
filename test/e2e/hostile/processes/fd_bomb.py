"""Sends fd.sock fds that it never asked for, again and again over many connections, until it is killed.

    fd_bomb.py DIRECTORY UID KIND OPCODE COUNT
"""
import errno
import os
import select
import socket
import threading

import peer

CONNECTIONS = 8

directory, (kind, opcode, count) = peer.begin()
opcode, count = int(opcode), int(count)


def pipe():
    return os.pipe()[0]


def nested():
    """A socket in whose queue a socket is, in whose queue a socket is, and so on."""
    inner = peer.memfd()
    for _ in range(16):
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        peer.send(near, b"x", [inner] * 8)
        near.close()
        os.close(inner)
        inner = far.detach()
    return inner


def cycle():
    """A socket that is in its own queue, and that nobody can ever receive."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    peer.send(near, b"x", [near.fileno(), far.fileno()])
    near.close()
    return far.detach()


an_epoll = select.epoll()
KINDS = {
    "memfd": peer.memfd,
    "unsealed": lambda: peer.memfd(seals=0),
    "pipe": pipe,
    "file": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "directory": lambda: os.open("/", os.O_RDONLY),
    "device": lambda: os.open("/dev/zero", os.O_RDWR),
    "epoll": lambda: os.dup(an_epoll.fileno()),
    "nested": nested,
    "cycle": cycle,
}


def bomb(announce):
    connection = None
    rounds = 0
    while True:
        if connection is None:
            connection, _ = peer.connect(directory)
            if connection is None:
                continue
        fd = KINDS[kind]()
        payload = peer.label() if opcode == peer.ADOPT else peer.ids(1)
        try:
            peer.send(connection, peer.datagram(opcode, payload, count), [fd] * count)
            if not connection.recv(8192):
                raise BrokenPipeError
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.ECONNRESET, errno.ETOOMANYREFS, None):
                raise
            connection.close()
            connection = None
        os.close(fd)
        rounds += 1
        if rounds == 5:
            announce.release()


announce = threading.Semaphore(0)
for _ in range(CONNECTIONS):
    threading.Thread(target=bomb, args=(announce,), daemon=True).start()
for _ in range(CONNECTIONS):
    announce.acquire()
peer.under_way()
threading.Event().wait()
