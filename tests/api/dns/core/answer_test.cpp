#include "api/dns/core/answer.hpp"
#include "plain_reader.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::dns;

namespace {

node_facts node_of(const std::string& name, const std::string& text, std::vector<std::pair<std::string, std::string>> meta = {}) {
  node_facts n;
  n.name = name;
  append_labels(n.labels, name);
  n.address = address_of_text(text);
  for (auto& [k, v] : meta) n.txt.push_back(txt_of_meta(k, v));
  return n;
}

struct fake_directory : directory {
  std::map<std::string, std::vector<endpoint>, std::less<>> services;
  std::map<std::string, node_facts, std::less<>> nodes;
  std::map<std::string, std::vector<foreign_record>, std::less<>> foreign, foreign_v6;
  std::map<std::string, found_query, std::less<>> queries;
  std::string asked_by; // the last one
  std::vector<std::string> asked; // services
  bool ready = true;

  void add(const std::string& service, node_facts n, int port, std::vector<std::string> tags = {}, const std::string& own = {}) {
    nodes[n.name] = n;
    endpoint e;
    e.node = n;
    if (!own.empty()) e.address = address_of_text(own);
    e.port = static_cast<uint16_t>(port);
    e.tags = std::move(tags);
    services[service].push_back(e);
  }
  endpoint_list instances(std::string_view s, bool connect) override {
    asked.emplace_back(s);
    auto it = services.find(s);
    if (connect || it == services.end()) return std::make_shared<std::vector<endpoint>>();
    return {std::shared_ptr<void>(), &it->second};
  }
  found_query prepared_query(std::string_view name, const query_source& by) override {
    asked_by = std::string(by.node) + "/" + by.ip;
    auto it = queries.find(name);
    return it == queries.end() ? found_query{} : it->second;
  }
  std::shared_ptr<const node_facts> node(std::string_view name) override {
    auto it = nodes.find(name);
    return it == nodes.end() ? nullptr : std::make_shared<node_facts>(it->second);
  }
  std::string node_of_address(std::string_view a) override {
    for (auto& [name, n] : nodes)
      if (n.address.text == a) return name;
    return {};
  }
  std::string service_of_address(std::string_view a) override {
    for (auto& [name, all] : services)
      for (auto& e : all)
        if (e.address.text == a) return name;
    return {};
  }
  bool can_answer() override { return ready; }
  const std::vector<foreign_record>* resolved(std::string_view name, uint16_t qtype) override {
    auto& known = qtype == type::aaaa ? foreign_v6 : foreign;
    auto it = known.find(name);
    return it == known.end() ? nullptr : &it->second;
  }
};

struct bench {
  settings s;
  fake_directory d;
  prng random{7};
  std::vector<uint8_t> buffer = std::vector<uint8_t>(max_message);
  size_t size = 0, gathered = 0;
  outcome last = outcome::answered;

  bench() {
    d.add("consul", node_of("conf", "127.0.0.1"), 8300);
    d.add("web", node_of("d1", "10.6.0.1", {{"a=b", "c d"}, {"rack", "r1"}, {"rfc1035-txt", "bare"}}), 80, {"v1", "v1.2"});
    d.add("web", node_of("d2", "10.6.0.2"), 81, {"V2"});
    d.services["web"][1].weight = 3;
    d.services["web"][1].all_passing = false;
    d.add("addressed", node_of("d4", "10.6.0.4"), 90, {}, "10.7.0.1");
    d.add("six", node_of("d5", "fd00::5"), 91);
    d.add("named", node_of("d7", "elsewhere.example.com"), 93);
    d.add("alias", node_of("d8", "10.6.0.8"), 94, {}, "d1.node.consul");
    d.add("dot-svc", node_of("dotted.node", "10.6.0.10"), 96);
    for (int i = 1; i <= 12; ++i) d.add("many", node_of((i < 10 ? "m0" : "m1") + std::to_string(i % 10), "10.8.0." + std::to_string(i)), 1000 + i);
    for (int i = 0; i < 3; ++i) d.add("ports", node_of("port-node", "10.8.1.1"), 2000 + i);
    for (int i = 0; i < 3000; ++i) d.add("huge", node_of("h" + std::to_string(i), "10.19." + std::to_string(i / 250) + "." + std::to_string(i % 250)), i);
  }
  plain::message ask(const std::string& name, uint16_t qtype = type::a, uint16_t edns = 0, bool udp = true, const std::string& subnet = {}) {
    responder r(s, d, random);
    writer w(buffer);
    query q;
    auto packet = plain::question(name, qtype, edns, subnet);
    REQUIRE(parse_query(packet, q) == verdict::ok);
    last = r.respond(q, udp, 1000, w);
    gathered = r.gathered();
    if (last != outcome::answered) return {};
    REQUIRE(w.fits());
    size = w.size();
    return plain::reader(w.message()).read();
  }
  // "code answers" or, without answers, "code / authority".
  std::string brief(const std::string& name, uint16_t qtype = type::a) {
    auto m = ask(name, qtype);
    if (last != outcome::answered) return last == outcome::forward ? "forward" : "resolve";
    std::string out = std::to_string(m.code) + " " + plain::joined(m.answer);
    if (m.answer.empty() && !m.authority.empty()) out += "/ SOA";
    return out;
  }
};

} // namespace

