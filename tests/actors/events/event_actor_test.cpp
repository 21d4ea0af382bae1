// The actor that hears events, with a pool and servers that are dummies. Jobs run in real threads and processes.
#include "actors/events/core/wire.hpp"
#include "actors/events/event_actor.hpp"
#include "actors/messages/rpc_messages.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "storage/command/commands.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <condition_variable>
#include <doctest/doctest.h>

using namespace actord;
using namespace std::chrono_literals;

namespace {

struct kv_servers {
  std::mutex lock;
  std::condition_variable wake;
  std::map<std::string, std::string> keys;
  bool refuse = false; // the asker's session is gone

  rpc_answer carry_out(const rpc_call& c) {
    std::lock_guard hold(lock);
    rpc_answer a;
    if (c.method == "KVS.Get") {
      rpc::key_request r;
      REQUIRE(from_msgpack(c.arguments, r));
      rpc::entries_reply found;
      if (auto at = keys.find(r.key); at != keys.end()) found.entries.emplace_back().value = at->second;
      a.body = to_msgpack(found);
    } else {
      kv_request r;
      REQUIRE(from_msgpack(c.arguments, r));
      CHECK(r.op == "lock");
      CHECK(r.entry.session == "S");
      if (!refuse) keys[r.entry.key] = r.entry.value;
      a.body = to_msgpack(!refuse);
    }
    wake.notify_all();
    return a;
  }
  std::string await(const std::string& key) {
    std::unique_lock hold(lock);
    REQUIRE(wake.wait_for(hold, 20s, [&] { return keys.contains(key); }));
    return keys[key];
  }
};

rpc_handle::behavior_type rpc_dummy(rpc_handle::pointer, std::shared_ptr<kv_servers> servers) {
  return {[servers](const rpc_call& c) { return servers->carry_out(c); }};
}

struct fixture {
  caf::actor_system_config config;
  caf::actor_system system{config};
  std::shared_ptr<kv_servers> servers = std::make_shared<kv_servers>();
  std::shared_ptr<event_board> board = std::make_shared<event_board>();
  rpc_handle rpc = system.spawn(rpc_dummy, servers);
  events_handle actor;

  explicit fixture(bool remote_exec = false) {
    events_setup s;
    s.node_name = "n1";
    s.datacenter = "dc1";
    s.remote_exec = remote_exec;
    s.rpc = rpc;
    s.board = board;
    s.services = [] { return std::vector<events::local_service>{{"web", {"blue"}}}; };
    actor = spawn_events_actor(system, std::move(s));
  }
  ~fixture() {
    board->actor = nullptr;
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(rpc, caf::exit_reason::user_shutdown);
  }
  void hear(const user_event_record& e, uint64_t time = 5) {
    pool_news news;
    news.events.push_back({time, "consul:event:" + e.name, events::encode_event(e), false});
    caf::anon_send(actor, news);
  }
  // Waits for the list after the one with this number.
  event_board::view next(uint64_t seen) {
    caf::scoped_actor self{system};
    self->request(actor, caf::infinite, event_wait{seen, 20s}).receive([](event_turn) {}, [](caf::error&) { FAIL("no answer"); });
    return board->look();
  }
};

user_event_record event(std::string name, std::string payload, std::string node_filter = {}) {
  user_event_record e;
  e.id = "00000000-0000-0000-0000-000000000001";
  e.name = std::move(name);
  e.payload = std::move(payload);
  e.node_filter = std::move(node_filter);
  return e;
}

constexpr const char* address = R"({"Prefix":"_rexec","Session":"S"})";

} // namespace

TEST_CASE("an event that is heard stands on the board and wakes who waits; others' and broken ones do not") {
  fixture f;
  f.hear(event("a", "1", "^other$"));
  pool_news broken;
  broken.events.push_back({1, "consul:event:x", "\xff", false});
  broken.events.push_back({1, "not-consul's", "", false});
  caf::anon_send(f.actor, broken);
  f.hear(event("a", "2", "^n1$"), 9);
  auto view = f.next(0);
  REQUIRE(view.events->size() == 1);
  CHECK(view.events->front()->payload == "2");
  CHECK(view.events->front()->ltime == 9);
}

TEST_CASE("who waits for an event that does not come is told when his patience is over") {
  fixture f;
  caf::scoped_actor self{f.system};
  bool told = false;
  self->request(f.actor, caf::infinite, event_wait{0, 50ms}).receive([&](event_turn) { told = true; }, [](caf::error&) {});
  CHECK(told);
  CHECK(f.board->look().events->empty());
}

TEST_CASE("a job is acknowledged, run, and answered with its output and exit code") {
  fixture f(true);
  f.servers->keys["_rexec/S/job"] = R"({"Command":"echo out; echo err >&2; exit 3","Args":null,"Script":null,"Wait":60000000000})";
  f.hear(event("_rexec", address));
  CHECK(f.servers->await("_rexec/S/n1/exit") == "3");
  CHECK(f.servers->await("_rexec/S/n1/ack") == "");
  CHECK(f.servers->await("_rexec/S/n1/out/00000") == "out\nerr\n");
  CHECK(f.board->look().events->empty()); // no event for others to see
}

TEST_CASE("a script is run from a file, arguments without a shell, and what cannot be run ends with 255") {
  fixture f(true);
  f.servers->keys["_rexec/S/job"] = R"({"Command":"","Args":null,"Script":"IyEvYmluL3NoCmVjaG8gc2NyaXB0Cg==","Wait":60000000000})";
  f.hear(event("_rexec", address));
  CHECK(f.servers->await("_rexec/S/n1/out/00000") == "script\n");
  CHECK(f.servers->await("_rexec/S/n1/exit") == "0");
  {
    std::lock_guard hold(f.servers->lock);
    f.servers->keys = {{"_rexec/S/job", R"({"Command":"","Args":["/none"],"Script":null,"Wait":60000000000})"}};
  }
  f.hear(event("_rexec", address));
  CHECK(f.servers->await("_rexec/S/n1/exit") == "255");
}

TEST_CASE("a job whose asker is gone is killed at its next heartbeat") {
  fixture f(true);
  f.servers->keys["_rexec/S/job"] = R"({"Command":"sleep 600","Args":null,"Script":null,"Wait":100000000})";
  f.hear(event("_rexec", address));
  f.servers->await("_rexec/S/n1/out/00000"); // a heartbeat
  {
    std::lock_guard hold(f.servers->lock);
    f.servers->refuse = true;
  }
} // the fixture's end waits for the job's

TEST_CASE("without remote execution a job is left alone") {
  fixture f(false);
  f.servers->keys["_rexec/S/job"] = R"({"Command":"true","Args":null,"Script":null,"Wait":1000000000})";
  f.hear(event("_rexec", address));
  f.hear(event("after", ""));
  CHECK(f.next(0).events->size() == 1);
  CHECK(f.servers->keys.size() == 1);
}
