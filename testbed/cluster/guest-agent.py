#!/usr/bin/python3
"""Command runner inside a UML node; `gx` talks to it. One command per connection, ended by a zero byte; the answer is
its output (stdout and stderr together) as it comes, and at the end its exit status in four bytes.
It gives root in the guest to whoever reaches the port: the control plane's network namespace and the pods."""
import socket
import struct
import subprocess
import sys
import threading


def serve(conn):
    data = b''
    while not data.endswith(b'\0'):
        more = conn.recv(65536)
        if not more:
            return
        data += more
    p = subprocess.Popen(['/bin/bash', '-c', data[:-1].decode()], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        while chunk := p.stdout.read1(65536):
            conn.sendall(chunk)
        rc = p.wait()
        conn.sendall(struct.pack('>i', rc if rc >= 0 else 128 - rc))
    except OSError:
        p.kill()  # the client has gone
    conn.close()


listener = socket.create_server((sys.argv[1], 2222), backlog=16)
while True:
    c, _ = listener.accept()
    threading.Thread(target=serve, args=(c,), daemon=True).start()
