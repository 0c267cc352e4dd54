"""A client of fd.sock that receives only what it is told to receive. Node would receive whatever comes.

    lazy-client.py PATH

Reads commands from standard input, one a line, each with the name of a connection, and answers each with a line of JSON.
"""
import fcntl
import json
import os
import socket
import struct
import sys
import termios
import time

FETCH, EXPORT_FENCE = 3, 6
connections = {}


def unread(connection):
    return struct.unpack("i", fcntl.ioctl(connection, termios.FIONREAD, bytes(4)))[0]


def ids_of(ids):
    return b"".join(struct.pack("<Q", int(each)) for each in ids)


def datagram(opcode, payload):
    return struct.pack("<HHIII", opcode, 0, 16 + len(payload), 1, 0) + payload


def wait_for_more(connection, than):
    """The daemon has answered, and the answer lies in the socket."""
    while unread(connection) == than:
        time.sleep(0.001)


def connect(name):
    connections[name] = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connections[name].connect(sys.argv[1])
    return receive(name)


def fetch(name, *ids):
    connection = connections[name]
    before = unread(connection)
    connection.send(datagram(FETCH, ids_of(ids)))
    wait_for_more(connection, before)


def pipeline(name, count, *ids):
    for _ in range(int(count)):
        connections[name].send(datagram(FETCH, ids_of(ids)))
    connections[name].send(datagram(EXPORT_FENCE, bytes(16)))


def violate(name):
    """Breaks the protocol, and is told GOODBYE."""
    connection = connections[name]
    before = unread(connection)
    connection.send(b"x")
    wait_for_more(connection, before)


def receive(name):
    data, fds, _, _ = socket.recv_fds(connections[name], 8192, 253)
    for fd in fds:
        os.close(fd)
    opcode, _, _, _, status = struct.unpack_from("<HHIII", data)
    return {"opcode": opcode, "status": status, "fds": len(fds), "text": data[16:].decode(errors="replace")}


def close(name):
    connections.pop(name).close()


COMMANDS = {
    "connect": connect,
    "fetch": fetch,
    "pipeline": pipeline,
    "violate": violate,
    "receive": receive,
    "close": close,
}

for line in sys.stdin:
    command, *arguments = line.split()
    print(json.dumps(COMMANDS[command](*arguments)), flush=True)