TEST_CASE("every form of name is answered as the real Consul does") {
  bench b;
  CHECK(b.brief("d1.node.consul") == "0 d1.node.consul. 0 A 10.6.0.1");
  CHECK(b.brief("d1.node.dc1.consul") == "0 d1.node.dc1.consul. 0 A 10.6.0.1");
  CHECK(b.brief("d1.node.dc2.consul") == "3 / SOA");
  CHECK(b.brief("d1.node.a.b.consul") == "3 / SOA");
  CHECK(b.brief("dotted.node.node.consul") == "0 dotted.node.node.consul. 0 A 10.6.0.10");
  CHECK(b.brief("none.node.consul") == "3 / SOA");
  CHECK(b.brief("node.consul") == "3 / SOA");
  CHECK(b.brief("d1.node.consul", type::srv) == "0 ");
  CHECK(b.brief("d1.node.consul", type::aaaa) == "0 ");
  CHECK(b.brief("d1.node.consul", type::txt) == "0 d1.node.consul. 0 TXT a`=b=c d; d1.node.consul. 0 TXT bare; d1.node.consul. 0 TXT rack=r1");
  CHECK(b.brief("web.service.consul") == "0 web.service.consul. 0 A 10.6.0.1; web.service.consul. 0 A 10.6.0.2");
  CHECK(b.brief("web.service.consul", type::txt) == "0 web.service.consul. 0 A 10.6.0.1; web.service.consul. 0 A 10.6.0.2");
  CHECK(b.brief("web.service.consul", type::aaaa) == "0 / SOA");
  CHECK(b.brief("web.service.consul", 15) == "0 / SOA");
  CHECK(b.brief("v1.2.web.service.consul") == "0 v1.2.web.service.consul. 0 A 10.6.0.1");
  CHECK(b.brief("v2.web.service.consul") == "0 v2.web.service.consul. 0 A 10.6.0.2");
  CHECK(b.brief("none.web.service.consul") == "3 / SOA");
  CHECK(b.brief("service.consul") == "3 / SOA");
  CHECK(b.brief("_web._v1.service.consul", type::srv) == "0 _web._v1.service.consul. 0 SRV 1 1 80 d1.node.dc1.consul.");
  CHECK(b.brief("_web._v1.dc1.consul", type::srv) == "0 _web._v1.dc1.consul. 0 SRV 1 1 80 d1.node.dc1.consul.");
  CHECK(b.brief("_web._tcp.consul", type::srv) ==
        "0 _web._tcp.consul. 0 SRV 1 1 80 d1.node.dc1.consul.; _web._tcp.consul. 0 SRV 1 3 81 d2.node.dc1.consul.");
  CHECK(b.brief("_web._tcp.consul") == "3 / SOA");
  CHECK(b.brief("_web._v1._tcp.service.consul", type::srv) == "3 / SOA");
  CHECK(b.brief("web.connect.consul") == "3 / SOA");
  CHECK(b.brief("x.query.consul") == "3 / SOA");
  CHECK(b.brief("web.ingress.consul") == "3 / SOA");
  CHECK(b.brief("consul") == "3 / SOA");
  CHECK(b.brief("foo.consul") == "3 / SOA");
  CHECK(b.brief("example.com") == "5 ");
  CHECK(b.brief("consul", type::axfr) == "4 ");
}

