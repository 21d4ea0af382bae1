// Pools of real sockets on the loopback, in one actor system.
#pragma once
#include "actors/gossip/core/packet.hpp"
#include "actors/gossip/cipher.hpp"
#include "actors/gossip/datagram_socket.hpp"
#include "actors/gossip/pool_actor.hpp"
#include "actors/messages/pool_messages.hpp"
#include "runtime/base/prng.hpp"
#include "tests/support/eventually.hpp"
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <condition_variable>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace pool_test {

using namespace actord;
using namespace std::chrono_literals;

struct config : caf::actor_system_config {
  config() {
    load<caf::io::middleman>();
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", 2);
    set("middleman.workers", 0);
  }
};

// Time-outs short enough to wait for, long enough for a busy machine.
inline gossip::settings quick() {
  auto s = gossip::settings::local();
  s.probe_interval = 200ms;
  s.probe_timeout = 100ms;
  s.gossip_interval = 20ms;
  s.push_pull_interval = 2s;
  s.stall_after = nanos(0);
  return s;
}

struct folder {
  folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "actord-pool-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~folder() { std::filesystem::remove_all(path); }
  std::string read(const std::string& name) const {
    std::stringstream out;
    out << std::ifstream(path + "/" + name).rdbuf();
    return out.str();
  }
  std::string path;
};

struct heard {
  std::mutex lock;
  std::vector<members::user_event> events;
  std::vector<members::tell_member_event> members;
  size_t events_called(const std::string& name) {
    std::lock_guard hold(lock);
    size_t n = 0;
    for (auto& e : events) n += e.name == name ? 1 : 0;
    return n;
  }
};

inline caf::behavior listener(caf::event_based_actor*, const std::shared_ptr<heard>& h) {
  return {[h](const pool_news& n) {
    std::lock_guard hold(h->lock);
    h->events.insert(h->events.end(), n.events.begin(), n.events.end());
    h->members.insert(h->members.end(), n.members.begin(), n.members.end());
  }};
}

class agent {
public:
  agent(caf::actor_system& system, const std::string& name, const std::function<void(gossip::pool_setup&)>& adjust = {}) : system_(system) {
    setup.name = name;
    setup.bind_ip = setup.advertise_ip = "127.0.0.1";
    setup.knobs = quick();
    setup.leave_propagate_delay = 100ms;
    setup.board = board;
    setup.seed = std::hash<std::string>()(name);
    if (adjust) adjust(setup);
    auto spawned = gossip::spawn_pool(system, setup);
    REQUIRE_MESSAGE(spawned.ok(), (spawned ? "" : spawned.err().text));
    pool = *spawned;
    sink = system.spawn(listener, news);
    caf::anon_send(pool, pool_subscribe{caf::actor_cast<caf::strong_actor_ptr>(sink)});
    REQUIRE(test::eventually([&] { return board->look()->find(name) != nullptr; }));
  }
  ~agent() { stop(); }
  void stop() {
    if (!pool) return;
    caf::scoped_actor waiting(system_);
    auto gone = caf::actor_cast<caf::actor>(pool);
    caf::anon_send_exit(pool, caf::exit_reason::user_shutdown);
    pool = nullptr;
    waiting->wait_for(gone);
    caf::anon_send_exit(sink, caf::exit_reason::user_shutdown);
    sink = nullptr;
  }
  std::string address() const {
    const auto view = board->look();
    return "127.0.0.1:" + std::to_string(view->find(view->self)->at.port);
  }
  template <class Answer, class Request> Answer ask(Request r) {
    caf::scoped_actor self(system_);
    Answer out;
    self->request(pool, 30s, std::move(r)).receive([&](Answer& a) { out = std::move(a); }, [&](caf::error& e) { FAIL(system_.render(e)); });
    return out;
  }
  pool_joined join(const std::string& to) { return ask<pool_joined>(pool_join{{to}}); }
  bool sees(const std::string& name, members::member_status status) const {
    const auto view = board->look();
    const auto* m = view->find(name);
    return m != nullptr && m->status == status;
  }
  bool sees_alive(std::initializer_list<const char*> names) const {
    return std::all_of(names.begin(), names.end(), [&](const char* n) { return sees(n, members::member_status::alive); });
  }

  gossip::pool_setup setup;
  std::shared_ptr<pool_board> board = std::make_shared<pool_board>();
  std::shared_ptr<heard> news = std::make_shared<heard>();
  pool_handle pool;
  caf::actor sink;

private:
  caf::actor_system& system_;
};

} // namespace pool_test
