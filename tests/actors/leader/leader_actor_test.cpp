// The actor with a pool of ours that says what it is told to say.
#include "actors/interfaces/cluster.hpp"
#include "actors/leader/leader_actor.hpp"
#include "actors/messages/messages.hpp"
#include "actors/messages/pool_messages.hpp"
#include "storage/command/commands.hpp"
#include "tests/support/failing_state.hpp"
#include "tests/support/state_cast.hpp"

using namespace actord;
using namespace std::chrono_literals;

namespace {

struct pool_seen {
  std::vector<pool_fire> fired;
  caf::strong_actor_ptr subscriber;
};

pool_handle::behavior_type quiet_pool(pool_handle::pointer, pool_seen* seen) {
  return {[](const pool_join&) { return pool_joined{}; },
          [](const pool_leave&) { return agent_done{}; },
          [](const pool_force_leave&) { return agent_done{}; },
          [seen](const pool_fire& f) {
            seen->fired.push_back(f);
            return agent_done{};
          },
          [](const pool_keys&) { return pool_keys_done{}; },
          [](const pool_tags&) {},
          [seen](const pool_subscribe& s) { seen->subscriber = s.sink; }};
}

members::member member_of(std::string name, bool server = false) {
  members::member m;
  m.name = std::move(name);
  m.at = {std::string("\x0a\0\0\x07", 4), 8301};
  m.tags = {{"role", server ? "consul" : "node"}, {"dc", "dc1"}, {"segment", ""}, {"id", "id-of-" + m.name}};
  if (server) m.tags.insert({{"port", "8300"}, {"vsn", "2"}, {"build", "1.8.7:"}, {"raft_vsn", "3"}});
  m.status = members::member_status::alive;
  return m;
}

struct leading : test::state_cast {
  pool_seen seen;
  pool_handle pool;
  leader_handle actor;
  std::shared_ptr<pool_board> board = std::make_shared<pool_board>();

  leading() {
    pool = system->spawn(quiet_pool, &seen);
    node_config c;
    c.server = true;
    c.node_name = "s1";
    c.node_id = "11111111-2222-3333-4444-555555555555";
    c.advertise_addr = "10.0.0.1";
    c.port_server = 8300;
    show({member_of("c1"), member_of("s2", true)});
    actor = spawn_leader_actor(*system, c, {router, pool, board, store.get(), status});
    run(50ms);
  }
  ~leading() {
    seen.subscriber = nullptr;
    end(actor);
    end(pool);
  }
  void show(std::vector<members::member> all) {
    auto v = std::make_shared<pool_view>();
    v->members = std::move(all);
    v->self = "s1";
    board->publish(v);
  }
  void tell(members::member_change change, members::member m) {
    pool_news n;
    n.members.push_back({change, std::move(m)});
    REQUIRE(seen.subscriber);
    caf::anon_send(caf::actor_cast<caf::actor>(seen.subscriber), std::move(n));
    jobs->run();
  }
  std::string health(const std::string& node) {
    reader reading(*store);
    query_meta ignored;
    for (auto& c : reading.open().checks_of_node(node, ignored))
      if (c.check_id == "serfHealth") return c.status;
    return "none";
  }
  bool there(const std::string& node) {
    reader reading(*store);
    query_meta ignored;
    return reading.open().node(node, ignored).has_value();
  }
};

} // namespace

TEST_CASE_FIXTURE(leading, "a new leader registers itself and all members, and tells the pool of itself") {
  CHECK(proposed.empty());
  status->term = 3;
  status->leader = true;
  run(50ms);
  for (auto* node : {"s1", "c1", "s2"}) CHECK(health(node) == "passing");
  CHECK(led_term == 3); // who leads then sees other members
  reader reading(*store);
  query_meta ignored;
  auto servers = reading.open().service_instances("consul", ignored);
  REQUIRE(servers.size() == 2);
  CHECK(servers[0].node.address == "10.0.0.1");
  CHECK(servers[0].service.port == 8300);
  REQUIRE(seen.fired.size() == 1);
  CHECK(seen.fired[0].name == "consul:new-leader");
  CHECK(seen.fired[0].payload == "s1");
  const auto written = proposed.size();
  run(70s); // the next walk finds all as it should be
  CHECK(proposed.size() == written);
}