TEST_CASE("a prepared query answers in its own order and with its own TTL, also what is not healthy") {
  bench b;
  b.s.only_passing = true;
  auto list = std::make_shared<std::vector<endpoint>>(b.d.services["web"]);
  std::swap((*list)[0], (*list)[1]);
  b.d.queries["geo.db"] = {list, "web", 7, true};
  b.d.queries["empty"] = {std::make_shared<std::vector<endpoint>>(), "web", {}};
  CHECK(b.brief("geo.db.query.consul") == "0 geo.db.query.consul. 7 A 10.6.0.1; geo.db.query.consul. 7 A 10.6.0.2"); // sorted by the reader
  b.s.a_record_limit = 1;
  for (int i = 0; i < 20; ++i) CHECK(b.brief("GEO.DB.query.dc1.consul").ends_with(" 7 A 10.6.0.2")); // the first one
  b.s.a_record_limit = 0;
  CHECK(b.ask("geo.db.query.consul", type::srv, 1232).answer.size() == 2);
  CHECK(b.brief("empty.query.consul") == "3 / SOA");
  CHECK(b.brief("none.query.consul") == "3 / SOA");
  CHECK(b.brief("geo.db.query.dc2.consul") == "3 / SOA");
  CHECK(b.brief("query.consul") == "3 / SOA");
  b.d.queries["geo.db"].ttl.reset();
  b.s.service_ttl = {{"web", 3}};
  CHECK(b.brief("geo.db.query.consul").starts_with("0 geo.db.query.consul. 3 A"));
  b.ask("geo.db.query.consul", type::a, 1232, true, std::string("\0\1\30\0\300\0\2", 7)); // 192.0.2.0/24
  CHECK(b.d.asked_by == b.s.node_name + "/192.0.2.0");
}

TEST_CASE("addresses and names of instances make the records that they should") {
  bench b;
  CHECK(b.brief("addressed.service.consul", type::srv) == "0 addressed.service.consul. 0 SRV 1 1 90 0a070001.addr.dc1.consul.");
  CHECK(plain::joined(b.ask("addressed.service.consul", type::srv).additional) == "0a070001.addr.dc1.consul. 0 A 10.7.0.1");
  CHECK(b.brief("six.service.consul") == "0 / SOA");
  CHECK(b.brief("six.service.consul", type::any) == "0 six.service.consul. 0 AAAA fd00::5");
  CHECK(b.brief("named.service.consul") == "0 named.service.consul. 0 CNAME elsewhere.example.com.");
  CHECK(b.brief("named.service.consul", type::srv) == "0 named.service.consul. 0 SRV 1 1 93 elsewhere.example.com.");
  CHECK(b.brief("alias.service.consul", type::aaaa) == "0 alias.service.consul. 0 CNAME d1.node.consul.; d1.node.consul. 0 A 10.6.0.1");
  CHECK(plain::joined(b.ask("alias.service.consul", type::srv).additional) == "d1.node.consul. 0 A 10.6.0.1");
  CHECK(b.brief("ports.service.consul") == "0 ports.service.consul. 0 A 10.8.1.1");
  CHECK(b.ask("ports.service.consul", type::srv).additional.size() == 3);
  CHECK(b.brief("0A060001.addr.consul") == "0 0a060001.addr.consul. 0 A 10.6.0.1");
  CHECK(b.brief("0a060001.addr.consul", type::txt) == "0 0a060001.addr.consul. 0 A 10.6.0.1");
  CHECK(b.brief("fd000000000000000000000000000006.addr.consul", type::aaaa) == "0 fd000000000000000000000000000006.addr.consul. 0 AAAA fd00::6");
  CHECK(b.brief("zz060001.addr.consul") == "3 / SOA");
  CHECK(b.brief("0a06.addr.consul") == "0 ");
  CHECK(b.brief("1.0.6.10.in-addr.arpa", type::ptr) == "0 1.0.6.10.in-addr.arpa. 0 PTR d1.node.dc1.consul.");
  CHECK(b.brief("1.0.7.10.in-addr.arpa", type::ptr) == "0 1.0.7.10.in-addr.arpa. 0 PTR addressed.service.dc1.consul.");
  auto unknown = b.ask("9.9.9.10.in-addr.arpa", type::ptr);
  CHECK(unknown.code == 2);
  CHECK(unknown.flags == "rd ra ");
}

