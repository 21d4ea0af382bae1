// A server of the peers tests: an actor system with real sockets on loopback, a peers actor, and a stand-in for the raft
// actor that keeps what it is told.
#pragma once
#include "actors/messages/peer_messages.hpp"
#include "actors/peers/peers_actor.hpp"
#include "runtime/base/ids.hpp"
#include "runtime/net/stream_socket.hpp"
#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <condition_variable>
#include <doctest/doctest.h>
#include <filesystem>
#include <mutex>
#include <sys/socket.h>
#include <unistd.h>

namespace peers_test {

using namespace actord;
using namespace std::chrono_literals;

// What the stand-in was told; any thread.
struct heard {
  std::mutex lock;
  std::condition_variable changed;
  std::vector<raft::message> messages;
  std::vector<server_hello> said;
  std::vector<server_id> lost;
  std::vector<peer_answer> answers;
  std::vector<snapshot_was_sent> sent;
  std::vector<snapshot_arrived> arrived;
  bool mute = false; // leave questions without an answer

  // Waits for what must come; a bound, not a pause.
  template <class F> bool until(F&& condition, std::chrono::milliseconds bound = 10s) {
    std::unique_lock hold(lock);
    return changed.wait_for(hold, bound, [&] { return condition(); });
  }
};

inline caf::behavior stand_in(caf::event_based_actor* self, std::shared_ptr<heard> h) {
  auto note = [h](auto f) {
    std::lock_guard hold(h->lock);
    f();
    h->changed.notify_all();
  };
  self->set_default_handler(caf::drop);
  return {
      [=](const peer_messages& m) { note([&] { h->messages.insert(h->messages.end(), m.messages.begin(), m.messages.end()); }); },
      [=](const peer_said& s) { note([&] { h->said.push_back(s.hello); }); },
      [=](const peer_lost& l) { note([&] { h->lost.push_back(l.id); }); },
      [=](const peer_answer& a) { note([&] { h->answers.push_back(a); }); },
      [=](const snapshot_was_sent& s) { note([&] { h->sent.push_back(s); }); },
      [=](const snapshot_arrived& s) { note([&] { h->arrived.push_back(s); }); },
      [=](const peer_question& q) {
        if (!h->mute) self->send(caf::actor_cast<caf::actor>(self->current_sender()), peers_reply{q.connection, q.id, "answer to " + q.body + " of " + q.from});
      },
  };
}

struct config : caf::actor_system_config {
  config() {
    load<caf::io::middleman>();
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", 1);
    set("middleman.workers", 0);
  }
};

struct server {
  explicit server(const std::string& id, uint16_t port = 0, std::function<void(peers_setup&)> adjust = {}) : h(std::make_shared<heard>()) {
    auto fd = net::listen_on("127.0.0.1", port);
    REQUIRE_MESSAGE(fd.ok(), (fd ? "" : fd.err().text));
    setup.bind.ip = "127.0.0.1";
    setup.listener = *fd;
    setup.self.id = id;
    setup.self.name = "name-" + id;
    setup.self.datacenter = "dc1";
    setup.self.address = "127.0.0.1:" + std::to_string(net::port_of(*fd));
    std::string pattern = (std::filesystem::temp_directory_path() / "actord-peers-XXXXXX").string();
    setup.data_dir = ::mkdtemp(pattern.data());
    if (adjust) adjust(setup);
    raft = system.spawn(stand_in, h);
    auto spawned = spawn_peers_actor(system, setup, caf::actor_cast<raft_handle>(raft));
    REQUIRE(spawned.ok());
    peers = *spawned;
  }
  ~server() {
    stop();
    std::filesystem::remove_all(setup.data_dir);
  }
  void stop() {
    if (!raft) return;
    caf::scoped_actor waiting(system);
    const auto address = caf::actor_cast<caf::actor>(peers);
    caf::anon_send_exit(raft, caf::exit_reason::user_shutdown); // the peers actor follows
    raft = nullptr;
    peers = nullptr;
    waiting->wait_for(address);
  }
  template <class T> void send(T message) { caf::anon_send(peers, std::move(message)); }
  void want(std::vector<std::pair<server_id, std::string>> servers) { send(peers_wanted{std::move(servers)}); }
  const std::string& address() const { return setup.self.address; }
  uint16_t port() const { return static_cast<uint16_t>(std::stoi(setup.self.address.substr(setup.self.address.rfind(':') + 1))); }
  bool hears_of(const server_id& id, size_t times = 1) {
    return h->until([&] { return static_cast<size_t>(std::count_if(h->said.begin(), h->said.end(), [&](auto& s) { return s.id == id; })) >= times; });
  }

  config cfg;
  caf::actor_system system{cfg};
  std::shared_ptr<heard> h;
  peers_setup setup;
  caf::actor raft;
  peers_handle peers;
};

} // namespace peers_test