TEST_CASE_FIXTURE(leading, "members that fail, come back, leave and are reaped change the catalog and Raft") {
  status->leader = true;
  run(50ms);
  tell(members::member_change::failed, member_of("c1"));
  CHECK(health("c1") == "critical");
  tell(members::member_change::join, member_of("c1"));
  CHECK(health("c1") == "passing");
  tell(members::member_change::leave, member_of("c1"));
  CHECK_FALSE(there("c1"));
  CHECK(changes.empty());
  tell(members::member_change::reap, member_of("s2", true));
  CHECK_FALSE(there("s2"));
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].what == membership_change::kind::remove);
  CHECK(changes[0].id == "id-of-s2");
  tell(members::member_change::leave, member_of("s1", true));
  CHECK(there("s1"));
}

TEST_CASE_FIXTURE(leading, "events of one node are carried out in their order, also when they come together") {
  status->leader = true;
  run(50ms);
  pool_news n;
  n.members = {{members::member_change::failed, member_of("c1")}, {members::member_change::join, member_of("c1")}, {members::member_change::failed, member_of("c1")}};
  caf::anon_send(caf::actor_cast<caf::actor>(seen.subscriber), std::move(n));
  run(10ms);
  CHECK(health("c1") == "critical");
}

TEST_CASE_FIXTURE(leading, "who does not lead leaves the catalog alone") {
  tell(members::member_change::join, member_of("c1"));
  run(100s);
  CHECK(proposed.empty());
  CHECK(seen.fired.empty());
}

TEST_CASE_FIXTURE(leading, "a member that failed or vanished while nobody looked is seen by the next walk") {
  status->leader = true;
  run(50ms);
  auto failed = member_of("c1");
  failed.status = members::member_status::failed;
  show({failed});
  run(61s);
  CHECK(health("c1") == "critical");
  CHECK(there("s2"));
  run(60s);
  CHECK_FALSE(there("s2"));
  CHECK(there("s1"));
}

// News go to who leads, and the board is published a little later: it saw neither.
TEST_CASE_FIXTURE(leading, "who joins in the moment of the election is registered within seconds") {
  tell(members::member_change::join, member_of("c9"));
  status->leader = true;
  run(50ms);
  show({member_of("c1"), member_of("s2", true), member_of("c9")});
  run(3s);
  CHECK(health("c9") == "passing");
}

TEST_CASE_FIXTURE(leading, "a catalog that cannot be read is compared with nobody; as soon as it can be, all are") {
  {
    test::no_readers_left hogs(*store);
    status->leader = true;
    run(3s);
    tell(members::member_change::join, member_of("c3"));
    run(1s);
    CHECK(proposed.empty());
    CHECK(changes.empty());
  }
  run(3s);
  CHECK(health("s1") == "passing");
  CHECK(health("c1") == "passing");
  CHECK(health("c3") == "passing");
}

TEST_CASE_FIXTURE(leading, "tombstones of deleted keys do not gather for ever") {
  apply(encode_kv_command(kv_set, "a/b", "v"));
  const auto deleted = apply(encode_kv_command(kv_delete, "a/b", "")).index;
  apply(encode_kv_command(kv_set, "z", "v"));
  status->leader = true;
  const auto index_under = [&] {
    reader reading(*store);
    query_meta m;
    reading.open().kv_keys("a/", "", m);
    return m.index;
  };
  const auto pass = [&](std::chrono::seconds time) {
    for (auto step = 250ms; time.count() > 0; time -= 1s)
      for (int i = 0; i < 4; ++i) jobs->advance_time(step), jobs->run();
  };
  pass(14min);
  CHECK(index_under() == deleted);
  pass(2min);
  CHECK(index_under() > deleted);
  const auto reaps = [&] {
    return std::count_if(proposed.begin(), proposed.end(), [](auto& c) { return static_cast<command_kind>(c[0]) == command_kind::tombstone_reap; });
  };
  CHECK(reaps() == 1);
  pass(20min);
  CHECK(reaps() == 1);
}
