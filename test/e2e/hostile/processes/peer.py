"""What the attackers share: to become another user, and the two sockets with nothing between them and the bytes.

An attacker is called as `NAME.py DIRECTORY UID ATTACK ...`. It is loaded as root, since another user may not be able to read it,
and then becomes UID. It says so on standard output when its attack is under way.
"""
import fcntl
import os
import socket
import struct
import sys

WELCOME, GOODBYE, FETCH, ADOPT, RELEASE, EXPORT_FENCE, IMPORT_FENCE = range(1, 8)
HEADER_BYTES = 16
F_ADD_SEALS, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL = 1033, 2, 4, 1


def begin():
    """Becomes the user, and answers the runtime directory and what else was said."""
    directory, uid, *rest = sys.argv[1:]
    if os.getuid() != int(uid):
        os.setgroups([])
        os.setgid(int(uid))
        os.setuid(int(uid))
    return directory, rest


def under_way():
    print("under way", flush=True)


def header(opcode, length, serial=1, fd_count=0, status=0):
    return struct.pack("<HHIII", opcode, fd_count, length, serial, status)


def datagram(opcode, payload=b"", fd_count=0, serial=1):
    return header(opcode, HEADER_BYTES + len(payload), serial, fd_count) + payload


def ids(*buffers):
    return b"".join(struct.pack("<Q", buffer) for buffer in buffers)


def fence(buffer):
    return struct.pack("<QII", buffer, 1, 0)


def label(text=b"hostile"):
    return text.ljust(32, b"\0")


def memfd(size=4096, seals=F_SEAL_SHRINK):
    fd = os.memfd_create("hostile", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    if seals:
        fcntl.fcntl(fd, F_ADD_SEALS, seals)
    return fd


def connect(directory):
    """A session on fd.sock, and its token. None if the daemon has said GOODBYE."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect(directory + "/fd.sock")
    answer = connection.recv(8192)
    if len(answer) < HEADER_BYTES or struct.unpack_from("<H", answer)[0] != WELCOME:
        connection.close()
        return None, b""
    return connection, answer[-32:]


def send(connection, bytes_, fds=()):
    return socket.send_fds(connection, [bytes_], list(fds))


def adopt(connection, fd=None):
    """Brings a memfd of this process's own, and answers the id of its buffer."""
    own = memfd() if fd is None else fd
    send(connection, datagram(ADOPT, label(), 1), [own])
    answer = connection.recv(8192)
    status = struct.unpack_from("<I", answer, 12)[0]
    if status != 0:
        raise RuntimeError(answer[HEADER_BYTES:].decode())
    return struct.unpack_from("<Q", answer, HEADER_BYTES)[0]
