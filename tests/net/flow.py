#!/usr/bin/python3
"""Traffic for the suites, and what became of it.

flow.py serve PORT...               TCP and UDP on each port: TCP echoes; at the end (SIGTERM) prints for each port the
                                    connections and the datagrams that came
flow.py stream ADDRESS PORT SECONDS one TCP connection that sends and must get back a numbered line every 5 ms; prints
                                    "lines N gap MS"; fails if it breaks or stands still for over a second
flow.py knock ADDRESS PORT SECONDS  a new TCP connection and a UDP datagram each millisecond; prints how many connected
"""

import errno
import selectors
import signal
import socket
import sys
import time


def serve(ports):
    selector = selectors.DefaultSelector()
    connections = dict.fromkeys(ports, 0)
    datagrams = dict.fromkeys(ports, 0)
    going = True

    def stop(*_):
        nonlocal going
        going = False

    signal.signal(signal.SIGTERM, stop)
    for port in ports:
        tcp = socket.create_server(("0.0.0.0", port), backlog=1024)
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("0.0.0.0", port))
        for listener, kind in (tcp, "tcp"), (udp, "udp"):
            listener.setblocking(False)
            selector.register(listener, selectors.EVENT_READ, (kind, port))
    print("ready", flush=True)
    while going:
        for key, _ in selector.select(0.1):
            kind, port = key.data
            try:
                if kind == "udp":
                    key.fileobj.recvfrom(100)
                    datagrams[port] += 1
                elif kind == "tcp":
                    connection = key.fileobj.accept()[0]
                    connection.setblocking(False)
                    connections[port] += 1
                    selector.register(connection, selectors.EVENT_READ, ("echo", port))
                else:
                    data = key.fileobj.recv(65536)
                    if not data:
                        raise ConnectionError
                    key.fileobj.send(data)
            except BlockingIOError:
                pass
            except OSError:
                if kind == "echo":
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
    for port in ports:
        print(f"port {port} connections {connections[port]} datagrams {datagrams[port]}", flush=True)


def stream(address, port, seconds):
    connection = socket.create_connection((address, port), 3)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(1)
    print("ready", flush=True)
    end = time.monotonic() + seconds
    lines, longest = 0, 0.0
    while (start := time.monotonic()) < end:
        line = b"%d\n" % lines
        connection.sendall(line)
        back = b""
        while len(back) < len(line):
            part = connection.recv(100)
            if not part:
                raise ConnectionError("the other end closed")
            back += part
        if back != line:
            raise ConnectionError(f"sent {line}, got {back}")
        longest = max(longest, time.monotonic() - start)
        lines += 1
        time.sleep(0.005)
    print(f"lines {lines} gap {longest * 1000:.0f}", flush=True)


def knock(address, port, seconds):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    waiting, connected, tried = [], 0, 0
    selector = selectors.DefaultSelector()
    end = time.monotonic() + seconds
    print("ready", flush=True)
    while time.monotonic() < end:
        try:
            udp.sendto(b"knock", (address, port))
        except OSError:
            pass
        tcp = socket.socket()
        tcp.setblocking(False)
        result = tcp.connect_ex((address, port))
        tried += 1
        if result == 0:
            connected += 1
            tcp.close()
        elif result == errno.EINPROGRESS:
            waiting.append(tcp)
            selector.register(tcp, selectors.EVENT_WRITE)
        for key, _ in selector.select(0):
            if key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                connected += 1
            selector.unregister(key.fileobj)
            waiting.remove(key.fileobj)
            key.fileobj.close()
        if len(waiting) > 200:
            oldest = waiting.pop(0)
            selector.unregister(oldest)
            oldest.close()
        time.sleep(0.001)
    print(f"tried {tried} connected {connected}", flush=True)


def main():
    what, arguments = sys.argv[1], sys.argv[2:]
    if what == "serve":
        serve([int(port) for port in arguments])
    elif what in ("stream", "knock"):
        function = {"stream": stream, "knock": knock}[what]
        try:
            function(arguments[0], int(arguments[1]), float(arguments[2]))
        except OSError as error:
            sys.exit(f"flow.py: {what}: {error}")
    else:
        sys.exit(__doc__)


main()
