"""A peer of our own wire, written from docs/wire.md alone.

    wire_peer.py transmit PORT NAME FRAMES [KEYFILE]
    wire_peer.py receive PORT FRAMES [KEYFILE]

`transmit` sends FRAMES frames of 6 x 4 u16 pixels, each of its counter's
value, the last two in a slice of their own where NAME is "cube" (6 x 4 x 3).
`receive` listens, says its port, takes FRAMES frames and prints each as one
line of JSON. Python's standard library only.
"""

import hashlib
import hmac
import json
import os
import socket
import struct
import sys
import time

MAGIC = bytes.fromhex("8973686d696d0d0a")
WHOLE = 2**32 - 1
PIECE = 4096
SIZES = {
    "u8": 1, "i8": 1, "u16": 2, "i16": 2, "u32": 4, "i32": 4, "u64": 8,
    "i64": 8, "f16": 2, "f32": 4, "f64": 8, "c64": 8, "c128": 16,
}

TABLE = []
for value in range(256):
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    TABLE.append(value)


def crc32c(*parts):
    crc = 0xFFFFFFFF
    for part in parts:
        for byte in part:
            crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def sign(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def take(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError(f"closed after {len(data)} of {count} bytes")
        data += more
    return data


def read_key(path):
    if path is None:
        return None
    with open(path, "rb") as file:
        return file.read().removesuffix(b"\n")


class Channel:
    """A greeted connection with its sealed messages."""

    def __init__(self, connection, key, role):
        self.connection = connection
        self.role = role
        self.sent = self.received = 0
        secret = bytes(32) if key is None else key
        hello = MAGIC + struct.pack(
            "<HHBBH", 1, 1, key is not None, role, 1
        ) + os.urandom(32)
        if role == 1:
            connection.sendall(hello)
            first, second = hello, take(connection, 48)
            other = second
        else:
            first, second = take(connection, 48), hello
            other = first
            connection.sendall(hello)
        magic, low, high, keyed, found, service = struct.unpack(
            "<8sHHBBH", other[:16]
        )
        assert magic == MAGIC and low <= 1 <= high, "another wire"
        assert keyed == (key is not None) and service == 1
        assert found == 3 - role
        proof = sign(secret, b"shmim initiator", first, second)
        if role == 1:
            connection.sendall(proof)
        else:
            assert hmac.compare_digest(take(connection, 32), proof), "key"
        back = sign(secret, b"shmim responder", first, second, proof)
        if role == 2:
            connection.sendall(back)
        else:
            assert hmac.compare_digest(take(connection, 32), back), "key"
        self.session = sign(secret, b"shmim session", first, second)

    def tag(self, role, number, length, payload):
        label = b"shmim sealed" + bytes([role]) + struct.pack(">Q", number)
        return sign(self.session, label, length, payload)

    def send(self, payload):
        length = struct.pack("<I", len(payload))
        tag = self.tag(self.role, self.sent, length, payload)
        self.sent += 1
        self.connection.sendall(length + payload + tag)

    def receive(self):
        length = take(self.connection, 4)
        payload = take(self.connection, struct.unpack("<I", length)[0])
        tag = self.tag(3 - self.role, self.received, length, payload)
        self.received += 1
        assert hmac.compare_digest(take(self.connection, 32), tag), "seal"
        return payload


def keyword(name, value):
    return struct.pack(
        "<16sc7xq8x80s8x", name.encode(), b"L", value, b"a comment"
    )


def frame(counter, slice_index, pixels):
    now = time.time_ns()
    head = struct.pack(
        "<IIQQQqqqqQQIIQ", 1, 0, counter, counter % 3, 7,
        1000 + counter, 5, 2000 + counter, 6, now, 1000, slice_index, 0,
        len(pixels),
    )
    assert len(head) == 96
    message = head
    for at in range(0, len(pixels), PIECE):
        piece = pixels[at:at + PIECE]
        message += piece
        if at + PIECE < len(pixels):
            message += struct.pack("<II", 0, 0)
    return message + struct.pack("<II", 1, crc32c(head, pixels))


def transmit(port, name, frames, key):
    connection = socket.create_connection(("127.0.0.1", port))
    channel = Channel(connection, key, 1)
    axes = [6, 4, 3] if name == "cube" else [6, 4]
    offer = struct.pack(
        "<IIIIQQqQQII8s3I12x96s", 0, 0, PIECE, 1000, 2, 4711, 99, 0,
        int.from_bytes(os.urandom(8), "little"), 2, len(axes), b"u16",
        *(axes + [0])[:3], name.encode(),
    )
    assert len(offer) == 192
    channel.send(offer)
    answer = channel.receive()
    refused, capabilities, known, length = struct.unpack("<4I", answer[:16])
    if refused:
        print(json.dumps({"refused": answer[48:48 + length].decode()}))
        return 1
    assert capabilities == 0
    records = keyword("GAIN", 42)
    head = struct.pack("<III", 2, 0, 1)
    connection.sendall(head + struct.pack("<I", crc32c(head, records)) + records)
    pixels = 1
    for axis in axes:
        pixels *= axis
    for counter in range(1, frames + 1):
        alone = name == "cube" and counter > frames - 2
        count = 24 if alone else pixels
        connection.sendall(frame(
            counter,
            counter % 3 if alone else WHOLE,
            struct.pack("<H", counter) * count,
        ))
    # A frame that is given up, and one whose sum is wrong.
    spoilt = frame(frames + 1, WHOLE, struct.pack("<H", 9) * pixels)
    connection.sendall(spoilt[:-8] + struct.pack("<II", 2, 0))
    connection.sendall(spoilt[:-4] + bytes(4))
    sent = time.time_ns()
    connection.sendall(struct.pack(
        "<IIQqQQQQ", 3, 1, sent, 0, 2**64 - 1, 0, frames, 0
    ))
    pong = struct.unpack("<IIQQQQQQ", take(connection, 56))
    assert pong[:3] == (4, 1, sent)
    print(json.dumps({
        "known": known, "last": pong[5], "frames": pong[6],
        "damaged": pong[7],
        "ordered": sent <= pong[3] <= pong[4] <= time.time_ns(),
    }))
    return 0


def receive(port, frames, key):
    listener = socket.create_server(("127.0.0.1", port))
    print(listener.getsockname()[1], flush=True)
    connection, _ = listener.accept()
    channel = Channel(connection, key, 2)
    fields = struct.unpack("<IIIIQQqQQII8s3I12x96s", channel.receive())
    piece, records = fields[2], fields[9]
    kind = fields[11].rstrip(b"\0").decode()
    axes = list(fields[12:15])[:fields[10]]
    channel.send(struct.pack("<4I4Q", 0, 0, 0, 0, 0, 0, 0, 0))
    keywords = bytearray(128 * records)
    last, count, offset, limit, told = fields[7], 0, None, None, False
    while count < frames:
        code = struct.unpack("<I", take(connection, 4))[0]
        if code == 2:
            head = struct.pack("<I", 2) + take(connection, 8)
            _, first, changed = struct.unpack("<III", head)
            total = struct.unpack("<I", take(connection, 4))[0]
            data = take(connection, 128 * changed)
            assert crc32c(head, data) == total
            keywords[128 * first:128 * (first + changed)] = data
        elif code == 3:
            number, sent, offset, limit, _, _, _ = struct.unpack(
                "<IQqQQQQ", take(connection, 52)
            )
            now = time.time_ns()
            if limit < 2**63 and not told:
                told = True
                print("clocks", flush=True)
            connection.sendall(struct.pack(
                "<IIQQQQQQ", 4, number, sent, now, time.time_ns(), last,
                count, 0,
            ))
        else:
            assert code == 1, code
            head = struct.pack("<I", 1) + take(connection, 92)
            (_, flags, cnt0, cnt1, cnt2, atime_s, atime_ns, write_s, write_ns,
             _, age, slice_index, _, total) = struct.unpack(
                "<IIQQQqqqqQQIIQ", head)
            pixels, mark = b"", 0
            while mark == 0:
                pixels += take(connection, min(piece, total - len(pixels)))
                mark, crc = struct.unpack("<II", take(connection, 8))
            if mark == 2:
                continue
            assert mark == 1 and len(pixels) == total
            assert crc == crc32c(head, pixels)
            count += 1
            last = cnt0
            print(json.dumps({
                "name": fields[15].rstrip(b"\0").decode(), "type": kind,
                "size": axes, "flags": flags, "cnt0": cnt0, "cnt1": cnt1,
                "cnt2": cnt2, "atime": [atime_s, atime_ns],
                "writetime": [write_s, write_ns], "slice": slice_index,
                "bytes": total, "expected": SIZES[kind], "age": age,
                "sha256": hashlib.sha256(pixels).hexdigest(),
                "keyword": bytes(keywords[:16]).rstrip(b"\0").decode(),
                "offset": offset, "error": limit,
            }), flush=True)
    return 0


def main():
    what, port, *rest = sys.argv[1:]
    if what == "transmit":
        name, frames, *key = rest
        return transmit(int(port), name, int(frames), read_key(*key or [None]))
    frames, *key = rest
    return receive(int(port), int(frames), read_key(*key or [None]))


sys.exit(main())
