"""Sends fd.sock a TCP socket that lingers. Its last close is to be the daemon's, so this process has to close its own
descriptor first.

    linger.py RUNTIME_DIRECTORY OPCODE
"""
import socket
import struct
import sys
import threading
import time

from lingering import lingering_socket

directory, opcode = sys.argv[1], int(sys.argv[2])
ADOPT = 4


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
