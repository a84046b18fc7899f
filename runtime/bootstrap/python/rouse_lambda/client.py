"""The Runtime API over one kept connection.

http.client costs 20 ms to import; five requests of fixed shape do not need it.
"""

import _socket  # socket itself imports enum and selectors, 7 ms

_VERSION = "/2018-06-01/runtime"


class Lost(Exception):
    """The host closed the connection or did not speak HTTP."""


class Client:
    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self._address = (host, int(port))
        self._host = address.encode("latin-1")
        self._conn = None
        self._buffer = b""

    def next(self):
        """Waits for the next event; returns its headers, with lower-case names, and its body."""
        request = self._head("GET", "/invocation/next") + b"\r\n"
        # Asking again is safe: an event that was handed out on a lost connection
        # is the host's to fail. Twice, so that a restarted host is found.
        for attempt in (1, 2, 3):
            try:
                status, headers, body = self._exchange(request)
                break
            except (Lost, OSError):
                self._drop()
                if attempt == 3:
                    raise
        if status != 200:
            raise Lost("next event: status %d: %s" % (status, body[:200].decode("utf-8", "replace")))
        return headers, body

    def respond(self, request_id, body, content_type):
        """Answers an event."""
        self._post("/invocation/" + request_id + "/response", body, content_type)

    def fail(self, request_id, body, error_type):
        """Answers an event with an error."""
        self._post("/invocation/" + request_id + "/error", body, "application/json", error_type)

    def fail_init(self, body, error_type):
        """Reports that no event will ever be asked for."""
        self._post("/init/error", body, "application/json", error_type)

    def imported(self, body):
        """Reports the modules that are worth having loaded before the next start."""
        self._post("/init/imports", body, "application/json")

    def _post(self, path, body, content_type, error_type=None):
        head = self._head("POST", path)
        head += b"Content-Type: %s\r\nContent-Length: %d\r\n" % (content_type.encode("ascii"), len(body))
        if error_type:
            safe = "".join(c if " " < c <= "~" else "_" for c in error_type)[:256]
            head += b"Lambda-Runtime-Function-Error-Type: %s\r\n" % safe.encode("ascii")
        # What the host thinks of the answer (too large, too late) it has told the
        # caller; the next poll says whether this process may go on.
        self._exchange(head + b"\r\n", body)

    def _head(self, method, path):
        return ("%s %s%s HTTP/1.1\r\nHost: " % (method, _VERSION, path)).encode("latin-1") + self._host + b"\r\n"

    def _exchange(self, head, body=b""):
        if self._conn is None:
            self._connect()
        if len(body) < 65536:  # one packet when small, no copy when large
            self._conn.sendall(head + body)
        else:
            self._conn.sendall(head)
            self._conn.sendall(body)
        return self._response()

    def _connect(self):
        conn = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        try:
            conn.connect(self._address)
            conn.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        except OSError:
            conn.close()
            raise
        self._conn, self._buffer = conn, b""

    def _drop(self):
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    def _response(self):
        lines = self._until(b"\r\n\r\n").split(b"\r\n")
        words = lines[0].split(b" ", 2)
        if len(words) < 2 or not words[1].isdigit():
            raise Lost("not an HTTP response")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            headers[name.strip().lower().decode("latin-1")] = value.strip().decode("utf-8", "replace")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._chunks()
        else:
            body = self._exactly(int(headers.get("content-length") or 0))
        if headers.get("connection", "").lower() == "close":
            self._drop()
        return int(words[1]), headers, body

    def _chunks(self):
        parts = []
        while True:
            size = int(self._until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                while self._until(b"\r\n"):
                    pass
                return b"".join(parts)
            parts.append(self._exactly(size))
            self._until(b"\r\n")

    def _until(self, mark):
        while mark not in self._buffer:
            self._buffer += self._receive()
        found, _, self._buffer = self._buffer.partition(mark)
        return found

    def _exactly(self, size):
        if len(self._buffer) >= size:
            body, self._buffer = self._buffer[:size], self._buffer[size:]
            return body
        parts, missing = [self._buffer], size - len(self._buffer)
        self._buffer = b""
        while missing > 0:
            part = self._receive(min(missing, 1 << 20))
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _receive(self, most=65536):
        part = self._conn.recv(most)
        if not part:
            raise Lost("the host closed the connection")
        return part