TEST_CASE("the question's case is echoed") {
  bench b;
  auto m = b.ask("D1.NODE.Consul");
  CHECK(m.question == "D1.NODE.Consul. 1");
  CHECK(m.answer.at(0) == "D1.NODE.Consul. 0 A 10.6.0.1");
}

TEST_CASE("the start of authority and the name servers come with glue") {
  bench b;
  auto m = b.ask("web.service.consul", type::soa);
  CHECK(m.answer.at(0) == "consul. 0 SOA ns.consul. hostmaster.consul. 3600 600 86400 0");
  CHECK(m.authority.at(0) == "consul. 0 NS conf.node.dc1.consul.");
  CHECK(plain::joined(m.additional) == "conf.node.dc1.consul. 0 A 127.0.0.1");
  CHECK(b.ask("consul", type::ns).answer.at(0) == "consul. 0 NS conf.node.dc1.consul.");
}

TEST_CASE("without EDNS three answers come, with it all that fit") {
  bench b;
  CHECK(b.ask("many.service.consul").answer.size() == 3);
  auto few = b.ask("many.service.consul", type::srv);
  CHECK(few.answer.size() == 3);
  CHECK(few.additional.size() == 3);
  CHECK(few.flags == "aa rd ");
  CHECK(b.ask("many.service.consul", type::a, 4096).answer.size() == 12);
  CHECK(b.ask("many.service.consul", type::a, 512).answer.size() == 3);
  CHECK(b.ask("many.service.consul", type::a, 100).answer.size() == 3);
  b.s.enable_truncate = true;
  auto cut = b.ask("many.service.consul", type::srv, 600);
  CHECK(cut.answer.size() == 10); // the same number as the real one
  CHECK(cut.additional.size() == 11);
  CHECK(cut.flags == "aa tc rd ");
  CHECK(b.ask("many.service.consul", type::srv, 1232).answer.size() == 12);
}

TEST_CASE("an answer over UDP is never larger than the asker takes when a smaller one is possible") {
  bench b;
  for (uint16_t size = 512; size < 4096; size = static_cast<uint16_t>(size + 37)) {
    for (uint16_t qtype : {type::a, type::srv, type::any}) {
      auto m = b.ask("huge.service.consul", qtype, size);
      CHECK(b.size <= size);
      CHECK(!m.answer.empty());
    }
  }
}

TEST_CASE("of many instances no more is gathered than a message takes") {
  bench b;
  for (int i = 0; i < 2000; ++i) b.d.add("few", node_of("f", "10.6.0.50"), 1 + i, {}, "huge.service.consul");
  for (bool udp : {true, false}) {
    const size_t room = udp ? 4096 : 65535;
    auto m = b.ask("huge.service.consul", type::srv, 4096, udp);
    CHECK(m.answer.size() == m.additional.size() - 1); // OPT
    CHECK(b.gathered <= room / 8);
    m = b.ask("huge.service.consul", type::a, 4096, udp);
    CHECK(m.answer.size() == (udp ? 253 : 3000));
    CHECK(b.gathered <= room / 8);
    // Instances whose address is the name of another service: it is looked up once.
    b.d.asked.clear();
    m = b.ask("few.service.consul", type::srv, 4096, udp);
    CHECK(m.answer.size() == (udp ? 103 : 1024));
    CHECK(m.additional.size() == 2);
    CHECK(b.d.asked == std::vector<std::string>{"few", "huge"});
    CHECK(b.gathered <= room / 8);
  }
  // Where all fits, it is there with each that leads to it, as Consul has it.
  b.d.add("two", node_of("f", "10.6.0.50"), 1, {}, "web.service.consul");
  b.d.add("two", node_of("f", "10.6.0.50"), 2, {}, "web.service.consul");
  CHECK(b.ask("two.service.consul", type::srv, 4096).additional.size() == 5);
}

