"""
A job's process that does as the test tells it: ``python -I -S puppet.py PORT``.

It says over the socket what it was told on stdin, and what it hears; orders come back as JSON
lines: files to write, words for stderr, how to end.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from pathlib import Path


def main() -> None:
    """Obey until the test lets go."""
    line = sys.stdin.buffer.readline()
    link = socket.create_connection(("127.0.0.1", int(sys.argv[1])))

    def tell(word: bytes) -> None:
        link.sendall(word + b"\n")

    def listen() -> None:
        sys.stdin.buffer.read()
        tell(b'"eof"')

    signal.signal(signal.SIGTERM, lambda *_: tell(b'"term"'))
    tell(line.strip() or b"null")
    threading.Thread(target=listen, daemon=True).start()
    for order in link.makefile():
        obey(json.loads(order))
    os._exit(99)


def obey(order: dict[str, object]) -> None:
    """Do one thing."""
    for name, text in dict(order.get("write", {})).items():  # type: ignore[call-overload]  # JSON
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    os.write(2, str(order.get("say", "")).encode())
    if "signal" in order:
        os.kill(os.getpid(), int(str(order["signal"])))
    if "exit" in order:
        os._exit(int(str(order["exit"])))


if __name__ == "__main__":
    main()
