"""DNS: names, records, negative answers, sizes."""

from steps import case, dns, put

CASES = []


def register(node, address, service, **fields):
    status = fields.pop("status", None)
    body = {"Node": node, "Address": address, "Service": {"Service": service, **fields}}
    if "node_meta" in fields:
        body["NodeMeta"] = body["Service"].pop("node_meta")
    if status:
        body["Check"] = {"Name": "c", "CheckID": f"c-{service}", "Status": status, "ServiceID": fields.get("ID", service)}
    return put("/v1/catalog/register", body)


def both(name, qtype="A", **options):
    return [dns(name, qtype, **options), dns(name, qtype, tcp=True, **options)]


setup = [
    register("d1", "10.6.0.1", "web", Port=80, Tags=["v1", "v1.2"], status="passing", node_meta={"rack": "r1", "rfc1035-txt": "bare", "a=b": "c d"}),
    register("d2", "10.6.0.2", "web", Port=81, Tags=["v2"], status="warning", Weights={"Passing": 7, "Warning": 3}),
    register("d3", "10.6.0.3", "web", Port=82, status="critical"),
    register("d4", "10.6.0.4", "addressed", Port=90, Address="10.7.0.1"),
    register("d5", "fd00::5", "six", Port=91),
    register("d6", "10.6.0.6", "sixaddr", Port=92, Address="fd00::6"),
    register("d7", "elsewhere.example.com", "named", Port=93),
    register("d8", "10.6.0.8", "alias", Port=94, Address="d1.node.consul"),
    register("d9", "10.6.0.9", "dead", Port=95, status="critical"),
    register("dotted.node", "10.6.0.10", "dot-svc", Port=96),
    *[register(f"m{n:02d}", f"10.8.0.{n}", "many", Port=1000 + n) for n in range(1, 13)],
    *[register("port-node", "10.8.1.1", "ports", ID=f"p{n}", Port=2000 + n) for n in range(3)],
]
ALL = ["A", "AAAA", "SRV", "TXT", "ANY", "MX", "SOA", "NS", "PTR", "CNAME"]

