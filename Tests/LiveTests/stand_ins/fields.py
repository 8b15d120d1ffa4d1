"""Reads the fields of Kafka's messages, one after another; Tests/ReplayTests has what writes them."""

import struct


class Fields:
    """Types as in Kafka's protocol guide, "Protocol Primitive Types", of the versions before flexible ones."""

    def __init__(self, data):
        self.data, self.at = data, 0

    @property
    def left(self):
        return len(self.data) - self.at

    def number(self, form):
        value, = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def i8(self):
        return self.number("b")

    def i16(self):
        return self.number("h")

    def i32(self):
        return self.number("i")

    def i64(self):
        return self.number("q")

    def numbers(self, form):
        """Several numbers, one after another, without padding between them."""
        return [self.number(one) for one in form]

    def taken(self, size):
        """So many bytes as they are; a negative size is that of a null."""
        if size < 0:
            return None
        if size > self.left:
            raise ValueError(f"{size} bytes are announced, {self.left} are left")
        self.at += size
        return self.data[self.at - size : self.at]

    def string(self):
        raw = self.taken(self.i16())
        return None if raw is None else raw.decode()

    def bytes(self):
        return self.taken(self.i32())

    def array(self, read):
        return [read() for _ in range(self.i32())]

    def varint(self):
        zigzag = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            zigzag |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (zigzag >> 1) ^ -(zigzag & 1)

    def content(self):
        """A record's key or value."""
        return self.taken(self.varint())
