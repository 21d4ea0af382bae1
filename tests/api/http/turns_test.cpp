// What one connection may take of a turn of its loop, on a front whose loop runs in the test's thread: nothing here depends on time.
#include "actors/state/watch_actor.hpp"
#include "api/http/front.hpp"
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace actord;

namespace {

constexpr std::string_view request_text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer_end = "Consul Agent";

struct client {
  int fd = -1;
  std::string got;
  size_t answers = 0, sent = 0;
  ~client() { ::close(fd); }
  void read() {
    char buffer[65536];
    for (ssize_t n; (n = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0;) got.append(buffer, static_cast<size_t>(n));
    size_t at = 0;
    for (size_t end; (end = got.find(answer_end, at)) != got.npos; ++answers) at = end + answer_end.size();
    got.erase(0, at);
  }
  bool write(std::string_view text) { return ::send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()); }
};

struct world {
  node_config config;
  caf::actor_system_config system_config;
  std::unique_ptr<caf::actor_system> system;
  std::shared_ptr<node_status> status = std::make_shared<node_status>();
  std::unique_ptr<net::io_loop> loop;
  std::unique_ptr<http::front> front;

  world() {
    system_config.set("scheduler.policy", caf::atom("sharing")).set("scheduler.max-threads", 1);
    system = std::make_unique<caf::actor_system>(system_config);
    loop = std::move(*net::io_loop::make());
    http::front_parts parts{.system = *system, .router = {}, .watch = {}, .agent = {}, .board = nullptr, .store = nullptr, .status = status, .rules = std::make_shared<const http::server_rules>(config),
                            .clients = std::make_shared<net::client_counts>(), .seed = 1, .cache_bytes = 0, .autopilot = nullptr, .cluster = {}};
    front = std::make_unique<http::front>(*loop, std::move(parts));
  }
  ~world() { front.reset(); }
  void connect(client& c) {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    c.fd = pair[0];
    front->accept(pair[1], "");
  }
};

// As many requests as fit into what the socket holds, whole ones or not.
void fill(client& c) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += request_text;
  for (ssize_t n; (n = ::send(c.fd, many.data() + c.sent % many.size(), many.size() - c.sent % many.size(), MSG_DONTWAIT | MSG_NOSIGNAL)) > 0;) c.sent += static_cast<size_t>(n);
}

} // namespace

TEST_CASE("between two requests of a client that asks one at a time, each that pipelines is served a few") {
  for (const size_t bad : {1, 4, 64}) {
    world w;
    std::vector<client> greedy(bad), good(8);
    for (auto& g : greedy) {
      w.connect(g);
      fill(g);
      REQUIRE(g.sent > 100 * request_text.size());
    }
    for (auto& g : good) {
      w.connect(g);
      REQUIRE(g.write(request_text));
    }
    size_t rounds = 0, of_bad = 0;
    w.loop->at_iteration_end([&] {
      size_t now = 0;
      for (auto& g : greedy) {
        g.read();
        fill(g);
        now += g.answers;
      }
      // The good ones are all served in the iteration that saw their requests, and the others meanwhile no more than their turn.
      CHECK(now - of_bad <= 8 * bad);
      of_bad = now;
      ++rounds;
      for (auto& g : good) {
        g.read();
        CHECK(g.answers == rounds);
        REQUIRE(g.write(request_text));
      }
      if (rounds == 40) w.loop->stop();
    });
    w.loop->run();
    CHECK(rounds >= 40);
    CHECK(of_bad >= rounds); // they go on, too
  }
}

TEST_CASE("a request that comes in pieces, behind others in the same bytes, is served like those that come whole") {
  world w;
  client c;
  w.connect(c);
  std::string all;
  for (int i = 0; i < 100; ++i) all += request_text;
  size_t at = 0;
  w.loop->at_iteration_end([&] {
    c.read();
    if (at < all.size()) {
      const size_t n = std::min<size_t>(997, all.size() - at);
      REQUIRE(c.write(std::string_view(all).substr(at, n)));
      at += n;
    }
    if (c.answers == 100) w.loop->stop();
  });
  w.loop->post([] {});
  w.loop->run();
  CHECK(c.answers == 100);
}

TEST_CASE("a client that ends its side behind what it asked gets all answers") {
  world w;
  client c;
  w.connect(c);
  for (int i = 0; i < 50; ++i) REQUIRE(c.write(request_text));
  ::shutdown(c.fd, SHUT_WR);
  w.loop->at_iteration_end([&] {
    c.read();
    if (w.front->connections() == 0) w.loop->stop();
  });
  w.loop->run();
  CHECK(c.answers == 50);
}
