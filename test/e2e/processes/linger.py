"""Sends fd.sock a TCP socket that lingers: what it has to send never goes out, since its peer does not read, and its last
close sleeps for an hour. Closes its own descriptor, so that the daemon's is the last.

    linger.py RUNTIME_DIRECTORY OPCODE
"""
import socket
import struct
import sys
import time

directory, opcode = sys.argv[1], int(sys.argv[2])
ADOPT = 4

server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen()
lingering = socket.create_connection(server.getsockname())
peer = server.accept()[0]
lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
lingering.setblocking(False)
try:
    while True:
        lingering.send(b"x" * 65536)
except BlockingIOError:
    pass

connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
connection.connect(directory + "/fd.sock")
connection.recv(8192)  # WELCOME
payload = bytes(32) if opcode == ADOPT else (1).to_bytes(8, "little")
header = struct.pack("<HHIII", opcode, 1, 16 + len(payload), 1, 0)
socket.send_fds(connection, [header + payload], [lingering.fileno()])
lingering.close()
time.sleep(0.5)
print("sent", flush=True)
time.sleep(3600)
