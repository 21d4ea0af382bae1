#include "actors/messages/messages.hpp"
#include "actors/state/watch_actor.hpp"
#include "api/http/http_server.hpp"
#include "storage/state/store.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/failing_state.hpp"
#include <arpa/inet.h>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
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
    store->internals().damaged = false; // a node would have started anew; a test writes on
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
  explicit client(uint16_t port, const char* from = nullptr) : fd(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    if (from) {
      REQUIRE(::inet_pton(AF_INET, from, &a.sin_addr) == 1);
      REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
    }
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

  explicit world(size_t memory = 0) {
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
    auto started = http::http_server::start(config, {*system, router, watch, agent_handle{}, nullptr, store.get(), status, nullptr, {}, memory});
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
  CHECK(c.body_of("GET /v1/kv/a?stale") == "No cluster leader"); // none was ever heard of
  w.status->leader_heard = 1;
  w.status->catching_up = true;
  CHECK(c.body_of("GET /v1/kv/a?stale") == "No cluster leader");
  w.status->catching_up = false;
  c.ask("GET /v1/kv/a?stale&max_stale=1s");
  CHECK(c.answer().ends_with("No cluster leader"));
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

TEST_CASE("what cannot be read is 500 wherever it is asked for, is not kept, and is there when it can be read again") {
  world w;
  {
    client c(w.port());
    REQUIRE(c.body_of("PUT /v1/kv/a", "one") == "true");
    REQUIRE(c.body_of("PUT /v1/catalog/register", R"({"Node":"n1","Address":"10.0.0.1","Service":{"Service":"web"},"Check":{"Name":"c","ServiceID":"web"}})") == "true");
    REQUIRE(c.body_of("PUT /v1/operator/autopilot/configuration", "{}") == "true");
  }
  const std::string paths[] = {"/v1/kv/a", "/v1/kv/a?raw", "/v1/kv/?recurse", "/v1/kv/?keys", "/v1/catalog/nodes", "/v1/catalog/services", "/v1/catalog/service/web",
                               "/v1/catalog/node/n1", "/v1/catalog/node-services/n1", "/v1/health/node/n1", "/v1/health/checks/web", "/v1/health/state/any",
                               "/v1/health/service/web", "/v1/health/service/web?cached", "/v1/session/list", "/v1/session/node/n1",
                               "/v1/session/info/adf4238a-882b-9ddc-4a9d-5b6758e4159e", "/v1/coordinate/nodes", "/v1/operator/autopilot/configuration",
                               "/v1/kv/a?index=1&wait=10s", "/v1/health/service/web?index=1&wait=10s"};
  const std::string ops = R"([{"KV":{"Verb":"get","Key":"a"}}])";
  {
    test::no_readers_left hogs(*w.store);
    client c(w.port());
    for (int round = 0; round < 2; ++round) {
      for (auto& path : paths) {
        CAPTURE(path);
        c.ask("GET " + path);
        auto a = c.answer();
        CHECK(a.starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
        CHECK(a.ends_with("\r\n\r\nfailed to read the state: beginning a read transaction: MDB_READERS_FULL: Environment maxreaders limit reached"));
      }
      c.ask("PUT /v1/txn", ops);
      CHECK(c.answer().starts_with("HTTP/1.1 500"));
    }
  }
  client c(w.port());
  for (auto& path : paths) {
    CAPTURE(path);
    c.ask("GET " + path);
    CHECK(c.answer().starts_with("HTTP/1.1 200 OK\r\n"));
  }
  CHECK(c.body_of("GET /v1/kv/a?raw") == "one");
  CHECK(c.body_of("PUT /v1/txn", ops).find("\"Key\":\"a\"") != std::string::npos);
}

TEST_CASE("a blocked query whose look fails is told so, not that all is gone") {
  world w;
  client c(w.port());
  REQUIRE(c.body_of("PUT /v1/kv/p/a", "1") == "true");
  c.ask("GET /v1/kv/p/?recurse");
  const auto index = index_of(c.answer());
  client watcher(w.port());
  watcher.ask("GET /v1/kv/p/?recurse&wait=60s&index=" + index);
  test::damage(*w.store, &state::tables::kvs, "p/a", "\xc1 no record");
  REQUIRE(c.body_of("PUT /v1/kv/p/b", "2") == "true");
  auto a = watcher.answer();
  CHECK(a.starts_with("HTTP/1.1 500"));
  CHECK(a.ends_with("failed to read the state: a key/value entry: MDB_CORRUPTED: Located page was wrong type"));
}

namespace {
// Threads for what would hold up a loop: there is none before the first such request.
size_t threads_elsewhere() {
  size_t n = 0;
  for (auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    n += name == "long-read";
  }
  return n;
}

std::string repeated(std::string_view one, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += one;
  return out;
}
} // namespace

TEST_CASE("a long body is decoded in another thread, with the answer, the refusal and the order of a short one") {
  world w;
  client c(w.port());
  CHECK(c.body_of("PUT /v1/txn", R"([{"KV":{"Verb":"set","Key":"a","Value":"YQ=="}}])").find("\"Errors\":null") != std::string::npos);
  CHECK(c.body_of("PUT /v1/catalog/register?dc=dc1", R"({"Node":"n","Address":"1.2.3.4"})") == "true");
  CHECK(threads_elsewhere() == 0);
  const std::string spaces(20000, ' ');
  SUBCASE("a transaction") {
    const auto done = c.body_of("PUT /v1/txn", R"([{"KV":{"Verb":"set","Key":"b","Value":"Yg=="}}])" + spaces);
    CHECK(done.find("\"Errors\":null") != std::string::npos);
    CHECK(c.body_of("GET /v1/kv/b?raw") == "b");
    CHECK(c.body_of("PUT /v1/txn", "[" + repeated("{},", 9000) + "{}]") == "Transaction contains too many operations (9001 > 64)");
    CHECK(c.body_of("PUT /v1/txn", "[" + spaces).starts_with("Failed to parse body: "));
    CHECK(c.body_of("PUT /v1/txn?dc=dc9", "[]" + spaces) == "No path to datacenter");
    CHECK(c.body_of("PUT /v1/txn", R"([{"KV":{"Verb":"get","Key":"b"}}])" + spaces).find("\"Value\":\"Yg==\"") != std::string::npos);
  }
  SUBCASE("the catalog, a session, and what is sent behind it") {
    CHECK(c.body_of("PUT /v1/catalog/register?dc=dc9", R"({"Node":"m","Address":"1.2.3.4"})" + spaces).find("No path to datacenter") != std::string::npos);
    CHECK(c.body_of("PUT /v1/catalog/register", R"({"Node":"m"})" + spaces).find("Must provide address") != std::string::npos);
    CHECK(c.body_of("PUT /v1/session/create", R"({"Node":"n","Checks":[]})" + spaces).starts_with("{\"ID\":\""));
    CHECK(c.body_of("PUT /v1/session/create", R"({"Node":)" + spaces).starts_with("Request decode failed: "));
    c.ask("PUT /v1/catalog/register", R"({"Node":"m","Address":"1.2.3.4"})" + spaces);
    c.ask("GET /v1/catalog/nodes"); // pipelined
    CHECK(c.answer().ends_with("true"));
    CHECK(c.answer().find("\"Node\":\"m\"") != std::string::npos);
    CHECK(c.body_of("PUT /v1/catalog/deregister", R"({"Node":"m"})" + spaces) == "true");
    client gone(w.port());
    gone.ask("PUT /v1/catalog/register", R"({"Node":"late","Address":"1.2.3.4"})" + spaces);
  }
  CHECK(threads_elsewhere() > 0);
  CHECK(c.body_of("GET /v1/kv/a?raw") == "a");
}

TEST_CASE("a first look at many rows, and one with patterns, is not made in the loop") {
  world w;
  client c(w.port());
  const auto put = [&](int i) { CHECK(c.body_of("PUT /v1/catalog/register", R"({"Node":"n)" + std::to_string(i) + R"(","Address":"1.2.3.4","Service":{"Service":"many"}})") == "true"); };
  for (int i = 0; i < 20; ++i) put(i);
  const auto rows = [&](const std::string& path, std::string_view field) {
    const auto body = c.body_of("GET " + path);
    size_t n = 0;
    for (auto at = body.find(field); at != body.npos; at = body.find(field, at + 1)) ++n;
    return n;
  };
  CHECK(rows("/v1/catalog/service/many?filter=Node!=n1", "\"Address\"") == 19);
  CHECK(threads_elsewhere() == 0);
  SUBCASE("a pattern") {
    CHECK(rows("/v1/catalog/service/many?filter=Node%20matches%20%22n1.%22", "\"Address\"") == 10);
    CHECK(threads_elsewhere() > 0);
  }
  SUBCASE("many") {
    for (int i = 20; i < 700; ++i) put(i);
    CHECK(threads_elsewhere() == 0);
    std::string path, field = "\"ModifyIndex\"";
    SUBCASE("instances") { path = "/v1/catalog/service/many"; }
    SUBCASE("instances with checks") { path = "/v1/health/service/many", field = "\"Checks\""; }
    SUBCASE("nodes") { path = "/v1/catalog/nodes"; }
    CHECK(rows(path, field) == 700);
    CHECK(threads_elsewhere() > 0);
  }
}

TEST_CASE("what is looked at in another thread is what its client asked for, whatever others ask meanwhile") {
  world w;
  client c(w.port());
  for (int i = 0; i < 8; ++i)
    CHECK(c.body_of("PUT /v1/catalog/register", R"({"Node":"n)" + std::to_string(i) + R"(","Address":"1.2.3.4","Service":{"Service":"s"}})") == "true");
  std::vector<std::unique_ptr<client>> all;
  for (int i = 0; i < 8; ++i) all.push_back(std::make_unique<client>(w.port()));
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 8; ++i) {
      std::string filter;
      for (int n = 0; n < 400; ++n) filter += "Node%20==%20%22m" + std::to_string(i) + "_" + std::to_string(n) + "%22%20or%20";
      all[static_cast<size_t>(i)]->ask("GET /v1/catalog/service/s?filter=" + filter + "Node%20==%20%22n" + std::to_string(i) + "%22");
    }
    for (int i = 0; i < 8; ++i) {
      const auto a = all[static_cast<size_t>(i)]->answer();
      REQUIRE(a.find("\"Node\":\"n" + std::to_string(i) + "\"") != a.npos);
      REQUIRE(a.find("\"Node\"") == a.rfind("\"Node\"")); // one row
    }
  }
}

TEST_CASE("unfinished requests are bounded in all, and it is who makes us hold the most that goes") {
  world w(32 << 20); // shared by the loops, of which there are at most four
  const std::string head = "PUT /v1/agent/service/register HTTP/1.1\r\nHost: h\r\nContent-Length: 4000000\r\n\r\n", part(3'500'000, ' ');
  std::vector<std::unique_ptr<client>> good, greedy;
  for (int i = 0; i < 4; ++i) good.emplace_back(std::make_unique<client>(w.port(), "127.0.0.1"))->send("PUT /v1/txn HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\n" + part.substr(0, 499'998));
  const auto ended = [](client& c) {
    char byte;
    const ssize_t n = ::recv(c.fd, &byte, 1, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN);
  };
  const auto any_ended = [&] { return std::any_of(greedy.begin(), greedy.end(), [&](auto& c) { return ended(*c); }); };
  for (int i = 0; i < 40 && !any_ended(); ++i) {
    auto& c = *greedy.emplace_back(std::make_unique<client>(w.port(), "127.0.0.2"));
    const std::string request = head + part;
    (void)!::send(c.fd, request.data(), request.size(), MSG_NOSIGNAL);
  }
  CHECK(test::eventually(any_ended));
  for (auto& c : good) {
    c->send("[]");
    CHECK(c->answer().find("\"Errors\":null") != std::string::npos);
  }
}

TEST_CASE("the asterisk form is refused as by Go's mux") {
  world w;
  client c(w.port());
  c.send("GET * HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto a = c.answer();
  CHECK(a.starts_with("HTTP/1.1 400 Bad Request\r\n"));
  CHECK(a.find("Connection: close\r\n") != std::string::npos);
  CHECK(c.answer().empty()); // closed
  client old(w.port());
  old.send("GET * HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(old.answer().find("Connection: close") == std::string::npos);
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
