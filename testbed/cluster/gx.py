"""The caller's side of `gx` for a UML node: gx.py ADDRESS TIMEOUT COMMAND. The other side: guest-agent.py."""
import socket
import struct
import sys

address, timeout, command = sys.argv[1:]
try:
    c = socket.create_connection((address, 2222), 10)
    c.settimeout(float(timeout))
    c.sendall(command.encode() + b'\0')
    held = b''  # the last four bytes are the exit status
    while chunk := c.recv(65536):
        held += chunk
        sys.stdout.buffer.write(held[:-4])
        sys.stdout.buffer.flush()
        held = held[-4:]
except OSError as error:
    sys.exit(print(f'testbed/cluster/gx: {address}: {error}', file=sys.stderr) or 255)
sys.exit(struct.unpack('>i', held)[0] if len(held) == 4 else 255)