TEST_CASE("names that lead to many instances are followed until much was looked at") {
  bench b;
  for (int i = 0; i < 2000; ++i) b.d.add("each", node_of("f", "10.6.0.50"), 1 + i, {}, "t" + std::to_string(i) + ".huge.service.consul");
  CHECK(b.ask("each.service.consul", type::srv, 0, false).answer.size() == 1024);
  CHECK(b.d.asked.size() <= 8); // a tag that none has is looked for in all
  for (int i = 0; i < 2000; ++i) { // one name in many spellings
    std::string name = "huge.service.consul";
    for (size_t k = 0; k < 11; ++k)
      if (i >> k & 1) name[k < 4 ? k : k + 1] = static_cast<char>(name[k < 4 ? k : k + 1] - 32);
    b.d.add("spelled", node_of("f", "10.6.0.50"), 1 + i, {}, name);
  }
  const auto m = b.ask("spelled.service.consul", type::srv, 4096);
  CHECK(m.additional.size() == m.answer.size() + 1);
  CHECK(b.gathered < 1000);
}

TEST_CASE("over TCP as many come as a message holds") {
  bench b;
  CHECK(b.ask("many.service.consul", type::srv, 0, false).answer.size() == 12);
  CHECK(b.ask("huge.service.consul", type::srv, 0, false).answer.size() == 1024);
  CHECK(b.ask("huge.service.consul", type::a, 0, false).answer.size() == 3000);
}

TEST_CASE("limits, passing only and times to live follow the settings") {
  bench b;
  b.s.only_passing = true;
  b.s.a_record_limit = 2;
  b.s.node_ttl = 7;
  b.s.service_ttl = {{"web", 11}, {"we*", 13}, {"*", 17}};
  CHECK(b.brief("web.service.consul") == "0 web.service.consul. 11 A 10.6.0.1");
  CHECK(b.ask("many.service.consul", type::a, 4096).answer.size() == 2);
  CHECK(b.brief("d1.node.consul") == "0 d1.node.consul. 7 A 10.6.0.1");
  CHECK(b.s.ttl_of_service("wed") == 13);
  CHECK(b.s.ttl_of_service("other") == 17);
  b.s.alt_domain = "alt.";
  CHECK(b.brief("d1.node.alt") == "0 d1.node.alt. 7 A 10.6.0.1");
  CHECK(b.brief("_web._tcp.alt", type::srv) == "0 _web._tcp.alt. 11 SRV 1 1 80 d1.node.dc1.consul.");
  CHECK(b.ask("none.service.alt").authority.at(0).starts_with("consul. 0 SOA"));
}

TEST_CASE("EDNS and the client's subnet are echoed") {
  bench b;
  CHECK(b.ask("none.service.consul", type::a, 1232).additional == std::vector<std::string>{"OPT 1232"});
  CHECK(b.ask("web.service.consul", type::a, 1232, true, std::string("\0\1\x18\0\xc0\0\2", 7)).additional ==
        std::vector<std::string>{"OPT 1232 0008000700011800c00002"});
  CHECK(b.ask("example.com", type::a, 1232).additional.empty());
}

TEST_CASE("names of others go to the recursors, and aliases wait for them") {
  bench b;
  b.s.have_recursors = true;
  CHECK(b.brief("example.com") == "forward");
  CHECK(b.brief("9.9.9.10.in-addr.arpa", type::ptr) == "forward");
  CHECK(b.brief("named.service.consul") == "resolve");
  std::string name;
  make_name(name, "elsewhere.example.com");
  b.d.foreign[name] = {{name, type::a, 60, std::string("\1\2\3\4", 4)}};
  CHECK(b.brief("named.service.consul") == "0 elsewhere.example.com. 0 A 1.2.3.4; named.service.consul. 0 CNAME elsewhere.example.com.");
  CHECK(b.ask("web.service.consul").flags == "aa rd ra ");
}