cases = [
    case("set up", *setup, dns("conf.node.consul", until="NOERROR")),
    *[case(f"{qtype} of a node", *both("d1.node.consul", qtype)) for qtype in ALL],
    *[case(f"{qtype} of a service", *both("web.service.consul", qtype)) for qtype in ALL],
    *[case(f"{qtype} of the domain", *both("consul", qtype)) for qtype in ("A", "SOA", "NS", "ANY", "AAAA")],
    case("node with its datacenter", dns("d1.node.dc1.consul"), dns("d1.node.dc2.consul"), dns("d1.node.a.b.consul"), dns("dotted.node.node.consul"),
         dns("D1.NODE.Consul"), dns("none.node.consul"), dns("node.consul"), dns(".node.consul")),
    case("services by tag and datacenter", dns("v1.web.service.consul", "SRV"), dns("v2.web.service.consul"), dns("v1.2.web.service.consul"),
         dns("none.web.service.consul"), dns("web.service.dc1.consul"), dns("web.service.dc2.consul"), dns("WEB.service.consul"),
         dns("service.consul"), dns("web.service.a.b.consul"), dns("none.service.consul"), dns("none.service.consul", "SRV")),
    case("RFC 2782", dns("_web._tcp.service.consul", "SRV"), dns("_web._v1.service.consul", "SRV"), dns("_web._tcp.consul", "SRV"),
         dns("_web._none.service.consul", "SRV"), dns("_web._tcp.service.dc1.consul", "SRV"), dns("_web._tcp.service.consul", "A"),
         dns("_web._tcp.dc1.consul", "SRV"), dns("_web._v1._tcp.service.consul", "SRV"), dns("_web.service.consul", "SRV")),
    case("addresses of services", *[dns(f"{name}.service.consul", qtype) for name in ("addressed", "six", "sixaddr", "named", "alias", "dead", "dot-svc", "ports")
                                    for qtype in ("A", "AAAA", "SRV", "ANY")]),
    case("addr names", dns("0a060001.addr.consul"), dns("0a060001.addr.dc1.consul"), dns("0a060001.addr.consul", "SRV"), dns("0a060001.addr.consul", "AAAA"),
         dns("fd000000000000000000000000000006.addr.consul", "AAAA"), dns("zz060001.addr.consul"), dns("0a06.addr.consul"), dns("addr.consul"),
         dns("0A060001.addr.consul"), dns("0a060001.addr.consul", "ANY"), dns("0a060001.addr.consul", "TXT")),
    case("reverse", dns("1.0.6.10.in-addr.arpa", "PTR"), dns("1.0.7.10.in-addr.arpa", "PTR"), dns("9.9.9.10.in-addr.arpa", "PTR"),
         dns("5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", "PTR"), dns("1.0.6.10.in-addr.arpa", "ANY"),
         dns("1.0.6.10.in-addr.arpa", "A")),
    case("names that mean nothing", dns("foo.consul"), dns("a.b.c.consul"), dns("x.query.consul"), dns("web.connect.consul"), dns("web.ingress.consul"),
         dns("connect.consul"), dns("query.consul"), dns("example.com"), dns("example.com", "ANY"), dns("consul.example.com"), dns("", "NS")),
    case("transfers", dns("consul", "AXFR", tcp=True), dns("web.service.consul", "AXFR", tcp=True)),
    case("many answers over UDP", dns("many.service.consul", count_only=True), dns("many.service.consul", "SRV", count_only=True),
         dns("many.service.consul", "ANY", count_only=True)),
    case("many answers over EDNS", dns("many.service.consul", edns=4096), dns("many.service.consul", "SRV", edns=4096),
         dns("many.service.consul", "SRV", edns=1232, count_only=True), dns("many.service.consul", edns=512, count_only=True),
         dns("many.service.consul", edns=100, count_only=True)),
    case("many answers over TCP", dns("many.service.consul", tcp=True), dns("many.service.consul", "SRV", tcp=True)),
    case("sixty instances, each with an address of its own", *[register("full-node", "10.8.2.1", "full", ID=f"f{n}", Address=f"10.1.0.{n}", Port=1000 + n) for n in range(60)],
         *[dns("full.service.consul", "SRV", edns=size, count_only=True) for size in (1000, 3500, 3600, 3700, 4000, 4096)]),
    case("EDNS on negative answers", dns("none.service.consul", edns=1232), dns("none.node.consul", edns=1232), dns("d1.node.consul", edns=1232),
         dns("example.com", edns=1232)),
    case("EDNS flags and versions, and ids", dns("d1.node.consul", edns=1232, edns_flags=0x8000), dns("none.node.consul", edns=1232, edns_flags=0x8000),
         dns("d1.node.consul", edns=1232, edns_flags=0x4001), dns("d1.node.consul", edns=1232, edns_flags=0x10000), dns("d1.node.consul", edns=1232, edns_flags=0x1000000),
         dns("d1.node.consul", edns=65535, tcp=True), dns("d1.node.consul", edns=1), dns("d1.node.consul", ident=0), dns("d1.node.consul", ident=65535, tcp=True)),
    case("client subnet", dns("web.service.consul", edns=1232, subnet="192.0.2.0/24"), dns("none.service.consul", edns=1232, subnet="192.0.2.0/24"),
         dns("x.query.consul", edns=1232, subnet="192.0.2.0/24")),
    case("no recursion desired", dns("d1.node.consul", recursion=False), dns("example.com", recursion=False)),
    case("a service whose address is its own name",
         register("s1", "10.6.2.1", "self", Port=1, Address="self.service.consul"), register("s2", "fd00::21", "self6", Port=1, Address="self6.service.consul"),
         register("s3", "10.6.2.3", "tagself", Port=2, Address="v1.tagself.service.consul", Tags=["v1"]),
         register("s4", "10.6.2.4", "dcself", Port=3, Address="dcself.service.dc1.consul"),
         register("s5", "10.6.2.5", "multi", ID="m1", Port=8, Address="multi.service.consul"), register("s6", "10.6.2.6", "multi", ID="m2", Port=9),
         *[each for name in ("self", "self6", "tagself", "v1.tagself", "dcself", "multi") for qtype in ("A", "AAAA", "SRV", "ANY")
           for each in both(f"{name}.service.consul", qtype)]),
    case("instances without a service address share their node", dns("ports.service.consul"), dns("ports.service.consul", "SRV")),
]
