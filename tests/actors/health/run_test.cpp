// Runs of checks against real sockets and processes, on a loop in a thread of its own. No run waits for a clock except where a
// time-out is what is tested.
#include "actors/health/check_board.hpp"
#include "actors/health/dial.hpp"
#include <arpa/inet.h>
#include <csignal>
#include <doctest/doctest.h>
#include <fstream>
#include <future>
#include <map>
#include <sys/epoll.h>
#include <thread>
#include <unistd.h>

using namespace actord;
using namespace actord::health;
using namespace std::chrono_literals;

namespace {

struct loop_thread {
  std::unique_ptr<net::io_loop> loop = std::move(*net::io_loop::make());
  std::thread thread{[this] { loop->run(); }};
  ~loop_thread() {
    loop->stop();
    thread.join();
  }
  // In the loop's thread, and waits for it.
  void call(const std::function<void()>& f) {
    std::promise<void> done;
    loop->post([&] {
      f();
      done.set_value();
    });
    done.get_future().get();
  }
};

// Answers each connection by what `answer` makes of the request's head; closes afterwards.
class tiny_server : public net::io_handler {
public:
  std::function<std::string(const std::string& request)> answer;
  std::vector<std::string> requests;
  explicit tiny_server(loop_thread& t) : thread_(t), loop_(*t.loop) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&in), sizeof in) == 0);
    REQUIRE(listen(fd_, 64) == 0);
    socklen_t n = sizeof in;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&in), &n);
    port = ntohs(in.sin_port);
    thread_.call([&] { (void)loop_.watch(fd_, EPOLLIN, this); });
  }
  ~tiny_server() override {
    thread_.call([&] {
      loop_.unwatch(fd_, this);
      peers_.clear();
    });
    close(fd_);
  }
  void on_io(uint32_t) override {
    const int c = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (c < 0) return;
    peers_.push_back(std::make_unique<peer>(*this, c));
  }
  std::string at(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port) + path; }
  uint16_t port = 0;

private:
  struct peer : net::io_handler {
    tiny_server& s;
    int fd;
    std::string in;
    peer(tiny_server& server, int f) : s(server), fd(f) { (void)s.loop_.watch(fd, EPOLLIN, this); }
    ~peer() override { done(); }
    void done() {
      if (fd < 0) return;
      s.loop_.unwatch(fd, this);
      close(std::exchange(fd, -1));
    }
    void on_io(uint32_t) override {
      char buffer[4096];
      const ssize_t n = read(fd, buffer, sizeof buffer);
      if (n <= 0) return done();
      in.append(buffer, static_cast<size_t>(n));
      if (in.find("\r\n\r\n") == std::string::npos) return;
      s.requests.push_back(in);
      const std::string out = s.answer(in);
      if (out.empty()) return; // stays silent
      (void)!write(fd, out.data(), out.size());
      done();
    }
  };
  loop_thread& thread_;
  net::io_loop& loop_;
  int fd_;
  std::vector<std::unique_ptr<peer>> peers_;
};

struct bench : loop_thread {
  run_context context;
  bench() {
    context.loop = loop.get();
    context.resolve = [](const std::string& host, uint16_t port, resolved done) { done(resolve_blocking(host, port)); };
  }
  verdict run(check_registration c) {
    std::promise<verdict> said;
    std::shared_ptr<check_run> r;
    call([&] {
      r = make_run(context, std::make_shared<const check_registration>(std::move(c)), [&](verdict v) { said.set_value(std::move(v)); });
      r->start();
    });
    verdict v = said.get_future().get();
    call([&] { r.reset(); });
    return v;
  }
  verdict http(const std::string& url, nanos timeout = 10s) {
    check_registration c;
    c.http = url;
    c.timeout = timeout;
    return run(std::move(c));
  }
  verdict script(std::vector<std::string> args, nanos timeout = 30s) {
    check_registration c;
    c.script_args = string_slice(std::move(args));
    c.timeout = timeout;
    return run(std::move(c));
  }
};

std::string ok(const std::string& body, const std::string& status = "200 OK") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// A port on which nobody listens, held so that nobody else takes it.
struct dead_port {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  uint16_t port = 0;
  dead_port() {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t n = sizeof in;
    REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&in), n) == 0);
    getsockname(fd, reinterpret_cast<sockaddr*>(&in), &n);
    port = ntohs(in.sin_port);
  }
  ~dead_port() { close(fd); }
};

} // namespace

TEST_CASE("an HTTP check asks as Consul does and quotes the answer") {
  bench b;
  tiny_server s(b);
  s.answer = [](auto&) { return ok("hello\n"); };
  CHECK(b.http(s.at("/ok")).output == "HTTP GET " + s.at("/ok") + ": 200 OK Output: hello\n");
  CHECK(s.requests.at(0).starts_with("GET /ok HTTP/1.1\r\n"));
  CHECK(s.requests.at(0).find("User-Agent: Consul Health Check\r\n") != std::string::npos);
  CHECK(s.requests.at(0).find("Accept: text/plain, text/*, */*\r\n") != std::string::npos);
}