TEST_CASE("a name that leads back to itself is no answer where an address is known") {
  bench b;
  b.d.add("self", node_of("n1", "10.6.0.20"), 1, {}, "Self.service.consul");
  CHECK(b.brief("self.service.consul") == "0 self.service.consul. 0 A 10.6.0.20");
  CHECK(b.brief("SELF.service.consul", type::any) == "0 SELF.service.consul. 0 A 10.6.0.20");
  CHECK(b.brief("self.service.consul", type::aaaa) == "0 / SOA");
  const auto srv = b.ask("self.service.consul", type::srv);
  CHECK(plain::joined(srv.answer) == "self.service.consul. 0 SRV 1 1 1 n1.node.dc1.consul.");
  CHECK(plain::joined(srv.additional) == "n1.node.dc1.consul. 0 A 10.6.0.20");
  b.d.add("multi", node_of("n8", "10.6.0.28"), 8, {}, "multi.service.consul"); // among others
  b.d.add("multi", node_of("n9", "10.6.0.29"), 9);
  CHECK(b.brief("multi.service.consul") == "0 multi.service.consul. 0 A 10.6.0.28; multi.service.consul. 0 A 10.6.0.29");
  b.d.add("dcself", node_of("n7", "10.6.0.27"), 7, {}, "dcself.service.dc1.consul"); // by another of its names
  CHECK(b.brief("dcself.service.consul") == "0 dcself.service.consul. 0 CNAME dcself.service.dc1.consul.; dcself.service.dc1.consul. 0 A 10.6.0.27");
  // Two that point to each other: the real one goes in circles.
  b.d.add("la", node_of("n3", "10.6.0.22"), 3, {}, "lb.service.consul");
  b.d.add("lb", node_of("n4", "10.6.0.23"), 4, {}, "la.service.consul");
  CHECK(b.brief("la.service.consul") == "0 la.service.consul. 0 CNAME lb.service.consul.; lb.service.consul. 0 A 10.6.0.23");
  CHECK(plain::joined(b.ask("la.service.consul", type::srv).additional) ==
        "lb.service.consul. 0 A 10.6.0.23");
  // Where there is no address, there is no circle, either.
  b.d.add("onsn", node_of("sn", "sn.node.consul"), 5);
  CHECK(b.brief("sn.node.consul") == "0 ");
  CHECK(b.brief("onsn.service.consul") == "0 onsn.service.consul. 0 CNAME sn.node.consul.");
}

TEST_CASE("names on the way to an address count for no limit of addresses") {
  bench b;
  b.s.have_recursors = true;
  b.d.add("ext", node_of("e1", "10.6.0.40"), 1, {}, "www.example.com");
  std::vector<std::string> hops(6);
  for (size_t i = 0; i < hops.size(); ++i) make_name(hops[i], i == 0 ? "www.example.com" : "hop" + std::to_string(i) + ".example.com");
  auto& said = b.d.foreign[hops[0]];
  for (size_t i = 0; i + 1 < hops.size(); ++i) said.push_back({hops[i], type::cname, 60, hops[i + 1]});
  for (char i = 1; i <= 8; ++i) said.push_back({hops.back(), type::a, 60, std::string{1, 2, 3, i}});
  const auto count = [](const plain::message& m, std::string_view what) {
    return std::count_if(m.answer.begin(), m.answer.end(), [&](auto& line) { return line.find(what) != line.npos; });
  };
  auto m = b.ask("ext.service.consul");
  CHECK(count(m, " CNAME ") == 6);
  CHECK(count(m, " A ") == 3);
  m = b.ask("ext.service.consul", type::a, 0, false);
  CHECK(count(m, " A ") == 5);
  m = b.ask("ext.service.consul", type::a, 4096);
  CHECK(count(m, " A ") == 8);
  // What has no room for an address says so, whatever the settings.
  said.clear();
  for (size_t i = 0; i < 12; ++i) {
    std::string from, to;
    make_name(from, i == 0 ? "www.example.com" : std::to_string(i) + std::string(40, 'x') + ".example.com");
    make_name(to, std::to_string(i + 1) + std::string(40, 'x') + ".example.com");
    said.push_back({from, type::cname, 60, to});
    if (i == 11) said.push_back({to, type::a, 60, std::string("\1\2\3\4", 4)});
  }
  m = b.ask("ext.service.consul");
  CHECK(b.size <= 512);
  CHECK(count(m, " A ") == 0);
  CHECK(m.flags.find("tc") != m.flags.npos);
  m = b.ask("ext.service.consul", type::a, 0, false);
  CHECK(count(m, " A ") == 1);
  CHECK(m.flags.find("tc") == m.flags.npos);
}

