// The actor with a router that knows one leader and one learner: what it asks for and what it shows.
#include "actors/autopilot/autopilot_actor.hpp"
#include "actors/messages/messages.hpp"
#include "storage/command/commands.hpp"
#include "storage/state/store.hpp"
#include "tests/support/failing_state.hpp"
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <condition_variable>
#include <doctest/doctest.h>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

using namespace actord;
using namespace std::chrono_literals;

namespace {

struct seen {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> proposed;
  std::vector<membership_change> changes;
  bool leader = true; // what the router says of itself
  int asked = 0;
  bool wait(const std::function<bool(seen&)>& until) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 20s, [&] { return until(*this); });
  }
};

router_handle::behavior_type small_cluster(router_handle::pointer, std::shared_ptr<seen> s) {
  return {[](const proposals&) {},
          [](const read_wanted&) {},
          [s](const membership_change& c) {
            std::lock_guard lock(s->mutex);
            s->changes.push_back(c);
            s->changed.notify_all();
            return apply_outcome{};
          },
          [](const leadership_transfer&) { return apply_outcome{}; },
          [s](const propose_one& p) {
            std::lock_guard lock(s->mutex);
            s->proposed.push_back(p.command);
            s->changed.notify_all();
            return apply_outcome{};
          },
          [s](leader_query) {
            std::lock_guard lock(s->mutex);
            ++s->asked;
            s->changed.notify_all();
            leader_info info;
            info.leader_id = "a";
            server_view a, b;
            a.id = "a";
            a.leader = s->leader;
            a.last_contact_ms = 0;
            b.id = "b";
            b.address = "10.0.0.2:8300";
            b.voter = false;
            b.last_contact_ms = 20;
            a.last_term = b.last_term = 2;
            a.last_index = b.last_index = 7;
            info.servers = {a, b};
            return info;
          }};
}

struct node {
  std::string dir;
  caf::actor_system_config cfg;
  std::unique_ptr<state_store> store;
  std::shared_ptr<seen> router_saw = std::make_shared<seen>();
  std::shared_ptr<node_status> status = std::make_shared<node_status>();
  std::shared_ptr<autopilot_board> board = std::make_shared<autopilot_board>();
  std::unique_ptr<caf::actor_system> system;
  router_handle router;
  autopilot_handle autopilot;

  node() {
    std::string pattern = (std::filesystem::temp_directory_path() / "actord-XXXXXX").string();
    dir = ::mkdtemp(pattern.data());
    auto opened = state_store::open({.path = dir + "/state"});
    REQUIRE(opened.ok());
    store = std::move(*opened);
    cfg.set("scheduler.max-threads", 2u);
    system = std::make_unique<caf::actor_system>(cfg);
    router = system->spawn(small_cluster, router_saw);
  }
  void start() {
    node_config c;
    c.server_health_interval = 100ms;
    c.autopilot_server_stabilization_time = 0s;
    c.autopilot_max_trailing_logs = 123;
    autopilot = spawn_autopilot(*system, c, router, *store, status, board);
  }
  ~node() {
    caf::anon_send_exit(autopilot, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(router, caf::exit_reason::user_shutdown);
    autopilot = nullptr;
    router = nullptr;
    system.reset();
    store.reset();
    std::filesystem::remove_all(dir);
  }
};

} // namespace

TEST_CASE("on the leader autopilot writes its first configuration and promotes a stable learner") {
  node n;
  n.status->leader = true;
  n.start();
  REQUIRE(n.router_saw->wait([](seen& s) { return !s.proposed.empty() && !s.changes.empty(); }));
  std::lock_guard lock(n.router_saw->mutex);
  CHECK(n.router_saw->changes[0].what == membership_change::kind::add_voter);
  CHECK(n.router_saw->changes[0].id == "b");
  CHECK(n.router_saw->changes[0].address == "10.0.0.2:8300");
  auto& command = n.router_saw->proposed[0];
  CHECK(static_cast<command_kind>(command[0]) == command_kind::autopilot_set);
  autopilot_request r;
  REQUIRE(from_msgpack(std::string_view(command).substr(1), r));
  CHECK(r.config.max_trailing_logs == 123);
  CHECK(r.cas);
  auto view = n.board->view();
  CHECK(view->known);
  CHECK(view->healthy);
  CHECK(view->leader == "a");
}

TEST_CASE("elsewhere autopilot shows what the leader says and changes nothing") {
  node n;
  n.start();
  while (!n.board->view()->known) std::this_thread::yield();
  CHECK(n.board->view()->servers.size() == 2);
  {
    std::lock_guard lock(n.router_saw->mutex);
    n.router_saw->leader = false; // nobody is the leader any more
  }
  while (n.board->view()->known) std::this_thread::yield();
  std::lock_guard lock(n.router_saw->mutex);
  CHECK(n.router_saw->changes.empty());
  CHECK(n.router_saw->proposed.empty());
}

TEST_CASE("a configuration that cannot be read is not taken for none: nothing is judged by the defaults") {
  node n;
  n.status->leader = true;
  {
    test::no_readers_left hogs(*n.store);
    n.start();
    REQUIRE(n.router_saw->wait([](seen& s) { return s.asked >= 5; }));
    std::lock_guard lock(n.router_saw->mutex);
    CHECK(n.router_saw->proposed.empty());
    CHECK(n.router_saw->changes.empty());
    CHECK_FALSE(n.board->view()->known);
  }
  CHECK(n.router_saw->wait([](seen& s) { return !s.proposed.empty() && !s.changes.empty(); }));
}
