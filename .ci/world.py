"""What .ci/alerts and .ci/end-to-end share: processes, targets, and waiting."""

import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

DIR = Path(tempfile.mkdtemp())
PATIENCE = 60  # seconds; a wait that takes longer fails
processes = []

# By default SIGTERM ends Python at once, and no `finally` ends the processes that it started.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def free_port(host="127.0.0.1"):
    with socket.socket() as listener:
        listener.bind((host, 0))
        return listener.getsockname()[1]


def wait(what, is_so):
    """Waits until something is so, and returns it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = is_so()
        if value:
            return value
        time.sleep(0.1)
    sys.exit(f"gave up waiting for {what}; the logs are in {DIR}")


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()
    except (urllib.error.URLError, OSError):
        return ""


def start(name, *command, **more):
    more.setdefault("stderr", open(DIR / f"{name}.log", "ab"))
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, **more)
    processes.append(process)
    return process


def stop(process, how=signal.SIGKILL):
    process.send_signal(how)
    process.wait()


class Target:
    """A listener that takes connections and says nothing, or speaks TLS."""

    def __init__(self, number, port=0, context=None):
        self.address, self.context = f"127.54.0.{number}", context
        self.port = port
        self.begin()

    def begin(self):
        self.listener = socket.create_server((self.address, self.port), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.take, args=(self.listener,), daemon=True).start()

    def take(self, listener):
        clients = []  # Kept open: the program closes them.
        while True:
            try:
                client, _ = listener.accept()
                if self.context:
                    client = self.context.wrap_socket(client, server_side=True)
            except ssl.SSLError:
                continue
            except OSError:
                if listener.fileno() < 0:
                    return
                continue
            clients = [*clients[-64:], client]

    def end(self):
        # Wakes the thread that waits for a connection.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def ask(address, name):
    """Asks for A records over UDP. Returns the response code and the set of addresses."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack("!6H", 7, 0, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(query, address)
        reply = client.recv(4096)
    code, answers = reply[3] & 15, int.from_bytes(reply[6:8], "big")
    # Each answer is a pointer to the name, type, class, TTL, length, and an address.
    records = reply[len(query) :]
    addresses = (records[16 * n + 12 : 16 * n + 16] for n in range(answers))
    return code, {socket.inet_ntoa(address) for address in addresses}


def end_all():
    """Ends all processes that are left, and deletes their logs after a success."""
    for process in reversed(processes):
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            stop(process)
    if sys.exc_info()[0] is None:
        shutil.rmtree(DIR)