TEST_CASE("an HTTP check sends its method, headers, host and body") {
  bench b;
  tiny_server s(b);
  s.answer = [](auto&) { return ok("", "429 Too Many Requests"); };
  check_registration c;
  c.http = s.at("/p");
  c.method = "post";
  c.body = "bb";
  c.header["Host"] = {"foo"};
  c.header["x-y"] = {"1", "2"};
  const verdict v = b.run(c);
  CHECK(v.status == "warning");
  const std::string& r = s.requests.at(0);
  CHECK(r.starts_with("POST /p HTTP/1.1\r\n"));
  CHECK(r.find("Host: foo\r\n") != std::string::npos);
  CHECK(r.find("x-y: 1\r\n") != std::string::npos);
  CHECK(r.find("x-y: 2\r\n") != std::string::npos);
  CHECK(r.ends_with("\r\n\r\nbb"));
}

TEST_CASE("redirects are followed ten times at most") {
  bench b;
  tiny_server s(b);
  s.answer = [](const std::string& r) {
    if (r.starts_with("GET /redir ")) return std::string("HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
    if (r.starts_with("GET /loop ")) return std::string("HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n");
    return ok("there");
  };
  CHECK(b.http(s.at("/redir")).output == "HTTP GET " + s.at("/redir") + ": 200 OK Output: there");
  s.requests.clear();
  const verdict v = b.http(s.at("/loop"));
  CHECK(v.status == "critical");
  CHECK(v.output == "Get \"/loop\": stopped after 10 redirects");
  CHECK(s.requests.size() == 10);
}

TEST_CASE("HTTP failures speak Go") {
  bench b;
  dead_port dead;
  const std::string where = "127.0.0.1:" + std::to_string(dead.port);
  CHECK(b.http("http://" + where + "/").output == "Get \"http://" + where + "/\": dial tcp " + where + ": connect: connection refused");
  CHECK(b.http("::bad").output == "parse \"::bad\": missing protocol scheme");
  tiny_server s(b);
  s.answer = [](auto&) { return std::string(); };
  CHECK(b.http(s.at("/slow"), 50ms).output ==
        "Get \"" + s.at("/slow") + "\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)");
  s.answer = [](auto&) { return std::string("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"); };
  CHECK(b.http(s.at("/cut")).output == "HTTP GET " + s.at("/cut") + ": 200 OK Output: abc");
}

TEST_CASE("a body longer than the cap is cut to its end") {
  bench b;
  tiny_server s(b);
  s.answer = [](auto&) { return ok(std::string(5000, 'x') + "end"); };
  const verdict v = b.http(s.at("/big"));
  CHECK(v.output.size() == ("HTTP GET " + s.at("/big") + ": 200 OK Output: ").size() + 4096);
  CHECK(v.output.ends_with("xend"));
}

TEST_CASE("TCP checks connect, and say so or why not") {
  bench b;
  tiny_server s(b);
  dead_port dead;
  check_registration c;
  c.tcp = "localhost:" + std::to_string(s.port);
  CHECK(b.run(c).output == "TCP connect " + c.tcp + ": Success");
  c.tcp = "127.0.0.1:" + std::to_string(dead.port);
  CHECK(b.run(c).output == "dial tcp " + c.tcp + ": connect: connection refused");
  c.tcp = "noport";
  CHECK(b.run(c).output == "dial tcp: address noport: missing port in address");
}

TEST_CASE("a script's exit code is its status, its words the output") {
  bench b;
  CHECK(b.script({"/bin/sh", "-c", "echo out; echo err >&2"}).output == "out\nerr\n");
  CHECK(b.script({"/bin/sh", "-c", "echo w; exit 1"}).status == "warning");
  CHECK(b.script({"/bin/sh", "-c", "exit 2"}).status == "critical");
  CHECK(b.script({"/bin/sh", "-c", "kill -9 $$"}).status == "critical");
  CHECK(b.script({"/bin/nonexist"}).output == "fork/exec /bin/nonexist: no such file or directory");
  CHECK(b.script({"/bin/sh", "-c", "yes | head -c 10000"}).output.starts_with("Captured 4096 of 10000 bytes\n...\n"));
}

TEST_CASE("a script that takes too long is killed with its children") {
  bench b;
  const verdict v = b.script({"/bin/sh", "-c", "echo $$; sleep 100 & wait"}, 200ms);
  CHECK(v.status == "critical");
  CHECK(v.output.starts_with("Timed out (200ms) running check\n\n"));
  const int group = std::atoi(v.output.substr(v.output.rfind("\n\n") + 2).c_str());
  REQUIRE(group > 1);
  // Killed processes may be seen until init reaps them: a zombie runs no more.
  bool alive = kill(-group, 0) == 0;
  if (alive) {
    std::ifstream stat("/proc/" + std::to_string(group) + "/stat");
    alive = stat.good();
  }
  CHECK_FALSE(alive);
}

TEST_CASE("ten thousand checks run within bounds, and stopping one silences it") {
  bench b;
  tiny_server s(b);
  std::map<std::string, int> said;
  size_t most = 0;
  std::promise<void> enough;
  bool over = false;
  check_board board(b.context, 50, prng(1), [&](const std::string& id, const verdict&) {
    ++said[id];
    most = std::max(most, board.running());
    if (said.size() >= 3000 && !std::exchange(over, true)) enough.set_value();
  });
  auto c = std::make_shared<check_registration>();
  c->tcp = "127.0.0.1:" + std::to_string(s.port);
  c->interval = 1s;
  b.call([&] {
    for (int i = 0; i < 10000; ++i) board.start("c" + std::to_string(i), c);
    CHECK(board.size() == 10000);
    board.stop("c1");
  });
  enough.get_future().get();
  b.call([&] {
    CHECK(most <= 50);
    CHECK_FALSE(said.contains("c1"));
    board.clear();
  });
}
