"""HTTP/2 and gRPC by hand (RFC 9113, RFC 7541): frames as a test wants them, true or not. Answers are not understood,
only counted: which streams have ended.
"""
import base64
import socket
import struct

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
INITIAL_WINDOW_SIZE = 4
LARGEST_WINDOW = 2**31 - 1


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", key, value) for key, value in pairs))


def opening(window=LARGEST_WINDOW):
    """The preface, and windows in which any answer has room; or, with a window of 0, none."""
    first = PREFACE + settings((INITIAL_WINDOW_SIZE, window))
    if window > 65535:
        first += frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", window - 65535))
    return first


def _length(number):
    if number < 127:
        return bytes([number])
    rest, encoded = number - 127, [127]
    while rest >= 128:
        encoded.append(rest % 128 + 128)
        rest //= 128
    return bytes(encoded + [rest])


def field(name, value):
    """A literal that enters no table."""
    return b"\0" + _length(len(name)) + name + _length(len(value)) + value


def fields(path, token=None, more=()):
    pairs = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path.encode()),
        (b":authority", b"localhost"),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
        *more,
    ]
    if token is not None:
        pairs.append((b"dmabufd-session-bin", base64.b64encode(token)))
    return b"".join(field(name, value) for name, value in pairs)


def message(bytes_=b"", compressed=0, length=None):
    return struct.pack(">BI", compressed, len(bytes_) if length is None else length) + bytes_


def end_steps(count):
    """The body of StreamCpuAccesses with so many ENDs of an access that there is not."""
    return b"".join(message(b"\x08" + varint(serial) + b"\x1a\x02\x08\x01") for serial in range(1, count + 1))


def varint(number):
    """A number as protobuf has it."""
    encoded = b""
    while number >= 128:
        encoded += bytes([number % 128 + 128])
        number //= 128
    return encoded + bytes([number])


def call(stream, block, body):
    """A unary call, whole."""
    return frame(HEADERS, END_HEADERS, stream, block) + frame(DATA, END_STREAM, stream, body)


def connect(directory, window=LARGEST_WINDOW):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(directory + "/control.sock")
    try:
        if window is not None:
            connection.sendall(opening(window))
    except ConnectionError:
        pass  # Refused: whoever uses it will see.
    return connection


class Frames:
    """Takes what comes in pieces and answers (kind, flags, stream, payload) of each frame that is whole."""

    def __init__(self):
        self.rest = b""

    def take(self, piece):
        buffer, at, found = self.rest + piece, 0, []
        while len(buffer) - at >= 9:
            size = int.from_bytes(buffer[at : at + 3], "big")
            if len(buffer) - at < 9 + size:
                break
            stream = int.from_bytes(buffer[at + 5 : at + 9], "big")
            found.append((buffer[at + 3], buffer[at + 4], stream, buffer[at + 9 : at + 9 + size]))
            at += 9 + size
        self.rest = buffer[at:]
        return found


def ended(frames):
    """How many streams these frames end."""
    return sum(
        1
        for kind, flags, stream, _ in frames
        if stream and (kind == RST_STREAM or (kind < 2 and flags & END_STREAM))
    )


def buffer_in(payload):
    """The id in a message whose first field is a buffer, whose first field is its id. None if it is no such message."""
    if len(payload) < 8 or payload[5] != 0x0A:
        return None
    at = 6
    while payload[at] & 0x80:
        at += 1
    if payload[at + 1] != 0x08:
        return None
    at, number, shift = at + 2, 0, 0
    while True:
        number |= (payload[at] & 0x7F) << shift
        if not payload[at] & 0x80:
            return number
        at, shift = at + 1, shift + 7