TEST_CASE("who asks for AAAA is told AAAA of a name outside") {
  bench b;
  b.s.have_recursors = true;
  b.d.add("ext", node_of("e1", "10.6.0.40"), 1, {}, "www.example.com");
  std::string name;
  make_name(name, "www.example.com");
  b.d.foreign[name] = {};
  CHECK(b.brief("ext.service.consul") == "0 ext.service.consul. 0 CNAME www.example.com.");
  CHECK(b.brief("ext.service.consul", type::aaaa) == "resolve");
  CHECK(b.brief("ext.service.consul", type::srv) == "resolve"); // either will do, and there is no IPv4
  b.d.foreign_v6[name] = {{name, type::aaaa, 60, std::string(15, '\0') + '\1'}};
  CHECK(b.brief("ext.service.consul", type::aaaa) == "0 ext.service.consul. 0 CNAME www.example.com.; www.example.com. 0 AAAA ::1");
  CHECK(plain::joined(b.ask("ext.service.consul", type::srv).additional) == "www.example.com. 0 AAAA ::1");
  b.d.foreign[name] = {{name, type::a, 60, std::string("\1\2\3\4", 4)}};
  CHECK(plain::joined(b.ask("ext.service.consul", type::srv).additional) == "www.example.com. 0 A 1.2.3.4");
}

TEST_CASE("a server that may not answer says so") {
  bench b;
  b.d.ready = false;
  CHECK(b.brief("web.service.consul") == "2 ");
  CHECK(b.brief("0a060001.addr.consul") == "0 0a060001.addr.consul. 0 A 10.6.0.1");
}

TEST_CASE("what a prepared query sorted is drawn among those at equal distance, and the node that it is sorted for comes first") {
  bench b;
  auto list = std::make_shared<std::vector<endpoint>>(b.d.services["many"]); // m01 to m09, m10 to m12
  b.d.queries["near"] = {list, "many", {}, false, std::make_shared<std::vector<uint32_t>>(std::vector<uint32_t>{2, 12})};
  std::map<std::string, int> first, third;
  for (int i = 0; i < 400; ++i) {
    const auto m = b.ask("near.query.consul", type::srv);
    CHECK(m.answer.size() == 4);
    b.s.a_record_limit = 1;
    ++first[b.ask("near.query.consul").answer.at(0)];
    b.s.a_record_limit = 0;
    for (auto& line : m.answer) ++third[line];
  }
  CHECK(first.size() == 2);
  for (auto& [line, times] : first) CHECK(times > 100);
  CHECK(third.size() == 12); // sorted by the reader: the two nearest are in each
  CHECK(std::count_if(third.begin(), third.end(), [](auto& t) { return t.second == 400; }) == 2);
  b.d.queries["near"].first = "m02";
  b.s.a_record_limit = 1;
  for (int i = 0; i < 20; ++i) CHECK(b.brief("near.query.consul") == "0 near.query.consul. 0 A 10.8.0.2");
}

TEST_CASE("answers are shuffled") {
  bench b;
  std::map<std::string, int> first;
  for (int i = 0; i < 600; ++i) {
    b.s.udp_answer_limit = 1;
    ++first[b.ask("many.service.consul").answer.at(0)];
  }
  CHECK(first.size() == 12);
  for (auto& [line, times] : first) CHECK(times > 20);
}
