// A view whose answers come by calls: which calls a question needs, and what their answers show.
#include "storage/state/read_view_remote.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include <doctest/doctest.h>

using namespace actord;

namespace {

// One field of a call's arguments, as text.
std::string argument(const std::string& arguments, std::string_view wanted) {
  msgpack_reader r(arguments);
  for (auto n = r.map(); n > 0 && r.ok(); --n) {
    if (r.raw() != wanted) {
      r.skip();
      continue;
    }
    switch (r.peek()) {
    case msgpack_reader::kind::boolean: return r.boolean() ? "true" : "false";
    case msgpack_reader::kind::uint: return std::to_string(r.uint());
    default: return std::string(r.raw());
    }
  }
  return "absent";
}

template <class T> std::string reply(std::string_view name, const list_of<T>& rows, uint64_t index) {
  std::string out;
  msgpack_writer w(out);
  w.map(4);
  w.raw(name), msgpack_encode(out, rows);
  w.raw("Index"), w.number(index);
  w.raw("KnownLeader"), w.boolean(true);
  w.raw("LastContact"), w.number(int64_t{5000000});
  return out;
}

remote_options options() {
  remote_options o;
  o.datacenter = "dc1";
  return o;
}

} // namespace

TEST_CASE("a question without an answer notes its call once and shows nothing") {
  remote_view source(options());
  read_view view(source);
  kv_entry e;
  query_meta meta;
  CHECK_FALSE(view.kv_get("a/b", e, meta));
  CHECK_FALSE(view.kv_get("a/b", e, meta));
  CHECK_FALSE(source.complete());
  auto needed = source.take_needed();
  REQUIRE(needed.size() == 1);
  CHECK(needed[0].second.method == "KVS.Get");
  CHECK(argument(needed[0].second.arguments, "Key") == "a/b");
  CHECK(argument(needed[0].second.arguments, "Datacenter") == "dc1");
  CHECK(argument(needed[0].second.arguments, "MinQueryIndex") == "absent");
  CHECK(source.take_needed().empty()); // it is under way
}

TEST_CASE("with its answer the question shows the entry and the reply's index") {
  remote_view source(options());
  read_view view(source);
  kv_entry e, stored;
  query_meta meta;
  view.kv_get("a/b", e, meta);
  stored.key = "a/b";
  stored.value = "hello";
  stored.flags = 42;
  source.answered(source.take_needed()[0].first, reply<kv_entry>("Entries", {stored}, 30));
  CHECK(source.complete());
  REQUIRE(view.kv_get("a/b", e, meta));
  CHECK(e == stored);
  CHECK(meta.index == 30);
  REQUIRE(source.decisive());
  CHECK(source.decisive()->known_leader);
  CHECK(source.decisive()->last_contact == std::chrono::milliseconds(5));
}

TEST_CASE("only the first call of a blocking query waits, and only its index counts") {
  auto o = options();
  o.min_index = 7;
  o.max_query_time = std::chrono::seconds(10);
  o.node_meta = {{"rack", "r1"}};
  remote_view source(o);
  read_view view(source);
  query_meta meta;
  view.checks_in_state("any", meta);
  view.nodes(meta);
  auto needed = source.take_needed();
  REQUIRE(needed.size() == 2);
  CHECK(needed[0].second.waits);
  CHECK(argument(needed[0].second.arguments, "MinQueryIndex") == "7");
  CHECK(argument(needed[0].second.arguments, "MaxQueryTime") == "10000000000");
  CHECK_FALSE(needed[1].second.waits);
  CHECK(argument(needed[1].second.arguments, "MinQueryIndex") == "absent");
  source.answered(0, reply<health_check>("HealthChecks", {}, 9));
  source.answered(1, reply<node_record>("Nodes", {}, 12));
  view.checks_in_state("any", meta);
  view.nodes(meta);
  CHECK(meta.index == 9);
}

TEST_CASE("rows of catalog/service become instances with their nodes") {
  remote_view source(options());
  read_view view(source);
  query_meta meta;
  view.service_instances("web", meta, false, false);
  service_node row;
  row.node = "n1";
  row.address = "10.0.0.1";
  row.service_id = "web-1";
  row.service_name = "web";
  row.service_port = 80;
  source.answered(0, reply<service_node>("ServiceNodes", {row}, 3));
  auto found = view.service_instances("web", meta, false, false);
  REQUIRE(found.size() == 1);
  CHECK(found[0].node.address == "10.0.0.1");
  CHECK(found[0].service.id == "web-1");
  CHECK(found[0].service.port == 80);
}

TEST_CASE("a stale answer that is too old is asked for again, of the leader") {
  auto o = options();
  o.allow_stale = true;
  remote_view source(o);
  read_view view(source);
  query_meta meta;
  view.nodes(meta);
  CHECK(argument(source.take_needed()[0].second.arguments, "AllowStale") == "true");
  source.answered(0, reply<node_record>("Nodes", {}, 3));
  source.ask_leader();
  CHECK_FALSE(source.decisive());
  view.nodes(meta);
  auto again = source.take_needed();
  REQUIRE(again.size() == 1);
  CHECK(argument(again[0].second.arguments, "AllowStale") == "false");
}

TEST_CASE("foreign bytes as answers show nothing") {
  for (std::string bytes : {"", "x", "\xc0", "\x81\xa5Nodes\xdd\xff\xff\xff\xff", "\x93\x01\x02"}) {
    remote_view source(options());
    read_view view(source);
    query_meta meta;
    view.nodes(meta);
    source.answered(0, bytes);
    CHECK(view.nodes(meta).empty());
  }
}

TEST_CASE("an agent without a state has views that show nothing") {
  reader r(static_cast<state_store*>(nullptr));
  CHECK_FALSE(r.has_store());
  auto view = r.open();
  query_meta meta;
  CHECK(view.nodes(meta).empty());
  CHECK(view.applied_index().v == 0);
  CHECK(view.table_index("nodes") == 0);
}
