// Every captured serf message decodes, and encodes to the same bytes again.
#include "actors/gossip/core/lzw.hpp"
#include "actors/gossip/core/packet.hpp"
#include "actors/gossip/core/stream.hpp"
#include "actors/members/core/address_text.hpp"
#include "actors/members/core/coordinate_payload.hpp"
#include "actors/members/core/wire.hpp"
#include "tests/support/gossip_vectors.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::members;

namespace {

std::vector<std::string> bodies(const test::gossip_vector& v) {
  std::vector<std::string> out;
  if (!v.keys.empty() || v.stream) return out;
  auto p = gossip::decode_packet(v.bytes, nullptr);
  REQUIRE(p.ok());
  for (const auto& m : p->messages)
    if (const auto* u = std::get_if<gossip::user>(&m)) out.push_back(u->body);
  return out;
}

serf_message only(std::string_view name, size_t at = 0) {
  const auto all = bodies(test::gossip_vector_named(name));
  REQUIRE(all.size() > at);
  auto m = decode(all[at]);
  REQUIRE(m.ok());
  return *m;
}

gossip::push_pull push_pull_of(std::string_view name) {
  gossip::stream_reader r(nullptr);
  auto m = r.feed(test::gossip_vector_named(name).bytes);
  REQUIRE(m.ok());
  return std::get<gossip::push_pull>(**m);
}

const std::string loopback("\x7f\0\0\2", 4);

} // namespace

TEST_CASE("every captured serf message encodes to the same bytes again") {
  size_t seen = 0;
  for (const auto& v : test::gossip_vectors())
    for (const auto& body : bodies(v)) {
      INFO(v.name);
      ++seen;
      auto m = decode(body);
      REQUIRE(m.ok());
      CHECK(test::to_hex(encode(*m)) == test::to_hex(body));
    }
  CHECK(seen == 14);
}

TEST_CASE("every captured push/pull state encodes to the same bytes again") {
  size_t seen = 0;
  for (const auto& v : test::gossip_vectors()) {
    if (!v.stream || !v.keys.empty() || v.name.find("pushpull") == std::string::npos) continue;
    INFO(v.name);
    ++seen;
    const auto p = push_pull_of(v.name);
    auto s = decode_state(p.user_state);
    REQUIRE(s.ok());
    CHECK_FALSE(s->status_times.empty());
    const auto again = encode_state(*s);
    // Names of several members come in any order.
    if (s->status_times.size() > 1) CHECK(again.size() == p.user_state.size());
    else CHECK(test::to_hex(again) == test::to_hex(p.user_state));
    for (const auto& n : p.nodes) {
      const auto tags = decode_tags(n.meta);
      auto meta = encode_tags(tags);
      REQUIRE(meta.ok());
      CHECK(meta->size() == n.meta.size()); // any order here, too
      CHECK(decode_tags(*meta) == tags);
      if (tags.size() < 2) CHECK(*meta == n.meta);
    }
  }
  CHECK(seen == 7);
}

