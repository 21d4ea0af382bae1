#include "runtime/base/prng.hpp"
#include "storage/model/catalog.hpp"
#include "storage/state/record_codec.hpp"
#include <doctest/doctest.h>

using namespace actord;

namespace {

std::string word(prng& r) { return std::string(r.below(40), static_cast<char>('a' + r.below(26))); }

register_request random_registration(prng& r) {
  register_request q;
  q.node = word(r);
  q.id = word(r);
  if (r.chance(0.5)) q.node_meta[word(r)] = word(r);
  if (r.chance(0.7)) {
    node_service s;
    s.id = word(r);
    s.service = word(r);
    for (auto n = r.below(4); n > 0; --n) s.tags.push_back(word(r));
    s.port = static_cast<int64_t>(r.below(70000)) - 5;
    if (r.chance(0.5)) s.weights = service_weights{3, 4};
    s.connect.native = r.chance(0.5);
    if (r.chance(0.5)) s.proxy.config["a"].v = int64_t{-4};
    if (r.chance(0.5)) s.proxy.upstreams.push_back({word(r), "", word(r), "", "", 4, {}, {"local"}, {}});
    q.service = s;
  }
  for (auto n = r.below(3); n > 0; --n) {
    health_check c;
    c.check_id = word(r);
    c.definition.interval = nanos(static_cast<int64_t>(r.below(1000)));
    if (r.chance(0.5)) c.definition.header["h"] = string_slice{word(r)};
    q.checks.push_back(c);
  }
  return q;
}

} // namespace

TEST_CASE("the fast reader gives what the general one gives, also for fields that are missing, unknown or out of order") {
  prng r(7);
  for (int i = 0; i < 500; ++i) {
    auto bytes = to_msgpack(random_registration(r));
    register_request fast, general;
    REQUIRE(state::decode_record(bytes, fast));
    REQUIRE(from_msgpack(bytes, general));
    CHECK(to_msgpack(fast) == bytes);
    CHECK(to_msgpack(general) == bytes);
    for (int flips = 0; flips < 20; ++flips) { // damaged bytes: both refuse, or both read the same
      auto damaged = bytes;
      damaged[r.below(damaged.size())] = static_cast<char>(r());
      register_request a, b;
      bool fast_ok = state::decode_record(damaged, a), general_ok = from_msgpack(damaged, b);
      REQUIRE(fast_ok == general_ok);
      if (fast_ok) CHECK(to_msgpack(a) == to_msgpack(b));
    }
  }
  std::string mixed;
  msgpack_writer w(mixed);
  w.map(3);
  w.raw("Weird");
  w.array(2);
  w.number(uint64_t{1});
  w.nil();
  w.raw("Node");
  w.raw("n");
  w.raw("Address");
  w.raw("a");
  node_record n;
  REQUIRE(state::decode_record(mixed, n));
  CHECK(n.node == "n");
  CHECK(n.address == "a");
}
