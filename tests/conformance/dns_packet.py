"""A small DNS codec: enough to ask the questions of the cases and to take answers apart."""

import ipaddress
import struct

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "OPT": 41,
         "AXFR": 252, "ANY": 255}
TYPE_NAMES = {number: name for name, number in TYPES.items()}
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


def question(name, qtype, edns=0, ident=4711, recursion=True, subnet=None, edns_flags=0):
    """`edns` is the size that is offered, `edns_flags` what EDNS keeps where a record has its time to live: extended rcode, version, flags."""
    flags = 0x0100 if recursion else 0
    packet = struct.pack("!HHHHHH", ident, flags, 1, 0, 0, 1 if edns else 0)
    for label in name.rstrip(".").split("."):
        if label:
            packet += bytes([len(label)]) + label.encode()
    packet += b"\0" + struct.pack("!HH", TYPES[qtype], 1)
    if edns:
        options = b""
        if subnet:
            network = ipaddress.ip_network(subnet)
            data = network.network_address.packed[:(network.prefixlen + 7) // 8]
            options = struct.pack("!HHHBB", 8, 4 + len(data), 1, network.prefixlen, 0) + data
        packet += b"\0" + struct.pack("!HHIH", TYPES["OPT"], edns, edns_flags, len(options)) + options
    return packet


def read_name(packet, at):
    labels, jumped, after = [], 0, None
    while True:
        length = packet[at]
        if length >= 0xC0:
            after = at + 2 if after is None else after
            at = struct.unpack_from("!H", packet, at)[0] & 0x3FFF
            jumped += 1
            if jumped > 64:
                raise ValueError("compression loop")
        elif length == 0:
            return ".".join(labels) + ".", (at + 1 if after is None else after)
        else:
            labels.append(packet[at + 1:at + 1 + length].decode("latin-1"))
            at += 1 + length


def read_data(packet, rtype, at, length):
    if rtype in ("A", "AAAA"):
        return str(ipaddress.ip_address(packet[at:at + length]))
    if rtype in ("CNAME", "NS", "PTR"):
        return read_name(packet, at)[0]
    if rtype == "SRV":
        priority, weight, port = struct.unpack_from("!HHH", packet, at)
        return f"{priority} {weight} {port} {read_name(packet, at + 6)[0]}"
    if rtype == "TXT":
        texts, end = [], at + length
        while at < end:
            texts.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1"))
            at += 1 + packet[at]
        return texts
    if rtype == "SOA":
        mname, at = read_name(packet, at)
        rname, at = read_name(packet, at)
        _, refresh, retry, expire, minimum = struct.unpack_from("!IIIII", packet, at)
        return f"{mname} {rname} <serial> {refresh} {retry} {expire} {minimum}"
    return packet[at:at + length].hex()


def class_of(number):
    return {} if number == 1 else {"class": number}


def take_apart(packet, asked_packet=b"\0\0"):
    """What an answer says, records sorted because servers shuffle them."""
    ident, flags, questions, *counts = struct.unpack_from("!HHHHHH", packet)
    at = 12
    asked = []
    for _ in range(questions):
        name, at = read_name(packet, at)
        number, qclass = struct.unpack_from("!HH", packet, at)
        asked.append(f"{name} {TYPE_NAMES.get(number, number)}" + ("" if qclass == 1 else f" class {qclass}"))
        at += 4
    sections = []
    for count in counts:
        records = []
        for _ in range(count):
            name, at = read_name(packet, at)
            number, rclass, ttl, length = struct.unpack_from("!HHIH", packet, at)
            at += 10
            rtype = TYPE_NAMES.get(number, str(number))
            if rtype == "OPT":
                records.append({"type": rtype, "name": name, "size": rclass, "rcode": ttl >> 24, "version": ttl >> 16 & 255,
                                "flags": f"{ttl & 0xFFFF:04x}", "data": packet[at:at + length].hex()})
            else:
                records.append({"name": name, "type": rtype, **class_of(rclass), "ttl": ttl,
                                "data": read_data(packet, rtype, at, length)})
            at += length
        sections.append(sorted(records, key=str))
    set_flags = [name for bit, name in ((0x8000, "qr"), (0x0400, "aa"), (0x0200, "tc"), (0x0100, "rd"),
                                        (0x0080, "ra"), (0x0040, "z"), (0x0020, "ad"), (0x0010, "cd")) if flags & bit]
    wanted = struct.unpack_from("!H", asked_packet)[0]
    return {"id": "as asked" if ident == wanted else f"{ident}, not {wanted}", "opcode": flags >> 11 & 15,
            "rcode": RCODES.get(flags & 15, str(flags & 15)), "flags": set_flags, "question": asked,
            "answer": sections[0], "authority": sections[1], "additional": sections[2],
            "trailing": len(packet) - at}
