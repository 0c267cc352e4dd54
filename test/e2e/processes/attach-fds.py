"""Connects to a stream socket and attaches an fd to the bytes that it sends there. The fd is of a TCP socket that lingers. Its
last close is to be the receiver's, so this process has to close its own descriptor first.

    attach-fds.py PATH (first|later|behind|out-of-band)

Says "sent", or "refused" where the kernel lets nobody attach fds; and then "ended" when the connection has.
"""
import array
import os
import signal
import socket
import sys
import threading

from lingering import lingering_socket

path, how = sys.argv[1:]


def send_and_close(connection, lingering):
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [lingering.fileno()]))
    flags = socket.MSG_OOB if how == "out-of-band" else 0
    try:
        connection.sendmsg([b"!"], [rights], flags)
    except PermissionError:
        print("refused", flush=True)
        os._exit(0)
    lingering.close()


def send_more(connection):
    try:
        connection.sendall(b"good bytes")
    except BrokenPipeError:
        pass  # cut off already


def attack():
    """Answers the connection if the receiver was the last to close, or None if this process was."""
    lingering = lingering_socket()
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    if how == "later":
        connection.sendall(b"good bytes")
        connection.recv(1)  # they have been read
    if how == "behind":
        connection.sendall(b"x" * 150_000)  # more than is taken unless it is read
    sending = threading.Thread(target=send_and_close, args=(connection, lingering), daemon=True)
    sending.start()
    sending.join(0.5)
    if sending.is_alive():
        connection.close()
        return None
    if how == "out-of-band":
        send_more(connection)
    return connection


connection = attack()
while connection is None:
    connection = attack()
print("sent", flush=True)
try:
    while connection.recv(4096):
        pass
except ConnectionResetError:
    pass
print("ended", flush=True)
# The end of this process would end the wait.
signal.pause()
