// Requests that are answered later: by an actor, or because the answer is made in another thread. On a front whose loop runs in the test's
// thread, beside actors that never answer.
#include "actors/agent/agent_board.hpp"
#include "actors/agent/core/content_hash.hpp"
#include "actors/events/event_board.hpp"
#include "api/http/front.hpp"
#include "storage/model/catalog.hpp"
#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <chrono>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sys/socket.h>
#include <unistd.h>

using namespace actord;

namespace {

caf::behavior silent(caf::event_based_actor* self) {
  self->set_default_handler(caf::skip);
  return {[](int) {}};
}

struct world { // of a client agent
  node_config config;
  caf::actor_system_config system_config;
  std::unique_ptr<caf::actor_system> system;
  caf::actor nobody;
  std::unique_ptr<net::io_loop> loop;
  long_reads elsewhere{nullptr, 1};
  std::unique_ptr<http::front> front;
  std::string hash;
  std::shared_ptr<agent_board> board = std::make_shared<agent_board>();
  int fd = -1;

  world() {
    system_config.set("scheduler.policy", caf::atom("sharing")).set("scheduler.max-threads", 1);
    system = std::make_unique<caf::actor_system>(system_config);
    nobody = system->spawn(silent);
    loop = std::move(*net::io_loop::make());
    auto web = std::make_shared<node_service>();
    web->id = web->service = "web";
    hash = agent::content_hash(*web);
    board->put_service("web", web);
    auto events = std::make_shared<event_board>();
    events->actor = caf::actor_cast<events_handle>(nobody);
    cluster_links links;
    links.lan = caf::actor_cast<pool_handle>(nobody);
    links.rpc = caf::actor_cast<rpc_handle>(nobody);
    links.events = events;
    http::front_parts parts{.system = *system, .router = {}, .watch = {}, .agent = caf::actor_cast<agent_handle>(nobody), .board = board, .store = nullptr,
                            .status = std::make_shared<node_status>(), .rules = std::make_shared<const http::server_rules>(config),
                            .clients = std::make_shared<net::client_counts>(), .seed = 1, .cache_bytes = 0, .autopilot = nullptr, .cluster = links, .elsewhere = &elsewhere};
    front = std::make_unique<http::front>(*loop, std::move(parts));
    loop->at_iteration_end([this] {
      if (left_ == 0 || --left_ == 0) loop->stop();
      else loop->post([] {});
    });
  }
  ~world() {
    ::close(fd);
    elsewhere.stop();
    front.reset();
    caf::anon_send_exit(nobody, caf::exit_reason::kill);
  }
  void iterate(size_t times) {
    left_ = times;
    loop->post([] {});
    loop->run();
  }
  void ask(const std::string& line) {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    fd = pair[0];
    front->accept(pair[1], "");
    const std::string text = line + " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    REQUIRE(::send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  bool said_nothing() const {
    char byte;
    return ::recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) <= 0;
  }

  // Head and body, once something has come.
  std::string answer() {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (said_nothing() && std::chrono::steady_clock::now() < give_up) iterate(1);
    char buffer[200];
    const auto n = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    return std::string(buffer, static_cast<size_t>(std::max<ssize_t>(n, 0)));
  }

private:
  size_t left_ = 0;
};

// There is none before the first answer that is much.
size_t threads_elsewhere() {
  size_t n = 0;
  for (auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    n += name == "long-read";
  }
  return n;
}

} // namespace

TEST_CASE("a request that waits for a change ends when its client has gone, whenever that was") {
  for (const bool at_once : {false, true})
    for (const std::string path : {"/v1/agent/service/web?wait=10m&hash=", "/v1/event/list?wait=10m&index=", "/v1/kv/a?wait=10m&index=7"}) {
      world w;
      CAPTURE(path);
      CAPTURE(at_once);
      std::string line = "GET " + path;
      if (line.ends_with("hash=")) line += w.hash;
      else if (line.ends_with("index=")) line += std::to_string(events::index_of({}));
      w.ask(line);
      if (!at_once) {
        w.iterate(20);
        CHECK(w.front->connections() == 1);
        CHECK(w.said_nothing());
      }
      ::shutdown(w.fd, SHUT_WR);
      w.iterate(20);
      CHECK(w.front->connections() == 0);
      CHECK(w.said_nothing());
    }
}

TEST_CASE("a request that does something is answered however long it takes, though its client asks no more") {
  world w;
  w.ask("PUT /v1/agent/join/10.0.0.1");
  ::shutdown(w.fd, SHUT_WR);
  w.iterate(20);
  CHECK(w.front->connections() == 1);
  CHECK(w.said_nothing());
}

TEST_CASE("what the agent knows of a large service, or a check with much to say, is told by another thread") {
  for (const bool large : {false, true})
    for (const std::string path : {"service/fat", "services", "health/service/id/fat", "health/service/name/fat", "checks", "health/service/id/web"}) {
      world w;
      CAPTURE(path);
      CAPTURE(large);
      const size_t length = large ? 100 << 10 : 100;
      auto fat = std::make_shared<node_service>();
      fat->id = fat->service = "fat";
      fat->tags.push_back(std::string(length, 't'));
      w.board->put_service("fat", fat);
      auto check = std::make_shared<health_check>(); // of the node: it is in what is told of each service's health
      check->check_id = "c";
      check->status = health_passing;
      check->output = std::string(length, 'o');
      w.board->put_check("c", check);
      w.ask("GET /v1/agent/" + path);
      CHECK(w.answer().starts_with("HTTP/1.1 200"));
      CHECK((threads_elsewhere() > 0) == large);
    }
}
