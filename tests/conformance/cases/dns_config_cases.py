"""DNS with settings of its own."""

from dns_cases import register
from steps import case, dns

hcl = """dns_config { only_passing = true node_ttl = "7s" service_ttl { "web" = "11s" "we*" = "13s" "*" = "17s" } enable_truncate = true
  a_record_limit = 2 udp_answer_limit = 5 enable_additional_node_meta_txt = false soa { refresh = 1 retry = 2 expire = 3 min_ttl = 4 } }
  alt_domain = "alt."
  node_meta { color = "red" }"""

cases = [
    case("set up", register("d1", "10.6.0.1", "web", Port=80, status="passing"), register("d2", "10.6.0.2", "web", Port=81, status="warning"),
         register("d3", "10.6.0.3", "wed", Port=81), register("d4", "10.6.0.4", "other", Port=81, Address="10.7.7.7"),
         *[register(f"m{n:02d}", f"10.8.0.{n}", "many", Port=1000 + n) for n in range(1, 13)], dns("conf.node.consul", until="NOERROR")),
    case("only passing", dns("web.service.consul"), dns("web.service.consul", "SRV")),
    case("times to live", dns("d1.node.consul"), dns("wed.service.consul", "SRV"), dns("other.service.consul"), dns("other.service.consul", "SRV"),
         dns("0a060001.addr.consul")),
    case("the start of authority", dns("consul", "SOA"), dns("none.service.consul"), dns("consul", "NS")),
    case("limits", dns("many.service.consul", count_only=True), dns("many.service.consul", tcp=True, count_only=True),
         dns("many.service.consul", edns=4096, count_only=True), dns("many.service.consul", "SRV", count_only=True),
         dns("many.service.consul", "SRV", tcp=True, count_only=True)),
    case("truncation", dns("many.service.consul", "SRV", edns=600, count_only=True)),
    case("another domain", dns("d1.node.alt"), dns("web.service.alt", "SRV"), dns("none.service.alt"), dns("alt", "SOA")),
    case("meta in TXT", dns("conf.node.consul", "TXT"), dns("conf.node.consul", "ANY"), dns("conf.node.consul", "A")),
]
