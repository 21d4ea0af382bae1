// Failed is not empty: a view that could not read says so, whatever it was asked.
#include "fixture.hpp"
#include "storage/command/commands.hpp"
#include "storage/model/catalog.hpp"
#include "storage/model/coordinate.hpp"
#include "storage/model/kv_entry.hpp"
#include "tests/support/failing_state.hpp"
#include <functional>

using namespace actord;
using namespace actord::test;

namespace {

using look = std::function<void(const read_view&, query_meta&)>;
using state::tables;

const std::string session_id = "adf4238a-882b-9ddc-4a9d-5b6758e4159e";

// A bit of everything, and a look at each kind of it.
struct full_state : store_fixture {
  full_state() {
    auto r = with_service("n1", "web1", "web", {"v1"});
    r.id = "11111111-2222-3333-4444-555555555555";
    r.service->address = "10.9.9.9";
    r.service->connect.native = true;
    put(r);
    auto checked = node_only("n1");
    checked.id = r.id;
    checked.check = check_of("n1", "c", "web1");
    put(checked);
    checked.check = check_of("n1", "serfHealth");
    put(checked);
    kv(kv_set, "k/1", "v");
    session_request s;
    s.op = session_create;
    s.session.id = session_id;
    s.session.node = "n1";
    REQUIRE(run(encode_command(command_kind::session, s)).failure.code == errc::none);
    list_of<coordinate_record> places;
    places.emplace_back().node = "n1";
    places.back().coord.vec = {1, 0, 0, 0, 0, 0, 0, 0};
    run(encode_command(command_kind::coordinate_batch_update, places));
    run(encode_command(command_kind::autopilot_set, autopilot_request{}));
  }

  std::vector<std::pair<std::string, look>> looks{
      {"kv_get", [](auto& v, auto& m) { kv_entry e; CHECK_FALSE(v.kv_get("k/1", e, m)); }},
      {"kv_list", [](auto& v, auto& m) { v.kv_list("k/", m, [](auto&) { FAIL("an entry"); return true; }); }},
      {"kv_keys", [](auto& v, auto& m) { CHECK(v.kv_keys("k/", "", m).empty()); }},
      {"kv_key_index", [](auto& v, auto&) { CHECK(v.kv_key_index("k/1") == 0); }},
      {"nodes", [](auto& v, auto& m) { CHECK(v.nodes(m).empty()); }},
      {"node", [](auto& v, auto& m) { CHECK_FALSE(v.node("n1", m)); }},
      {"services_of_node", [](auto& v, auto& m) { CHECK_FALSE(v.services_of_node("n1", m)); }},
      {"services", [](auto& v, auto& m) { CHECK(v.services(m).empty()); }},
      {"services with", [](auto& v, auto& m) { CHECK(v.services(m, [](auto&) { return true; }).empty()); }},
      {"service_instances", [](auto& v, auto& m) { CHECK(v.service_instances("web", m).empty()); }},
      {"connect", [](auto& v, auto& m) { CHECK(v.service_instances("web", m, true).empty()); }},
      {"service_exists", [](auto& v, auto&) { CHECK_FALSE(v.service_exists("web")); }},
      {"checks_of_node", [](auto& v, auto& m) { CHECK(v.checks_of_node("n1", m).empty()); }},
      {"checks_of_service", [](auto& v, auto& m) { CHECK(v.checks_of_service("web", m).empty()); }},
      {"checks_in_state", [](auto& v, auto& m) { CHECK(v.checks_in_state("passing", m).empty()); }},
      {"checks_in any", [](auto& v, auto& m) { CHECK(v.checks_in_state(health_any, m).empty()); }},
      {"node_by_address", [](auto& v, auto&) { CHECK_FALSE(v.node_by_address("10.0.0.1")); }},
      {"service_by_address", [](auto& v, auto&) { CHECK_FALSE(v.service_by_address("10.9.9.9")); }},
      {"session", [](auto& v, auto& m) { CHECK_FALSE(v.session(session_id, m).ok()); }},
      {"sessions", [](auto& v, auto& m) { CHECK(v.sessions("", m).empty()); }},
      {"sessions of", [](auto& v, auto& m) { CHECK(v.sessions("n1", m).empty()); }},
      {"coordinates", [](auto& v, auto& m) { CHECK(v.coordinates("n1", m).empty()); }},
      {"autopilot", [](auto& v, auto& m) { CHECK_FALSE(v.autopilot(m)); }},
      {"service_index", [](auto& v, auto&) { CHECK(v.service_index("web") == 0); }},
      {"table_index", [](auto& v, auto&) { CHECK(v.table_index("kvs") == 0); }},
      {"applied_index", [](auto& v, auto&) { CHECK(v.applied_index().v == 0); }},
      {"read_txn", [](auto& v, auto&) {
         txn_request r;
         auto& op = r.ops.emplace_back().kv.emplace();
         op.verb = kv_check_not_exists;
         op.entry.key = "k/2";
         CHECK_FALSE(v.read_txn(r).errors.empty());
       }},
  };
  // Those that meet the damage fail. Then nothing more is shown by that view, and the next one is asked anew.
  void fails(std::initializer_list<std::string> expected) {
    for (auto& name : expected) {
      CAPTURE(name);
      auto at = std::find_if(looks.begin(), looks.end(), [&](auto& l) { return l.first == name; });
      REQUIRE(at != looks.end());
      auto view = reading->open();
      query_meta m;
      CHECK_FALSE(view.failed());
      at->second(view, m);
      CHECK(view.failed());
      CHECK(view.failure().code == errc::corrupt);
      kv_entry e;
      CHECK_FALSE(view.kv_get("k/1", e, m));
    }
    CHECK(store->internals().damaged);
    store->internals().damaged = false;
  }
};

} // namespace

