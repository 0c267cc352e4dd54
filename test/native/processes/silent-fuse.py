"""A filesystem with one file, whose server never answers when the file is closed (FUSE_FLUSH), as a user other than root,
who sends that file to fd.sock.

    silent-fuse.py MOUNTPOINT PATH UID

Sends it from as many connections as each line of standard input says, and answers with a line when they are on their way. The
line `goodbyes` is answered with how many of them have been told GOODBYE RESOURCE_EXHAUSTED.
"""
import ctypes
import os
import socket
import struct
import sys
import threading

mountpoint, path, uid = sys.argv[1], sys.argv[2], int(sys.argv[3])
LOOKUP, FORGET, GETATTR, OPEN, RELEASE, FLUSH, INIT, INTERRUPT = 1, 2, 3, 14, 18, 25, 26, 36
ROOT, FILE = 1, 2
GOODBYE, RESOURCE_EXHAUSTED = 2, 8

device = os.open("/dev/fuse", os.O_RDWR)
libc = ctypes.CDLL(None, use_errno=True)
options = f"fd={device},rootmode=40000,user_id={uid},group_id={uid}"
if libc.mount(b"fuse", mountpoint.encode(), b"fuse", 0, options.encode()) != 0:
    sys.exit("mount: " + os.strerror(ctypes.get_errno()))
os.setgroups([])
os.setresgid(uid, uid, uid)
os.setresuid(uid, uid, uid)


def attributes(node):
    """struct fuse_attr: nothing but what it is."""
    mode = 0o40755 if node == ROOT else 0o100644
    return struct.pack("<6Q10I", node, 0, 0, 0, 0, 0, 0, 0, 0, mode, 1, uid, uid, 0, 4096, 0)


def answer(opcode, node):
    if opcode == INIT:
        return struct.pack("<4I2H2I2H8I", 7, 31, 0, 0, 0, 0, 4096, 1, 0, 0, *[0] * 8)
    if opcode == LOOKUP:
        return struct.pack("<4Q2I", FILE, 0, 0, 0, 0, 0) + attributes(FILE)
    if opcode == GETATTR:
        return struct.pack("<Q2I", 0, 0, 0) + attributes(node)
    if opcode == OPEN:
        return struct.pack("<Q2I", 0, 0, 0)
    return b""


def serve():
    while True:
        try:
            request = os.read(device, 1 << 17)
        except OSError:
            return  # unmounted
        _, opcode, unique, node = struct.unpack_from("<2I2Q", request)
        if opcode in (FLUSH, FORGET, INTERRUPT):
            continue
        payload = answer(opcode, node)
        os.write(device, struct.pack("<IiQ", 16 + len(payload), 0, unique) + payload)


threading.Thread(target=serve, daemon=True).start()
connections = []


def attack():
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect(path)
    adopt = struct.pack("<HHIII", 4, 1, 48, 1, 0) + bytes(32)
    socket.send_fds(connection, [adopt], [os.open(mountpoint + "/file", os.O_RDONLY)])
    connection.setblocking(False)
    connections.append(connection)


goodbyes = 0


def count_goodbyes():
    global goodbyes
    for connection in connections:
        try:
            data = connection.recv(8192)
        except (BlockingIOError, ConnectionResetError):
            continue
        if len(data) >= 16 and struct.unpack("<HHIII", data[:16])[0::4] == (GOODBYE, RESOURCE_EXHAUSTED):
            goodbyes += 1
    return goodbyes


for line in sys.stdin:
    if line == "goodbyes\n":
        print(count_goodbyes(), flush=True)
        continue
    for _ in range(int(line)):
        attack()
    print("sent", flush=True)
