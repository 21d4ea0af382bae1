#include "actors/state/watch_actor.hpp"
#include "api/http/http_server.hpp"
#include "storage/state/store.hpp"
#include <arpa/inet.h>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <doctest/doctest.h>
#include <filesystem>
#include <sys/socket.h>
#include <unistd.h>

using namespace actord;

namespace {

// Applies what it is sent at once, as if Raft had agreed with itself.
struct applier_state {
  uint64_t index = 1;
};
router_handle::behavior_type applier(router_handle::stateful_pointer<applier_state> self, state_store* store, watch_handle watch,
                                     std::shared_ptr<node_status> status) {
  auto apply = [=](std::string_view bytes) {
    std::vector<apply_result> results;
    log_command command{raft_index{++self->state.index}, bytes};
    auto changes = store->apply({&command, 1}, results);
    REQUIRE(changes.ok());
    status->applied = self->state.index;
    self->send(watch, state_changed{std::make_shared<const change_set>(std::move(*changes))});
    return results.at(0);
  };
  return {
      [=](proposals& m) {
        proposals_done done;
        for (auto& p : m.batch) done.outcomes.push_back({p.id, apply(p.command)});
        caf::anon_send(caf::actor_cast<caf::actor>(m.reply_to), std::move(done));
      },
      [=](const read_wanted& m) { // nobody leads
        caf::anon_send(caf::actor_cast<caf::actor>(m.reply_to), reads_allowed{{m.id}, {errc::no_leader, "No cluster leader"}});
      },
      [](const membership_change&) { return apply_outcome{}; },
      [](const leadership_transfer&) { return apply_outcome{}; },
      [=](propose_one& m) { return apply_outcome{apply(m.command)}; },
      [](leader_query&) {
        leader_info info;
        info.address = "127.0.0.1:8300";
        info.peers = {info.address};
        return info;
      },
  };
}

struct client {
  int fd;
  explicit client(uint16_t port) : fd(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
    timeval limit{5, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  ~client() { ::close(fd); }
  void send(std::string_view text) { REQUIRE(::send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size())); }
  void ask(const std::string& line, const std::string& body = "") {
    send(line + " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  std::string kept;
  // The next answer, head and body; "" when the server closed.
  std::string answer() {
    for (;;) {
      size_t head = kept.find("\r\n\r\n");
      if (head != kept.npos) {
        size_t length = kept.find("Content-Length: ");
        size_t whole = head + 4 + (length < head ? std::stoul(kept.substr(length + 16)) : 0);
        if (kept.size() >= whole) {
          std::string out = kept.substr(0, whole);
          kept.erase(0, whole);
          return out;
        }
      }
      char buffer[65536];
      ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
      if (n <= 0) return "";
      kept.append(buffer, static_cast<size_t>(n));
    }
  }
  std::string body_of(const std::string& line, const std::string& body = "") {
    ask(line, body);
    std::string a = answer();
    return a.substr(std::min(a.size(), a.find("\r\n\r\n") + 4));
  }
};

struct world {
  std::string folder = (std::filesystem::temp_directory_path() / ("http-test-" + std::to_string(::getpid()))).string();
  node_config config;
  caf::actor_system_config system_config;
  std::unique_ptr<state_store> store;
  std::unique_ptr<caf::actor_system> system;
  std::shared_ptr<node_status> status = std::make_shared<node_status>();
  watch_handle watch;
  router_handle router;
  std::unique_ptr<http::http_server> server;

  world() {
    std::filesystem::create_directories(folder);
    auto opened = state_store::open({folder + "/state", "dc1", false});
    REQUIRE(opened.ok());
    store = std::move(*opened);
    system_config.set("scheduler.policy", caf::atom("sharing")).set("scheduler.max-threads", 1);
    system = std::make_unique<caf::actor_system>(system_config);
    status->leader = true;
    status->lease_until = std::numeric_limits<int64_t>::max();
    watch = spawn_watch_actor(*system, status);
    router = system->spawn(applier, store.get(), watch, status);
    config.http_addrs = {listen_address{"127.0.0.1", 0, ""}};
    auto started = http::http_server::start(config, {*system, router, watch, agent_handle{}, nullptr, store.get(), status});
    REQUIRE(started.ok());
    server = std::move(*started);
  }
  ~world() {
    server->stop();
    server.reset();
    caf::anon_send_exit(router, caf::exit_reason::kill);
    caf::anon_send_exit(watch, caf::exit_reason::kill);
    router = nullptr;
    watch = nullptr;
    system.reset();
    store.reset();
    std::filesystem::remove_all(folder);
  }
  uint16_t port() const { return server->ports().at(0); }
};

std::string index_of(const std::string& answer) {
  size_t at = answer.find("X-Consul-Index: ");
  return at == answer.npos ? "" : answer.substr(at + 16, answer.find('\r', at) - at - 16);
}

} // namespace

TEST_CASE("the server serves what was written, in order, on one connection") {
  world w;
  client c(w.port());
  CHECK(c.body_of("PUT /v1/kv/a", "one") == "true");
  CHECK(c.body_of("GET /v1/kv/a?raw") == "one");
  // Pipelined: the write waits for Raft, the reads behind it wait for the write.
  c.send("PUT /v1/kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\ntwoGET /v1/kv/a?raw HTTP/1.1\r\nHost: h\r\n\r\n"
         "GET /v1/status/leader HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(c.answer().ends_with("true"));
  CHECK(c.answer().ends_with("two"));
  CHECK(c.answer().ends_with("\"127.0.0.1:8300\""));
}

TEST_CASE("equal blocked queries all get the one new answer, and nobody is woken by another key") {
  world w;
  client writer(w.port());
  REQUIRE(writer.body_of("PUT /v1/kv/watched", "1") == "true");
  writer.ask("GET /v1/kv/watched");
  std::string index = index_of(writer.answer());
  std::vector<std::unique_ptr<client>> watchers;
  for (int i = 0; i < 20; ++i) {
    watchers.push_back(std::make_unique<client>(w.port()));
    watchers.back()->ask("GET /v1/kv/watched?raw&wait=60s&index=" + index);
  }
  client leaver(w.port());
  leaver.ask("GET /v1/kv/watched?raw&wait=60s&index=" + index);
  ::shutdown(leaver.fd, SHUT_RDWR);
  REQUIRE(writer.body_of("PUT /v1/kv/other", "x") == "true");
  for (auto& each : watchers) {
    char byte;
    CHECK(::recv(each->fd, &byte, 1, MSG_DONTWAIT) == -1);
  }
  REQUIRE(writer.body_of("PUT /v1/kv/watched", "2") == "true");
  for (auto& each : watchers) CHECK(each->answer().ends_with("\r\n\r\n2"));
}

TEST_CASE("a blocked query whose time is up gets the answer as it is") {
  world w;
  client c(w.port());
  REQUIRE(c.body_of("PUT /v1/kv/still", "1") == "true");
  c.ask("GET /v1/kv/still?raw&wait=20ms&index=1000");
  CHECK(c.answer().ends_with("\r\n\r\n1"));
}

TEST_CASE("without a leader reads fail unless stale, and 405, 404, 301, 413 are Consul's") {
  world w;
  client c(w.port());
  w.status->leader = false;
  CHECK(c.body_of("GET /v1/kv/a") == "No cluster leader");
  c.ask("GET /v1/kv/a?stale");
  CHECK(c.answer().starts_with("HTTP/1.1 404 Not Found"));
  CHECK(c.body_of("POST /v1/kv/a") == "method POST not allowed");
  c.ask("GET /v1/nothing");
  CHECK(c.answer().starts_with("HTTP/1.1 404 Not Found"));
  c.ask("GET /v1/kv//a?x=1");
  CHECK(c.answer().find("Location: /v1/kv/a?x=1\r\n") != std::string::npos);
  c.ask("PUT /v1/kv/a", std::string(600000, 'x'));
  std::string refused = c.answer();
  CHECK(refused.starts_with("HTTP/1.1 413"));
  CHECK(refused.find("Connection: close") != std::string::npos);
  CHECK(c.answer().empty());
}

TEST_CASE("a write that asks for its index is told it, and any server that has applied as much shows it without a leader") {
  world w;
  client c(w.port());
  c.ask("PUT /v1/kv/own?at_least", "1");
  const std::string told = c.answer();
  const auto at = told.find("X-Consul-Index: ");
  REQUIRE(at != told.npos);
  const auto index = std::stoull(told.substr(at + 16));
  CHECK(index == w.store->applied_index().v);
  c.ask("PUT /v1/kv/other", "1");
  CHECK(c.answer().find("X-Consul-Index") == std::string::npos);
  w.status->leader = false;
  CHECK(c.body_of("GET /v1/kv/own?raw&at_least=" + std::to_string(index)) == "1");
  CHECK(c.body_of("GET /v1/kv/own?raw&at_least=" + std::to_string(index + 100)) == "No cluster leader"); // Raft is asked, here a dummy
  CHECK(c.body_of("GET /v1/kv/own?raw&at_least=x") == "Invalid at_least");
}

TEST_CASE("a catalog registration shows in catalog and health, and the kept answer is dropped when it changes") {
  world w;
  client c(w.port());
  REQUIRE(c.body_of("PUT /v1/catalog/register", R"({"Node":"n","Address":"10.0.0.1","Service":{"Service":"web","Port":1}})") == "true");
  std::string first = c.body_of("GET /v1/health/service/web");
  CHECK(first == c.body_of("GET /v1/health/service/web"));
  CHECK(first.find("\"Port\":1,") != std::string::npos);
  REQUIRE(c.body_of("PUT /v1/catalog/register", R"({"Node":"n","Address":"10.0.0.1","Service":{"Service":"web","Port":2}})") == "true");
  CHECK(c.body_of("GET /v1/health/service/web").find("\"Port\":2,") != std::string::npos);
  CHECK(c.body_of("GET /v1/catalog/services") == R"({"web":[]})");
}

TEST_CASE("stopping takes no time and leaves nobody waiting") {
  world w;
  client c(w.port());
  c.ask("GET /v1/kv/a?index=1&wait=60s");
  auto from = std::chrono::steady_clock::now();
  w.server->stop();
  CHECK(std::chrono::steady_clock::now() - from < std::chrono::milliseconds(500));
  CHECK(c.answer().empty());
}