TEST_CASE_FIXTURE(full_state, "a view that gets no reader fails whatever it is asked, and the next one that gets one does not") {
  reader late(*store);
  REQUIRE(get("k/1"));
  {
    no_readers_left hogs(*store);
    for (auto& [name, look] : looks) {
      CAPTURE(name);
      auto view = late.open();
      query_meta m;
      look(view, m);
      CHECK(view.failed());
      CHECK(m.index == 0);
      CHECK(view.failure().text == "failed to read the state: beginning a read transaction: MDB_READERS_FULL: Environment maxreaders limit reached");
    }
    CHECK(get("k/1")); // who has a place keeps it
  }
  auto view = late.open();
  kv_entry e;
  query_meta m;
  CHECK(view.kv_get("k/1", e, m));
  CHECK_FALSE(view.failed());
  CHECK_FALSE(store->internals().damaged);
}

TEST_CASE_FIXTURE(full_state, "a damaged record makes every look at it fail, and the store is told") {
  const std::string garbage = "\xc1 no record";
  damage(*store, &tables::kvs, "k/1", garbage);
  fails({"kv_get", "kv_list", "kv_keys", "kv_key_index"});
  damage(*store, &tables::sessions, session_id, garbage);
  fails({"session", "sessions", "sessions of"});
  damage(*store, &tables::coordinates, lmdb::key_of({"n1", ""}), garbage);
  fails({"coordinates"});
  damage(*store, &tables::autopilot, "config", garbage);
  fails({"autopilot"});
  damage(*store, &tables::checks, lmdb::key_of({"n1", "c"}), garbage);
  fails({"checks_of_node", "checks_of_service", "checks_in_state", "checks_in any"});
  damage(*store, &tables::services, lmdb::key_of({"n1", "web1"}), garbage);
  fails({"services_of_node", "services with", "service_instances", "connect", "service_by_address"});
  damage(*store, &tables::nodes, "n1", garbage);
  fails({"nodes", "node", "node_by_address"});
  damage(*store, &tables::index, "service.web", "short");
  fails({"service_index"});
  damage(*store, &tables::tags, "no key of parts", garbage);
  fails({"services"});
  damage(*store, &tables::meta, "applied", "short");
  fails({"applied_index"});
}

TEST_CASE_FIXTURE(full_state, "a record that an index names and that is gone is not absent") {
  damage(*store, &tables::checks, lmdb::key_of({"n1", "c"}), {});
  fails({"checks_of_service", "checks_in_state", "service_instances"});
  damage(*store, &tables::sessions, session_id, {});
  fails({"sessions of"});
  damage(*store, &tables::services, lmdb::key_of({"n1", "web1"}), {});
  fails({"service_instances", "connect", "service_by_address"});
  damage(*store, &tables::nodes, "n1", {});
  fails({"node_by_address"});
}

TEST_CASE_FIXTURE(full_state, "applying that meets damage changes nothing of its batch") {
  damage(*store, &tables::kvs, "k/1", "\xc1 no record");
  const auto before = store->applied_index();
  std::vector<apply_result> results;
  const std::string good = encode_kv_command(kv_set, "k/2", "v"), bad = encode_kv_command(kv_cas, "k/1", "v", 0, 0);
  log_command batch[] = {{raft_index{next}, good}, {raft_index{next + 1}, bad}};
  auto done = store->apply(batch, results);
  REQUIRE_FALSE(done.ok());
  CHECK(done.err().code == errc::corrupt);
  CHECK(store->applied_index() == before);
  CHECK_FALSE(get("k/2"));
  CHECK(store->internals().damaged);
}
