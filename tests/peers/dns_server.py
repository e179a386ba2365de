"""A server of DNS that tells the addresses of a few names, to programs that look them up."""

import socket
import struct
import threading

_TYPE_A = 1
_NO_SUCH_NAME = 3
_ANSWER_FLAGS = 0x8580  # an answer, with authority, recursion wanted and available


def _question(query):
    """Returns the name that a query asks for, the type, and where the question ends."""
    labels, at = [], 12
    while query[at] != 0:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += 1 + query[at]
    return ".".join(labels).lower(), struct.unpack_from(">H", query, at + 1)[0], at + 5


def _answer(query, names):
    name, kind, end = _question(query)
    records = b""
    if name in names and kind == _TYPE_A:
        # The name is the question's, at byte 12; class IN, for 60 s, 4 bytes.
        records = struct.pack(">HHHIH", 0xC00C, _TYPE_A, 1, 60, 4) + socket.inet_aton(names[name])
    flags = _ANSWER_FLAGS if name in names else _ANSWER_FLAGS | _NO_SUCH_NAME
    return query[:2] + struct.pack(">HHHHH", flags, 1, bool(records), 0, 0) + query[12:end] + records


class DnsServer:
    """Answers over UDP at port 53 of `address`, one of this machine's, while it is entered."""

    def __init__(self, address, names):
        self._names = names
        self._stop = threading.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(0.1)
        self._socket.bind((address, 53))
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _serve(self):
        while not self._stop.is_set():
            try:
                query, client = self._socket.recvfrom(512)
            except TimeoutError:
                continue
            self._socket.sendto(_answer(query, self._names), client)