TEST_CASE("captured messages mean what was seen") {
  CHECK(only("join-intent") == serf_message(join_intent{1, "beta"}));
  CHECK(only("leave-intent") == serf_message(leave_intent{2, "beta", false}));
  CHECK(only("user-events-compound") == serf_message(user_event{1, "deploy", "v1.2.3", true}));
  CHECK(only("user-events-compound", 1) == serf_message(user_event{2, "nocoal", "", false}));
  CHECK(only("query-ack") == serf_message(query_response{1, 1746500198, "alpha", answer_is_ack, ""}));
  const auto q = std::get<query>(only("query-with-filters"));
  CHECK(q.name == "load");
  CHECK(q.payload == "please");
  CHECK(q.at == address{loopback, 7946});
  CHECK(q.timeout_ns == 2'000'000'000);
  REQUIRE(q.filters.size() == 2);
  CHECK(*decode_filter(q.filters[0]) == filter(node_filter{{"alpha"}}));
  CHECK(*decode_filter(q.filters[1]) == filter(tag_filter{"role", "web"}));
  for (const auto& f : q.filters) CHECK(encode_filter(*decode_filter(f)) == f);
  const auto r = std::get<relay>(only("query-relay"));
  CHECK(r.node == "beta");
  CHECK(r.to == address{loopback, 7946});
  CHECK(*decode(r.inner) == serf_message(query_response{2, 332124586, "beta", answer_is_ack, ""}));
}

TEST_CASE("a captured answer about a name conflict encodes to the same bytes again") {
  const auto payload = std::get<query_response>(only("conflict-response")).payload;
  auto m = decode_conflict_response(payload);
  REQUIRE(m.ok());
  REQUIRE(m->has_value());
  CHECK((*m)->name == "beta");
  CHECK((*m)->status == member_status::alive);
  CHECK((*m)->vsn == gossip::versions{1, 5, 2, 2, 5, 5});
  CHECK(test::to_hex(encode_conflict_response(&**m)) == test::to_hex(payload));
  CHECK(encode_conflict_response(nullptr) == "\x06\xc0");
  CHECK_FALSE(decode_conflict_response("\x06\xc0")->has_value());
}

TEST_CASE("key requests and answers have the bytes that were seen") {
  std::string key;
  for (char c = 0; c < 32; ++c) key.push_back(c);
  CHECK(test::to_hex(encode_key_request(key)) ==
        "0781a34b6579da0020000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  CHECK(test::to_hex(encode_key_request("")) == "0781a34b6579a0");
  CHECK(*decode_key_request(encode_key_request(key)) == key);
  const auto list = test::from_hex("0884a44b65797391b841414543417751464267634943516f4c4441304f44773d3da74d657373616765a0aa5072696d"
                                   "6172794b6579b841414543417751464267634943516f4c4441304f44773d3da6526573756c74c3");
  auto r = decode_key_response(list);
  REQUIRE(r.ok());
  CHECK(r->ok);
  CHECK(r->primary == "AAECAwQFBgcICQoLDA0ODw==");
  CHECK(encode_key_response(*r) == list);
  key_response done;
  done.ok = true;
  CHECK(test::to_hex(encode_key_response(done)) == "0884a44b657973c0a74d657373616765a0aa5072696d6172794b6579a0a6526573756c74c3");
}

TEST_CASE("events travel in a ring of 512 places and come back") {
  pool_state s{.member_time = 7, .event_time = 1030, .query_time = 2, .status_times = {{"a", 3}, {"b", 0}}, .left = {"b"}};
  s.events = {{514, {{"x", "1"}, {"y", ""}}}, {1029, {{"z", "2"}}}};
  auto again = decode_state(encode_state(s));
  REQUIRE(again.ok());
  CHECK(*again == s);
  // Any length of the array is taken, none at all as well.
  CHECK(decode_state(test::from_hex("0281a64576656e747390")).ok());
  CHECK(decode_state(test::from_hex("0281a64576656e7473c0")).ok());
  CHECK_FALSE(decode_state(test::from_hex("0281a64576656e7473dd7fffffff")).ok());
  CHECK_FALSE(decode_state("").ok());
}

TEST_CASE("a Lamport time that would stop our clock is refused") {
  CHECK(decode(encode(join_intent{time_limit - 1, "a"})).ok());
  CHECK_FALSE(decode(encode(join_intent{time_limit, "a"})).ok());
  CHECK_FALSE(decode(encode(user_event{UINT64_MAX, "a", "", false})).ok());
  pool_state s;
  s.event_time = UINT64_MAX;
  CHECK_FALSE(decode_state(encode_state(s)).ok());
  s.event_time = 0;
  s.status_times = {{"liar", UINT64_MAX}, {"b", 4}};
  CHECK(decode_state(encode_state(s))->status_times == std::map<std::string, lamport_time>{{"b", 4}});
}

TEST_CASE("meta of nodes without tags, old nodes and too many tags") {
  CHECK(test::to_hex(*encode_tags({})) == "ff80");
  CHECK(decode_tags("\xff\x80").empty());
  CHECK(decode_tags("database") == tag_table{{"role", "database"}});
  CHECK(decode_tags("\xff\x81\xa1").empty());
  CHECK(encode_tags({{"k", std::string(504, 'v')}}).ok());
  CHECK_FALSE(encode_tags({{"k", std::string(510, 'v')}}).ok());
}

TEST_CASE("addresses are written and read as people do") {
  const address v4{loopback, 8301}, v6{std::string(15, '\0') + '\1', 8301};
  CHECK(address_text(v4) == "127.0.0.2:8301");
  CHECK(address_text(v6) == "[::1]:8301");
  CHECK(address_text({std::string("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) + loopback, 1}) == "127.0.0.2:1");
  CHECK(parse_address("127.0.0.2:8301") == v4);
  CHECK(parse_address("[::1]:8301") == v6);
  for (const auto* bad : {"", ":", "127.0.0.2", "::1:8301", "127.0.0.2:", "127.0.0.2:70000", "a:1", "[127.0.0.1]:1", "1.2.3.4:1x"})
    CHECK_FALSE(parse_address(bad).has_value());
}

TEST_CASE("a captured coordinate encodes to the same bytes again") {
  auto p = gossip::decode_packet(test::gossip_vector_named("ack-with-coordinate").bytes, nullptr);
  REQUIRE(p.ok());
  const auto payload = std::get<gossip::ack>(p->messages.at(0)).payload;
  auto c = decode_coordinate(payload);
  REQUIRE(c.ok());
  CHECK(c->vec.size() == 8);
  CHECK(c->error == 1.3938864031786324);
  CHECK(test::to_hex(encode_coordinate(*c)) == test::to_hex(payload));
  CHECK_FALSE(decode_coordinate("").ok());
  CHECK(decode_coordinate("\x02\x80").err().code == errc::unsupported);
  CHECK_FALSE(decode_coordinate("\x01\x81\xa3").ok());
}
