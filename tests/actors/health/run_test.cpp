// Runs of checks against real sockets and processes, on a loop in a thread of its own. No run waits for a clock except where a
// time-out is what is tested.
#include "actors/health/check_board.hpp"
#include "actors/health/dial.hpp"
#include "actors/health/script_start.hpp"
#include "actors/health/tls_contexts.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/hanging_program.hpp"
#include "tests/support/name_server.hpp"
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
  std::unique_ptr<net::name_resolver> names;
  std::unique_ptr<killed_processes> killed;
  std::unique_ptr<script_starts> scripts;
  tls_contexts tls{{}};
  run_context context;
  explicit bench(const std::string& name_servers = {})
      : names(std::make_unique<net::name_resolver>(*loop, name_servers)), killed(std::make_unique<killed_processes>(*loop)) {
    context.loop = loop.get();
    context.tls = &tls;
    context.resolve = resolve_by(*names);
    context.killed = killed.get();
    scripts = std::make_unique<script_starts>(*loop, *killed);
    context.scripts = scripts.get();
  }
  ~bench() {
    call([&] {
      names.reset();
      scripts.reset();
      killed.reset();
    });
  }
  // Until everything that was killed has ended.
  void wait_for_killed() {
    CHECK(test::eventually([&] {
      size_t left = 0;
      call([&] { left = killed->size(); });
      return left == 0;
    }));
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

TEST_CASE("checks on names whose server never answers hold up no other") {
  test::name_server servers({{"n1.test", ""}, {"n2.test", ""}, {"n3.test", ""}, {"n4.test", ""}, {"n5.test", ""}, {"n6.test", ""}, {"good.test", "127.0.0.1"}});
  bench b(servers.address());
  tiny_server s(b);
  s.answer = [](auto&) { return ok("there"); };
  std::vector<std::shared_ptr<check_run>> stuck;
  b.call([&] {
    for (int i = 1; i <= 6; ++i) {
      auto c = std::make_shared<check_registration>();
      c->http = "http://n" + std::to_string(i) + ".test/";
      stuck.push_back(make_run(b.context, c, [](const verdict&) { FAIL_CHECK("nobody answered"); }));
      stuck.back()->start();
    }
  });
  const auto url = "http://good.test:" + std::to_string(s.port) + "/";
  CHECK(b.http(url).output == "HTTP GET " + url + ": 200 OK Output: there");
  const verdict v = b.http("http://n7.test/");
  CHECK(v.status == "critical");
  CHECK(v.output == "Get \"http://n7.test/\": dial tcp: lookup n7.test: no such host");
  b.call([&] {
    for (auto& r : stuck) r->abort();
    stuck.clear();
  });
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

TEST_CASE("redirects are followed as Go follows them") {
  bench b;
  tiny_server s(b), other(b);
  other.answer = [](auto&) { return ok("other"); };
  s.answer = [&](const std::string& r) {
    const auto to = [](const char* status, const std::string& location) {
      return "HTTP/1.1 " + std::string(status) + "\r\n" + (location.empty() ? "" : "Location: " + location + "\r\n") + "Content-Length: 0\r\n\r\n";
    };
    if (r.find(" /d/up ") != r.npos) return to("307 X", "../x/./y?q=a b");
    if (r.find(" /get ") != r.npos) return to("302 X", other.at("/z"));
    if (r.find(" /same ") != r.npos) return to("308 X", other.at("/z"));
    if (r.find(" /none ") != r.npos) return to("301 X", "");
    if (r.find(" /stay ") != r.npos) return to("307 X", "");
    if (r.find(" /bad ") != r.npos) return to("302 X", "http://%zz/");
    if (r.find(" /ftp ") != r.npos) return to("302 X", "ftp://x/y");
    return ok("here");
  };
  const auto post = [&](const std::string& path) {
    check_registration c;
    c.http = s.at(path);
    c.method = "POST";
    c.body = "bb";
    c.header["Authorization"] = {"Basic x"};
    c.header["Host"] = {"me"};
    c.timeout = 10s;
    return b.run(std::move(c));
  };
  CHECK(post("/d/up").status == "passing");
  CHECK(s.requests.at(1).starts_with("POST /x/y?q=a b HTTP/1.1\r\nHost: me\r\n"));
  CHECK(s.requests.at(1).find("Authorization: Basic x\r\n") != std::string::npos);
  CHECK(s.requests.at(1).ends_with("\r\n\r\nbb"));
  CHECK(post("/get").output == "HTTP POST " + s.at("/get") + ": 200 OK Output: other");
  CHECK(post("/same").status == "passing");
  CHECK(other.requests.at(0).starts_with("GET /z HTTP/1.1\r\n"));
  CHECK(other.requests.at(0).find("Content-Length") == std::string::npos);
  CHECK(other.requests.at(0).find("Referer: " + s.at("/get") + "\r\n") != std::string::npos);
  CHECK(other.requests.at(1).starts_with("POST /z HTTP/1.1\r\n"));
  CHECK(other.requests.at(1).ends_with("\r\n\r\nbb"));
  for (auto& r : other.requests) {
    CHECK(r.find("Authorization") == std::string::npos);
    CHECK(r.find("Host: me") == std::string::npos);
  }
  CHECK(b.http(s.at("/none")).output == "Get \"" + s.at("/none") + "\": 301 response missing Location header");
  CHECK(b.http(s.at("/stay")).output.starts_with("HTTP GET " + s.at("/stay") + ": 307 "));
  CHECK(b.http(s.at("/bad")).output == "Get \"" + s.at("/bad") + "\": failed to parse Location header \"http://%zz/\": parse \"http://%zz/\": invalid URL escape \"%zz\"");
  CHECK(b.http(s.at("/ftp")).output == "Get \"ftp://x/y\": unsupported protocol scheme \"ftp\"");
}

TEST_CASE("a check's URL goes out escaped, with its user, or is refused in Go's words") {
  bench b;
  tiny_server s(b);
  s.answer = [](auto&) { return ok("x"); };
  CHECK(b.http(s.at("/a b{}|^`<>\"\xc3\xa9?a b")).status == "passing");
  CHECK(s.requests.at(0).starts_with("GET /a%20b%7B%7D%7C%5E%60%3C%3E%22%C3%A9?a b HTTP/1.1\r\n"));
  auto user = s.at("/u");
  user.insert(7, "user:p%61ss@");
  CHECK(b.http(user).status == "passing");
  CHECK(s.requests.at(1).find("Authorization: Basic dXNlcjpwYXNz\r\n") != std::string::npos);
  CHECK(b.http(s.at("/%zz")).output == "parse \"" + s.at("/%zz") + "\": invalid URL escape \"%zz\"");
  dead_port dead;
  const std::string where = "127.0.0.1:" + std::to_string(dead.port);
  CHECK(b.http("http://u:secret@" + where + "/").output == "Get \"http://u:***@" + where + "/\": dial tcp " + where + ": connect: connection refused");
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
  b.wait_for_killed();
  // Killed processes may be seen until init reaps them: a zombie runs no more.
  bool alive = kill(-group, 0) == 0;
  if (alive) {
    std::ifstream stat("/proc/" + std::to_string(group) + "/stat");
    alive = stat.good();
  }
  CHECK_FALSE(alive);
}

// The kernel lets no lease live longer than 45 s: what waits for one would be answered then.
TEST_CASE("a script that cannot be started for now holds up no other check") {
  test::hanging_program hanging;
  bench b;
  std::promise<void> late;
  auto c = std::make_shared<check_registration>();
  c->script_args = string_slice(std::vector<std::string>{hanging.path()});
  c->timeout = 60s;
  auto asks = [&](auto done) { return make_run(b.context, c, std::move(done)); };
  auto waits = asks([&](const verdict&) { late.set_value(); });
  const auto began = std::chrono::steady_clock::now();
  b.call([&] { waits->start(); });
  CHECK(b.script({"/bin/sh", "-c", "echo meanwhile"}).output == "meanwhile\n");
  CHECK(b.script({hanging.path()}, 100ms).output.starts_with("Timed out (100ms) running check"));
  auto dropped = asks([](const verdict&) { FAIL("nobody asks any more"); });
  b.call([&] { dropped->start(), dropped->abort(), dropped.reset(); });
  CHECK(std::chrono::steady_clock::now() - began < 30s);
  CHECK(late.get_future().wait_for(0s) == std::future_status::timeout);
}

TEST_CASE("a script that is started after all says its verdict; the agent's end waits for none") {
  bench b;
  std::promise<verdict> said;
  auto c = std::make_shared<check_registration>();
  std::shared_ptr<check_run> r;
  test::hanging_program hanging;
  c->script_args = string_slice(std::vector<std::string>{hanging.path()});
  c->timeout = 60s;
  b.call([&] {
    r = make_run(b.context, c, [&](verdict v) { said.set_value(std::move(v)); });
    r->start();
  });
  hanging.let_go();
  CHECK(said.get_future().get().output == "started\n");
  test::hanging_program another;
  CHECK(b.script({another.path()}, 10ms).status == "critical"); // its thread is left behind
}

TEST_CASE("ten thousand checks run within bounds, and stopping one silences it") {
  bench b;
  tiny_server s(b);
  std::map<std::string, int> said;
  size_t most = 0;
  std::promise<void> enough;
  bool over = false;
  check_board board(b.context, 50, 40, prng(1), [&](const std::string& id, const verdict&) {
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
    CHECK(most <= 50 + 40); // on a busy machine some take longer than a second
    CHECK_FALSE(said.contains("c1"));
    board.clear();
  });
}

// A process in the kernel's uninterruptible sleep does not end when it is killed; one that is not killed at all stands for it here.
TEST_CASE("nobody waits for a killed process that does not end") {
  bench b;
  const pid_t pid = fork();
  if (pid == 0) {
    pause();
    _exit(0);
  }
  REQUIRE(pid > 0);
  b.call([&] { b.killed->take(pid); });
  CHECK(b.script({"/bin/sh", "-c", "echo done"}).status == "passing");
  b.call([&] {
    CHECK(b.killed->size() == 1);
    kill(pid, SIGKILL);
  });
  b.wait_for_killed();
}

TEST_CASE("checks that hang hold up each other and no other check") {
  bench b;
  tiny_server silent(b), good(b);
  silent.answer = [](auto&) { return ""; };
  good.answer = [](auto&) { return ok("there"); };
  std::promise<void> passes;
  int passed = 0, given_up = 0;
  check_board board(b.context, 4, 3, prng(1), [&](const std::string& id, const verdict& v) {
    if (id == "good" && v.status == "passing" && ++passed == 1) passes.set_value();
    if (v.output.starts_with("Gave up after 1s")) ++given_up;
  });
  auto hangs = std::make_shared<check_registration>(), quick = std::make_shared<check_registration>();
  hangs->http = silent.at("/");
  quick->http = good.at("/");
  hangs->interval = quick->interval = 1s;
  hangs->timeout = 600s;
  b.call([&] {
    for (int i = 0; i < 20; ++i) board.start("hangs" + std::to_string(i), hangs);
    board.start("good", quick);
  });
  REQUIRE(passes.get_future().wait_for(60s) == std::future_status::ready);
  b.call([&] {
    CHECK(board.running() <= 7);
    board.clear();
  });
  CHECK(given_up > 0);
}

TEST_CASE("a gRPC server that sends frames and reads nothing is critical before its answers fill the memory") {
  bench b;
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t n = sizeof in;
  REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&in), n) == 0);
  REQUIRE(listen(listener, 1) == 0);
  getsockname(listener, reinterpret_cast<sockaddr*>(&in), &n);
  std::thread server([&] {
    const int c = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    const std::string settings("\0\0\0\4\0\0\0\0\0", 9), ping("\0\0\10\6\0\0\0\0\0abcdefgh", 17);
    std::string flood;
    for (int i = 0; i < 1000; ++i) flood += ping;
    for (ssize_t sent = ::send(c, settings.data(), settings.size(), MSG_NOSIGNAL); sent > 0;) sent = ::send(c, flood.data(), flood.size(), MSG_NOSIGNAL);
    close(c);
  });
  check_registration c;
  c.grpc = "127.0.0.1:" + std::to_string(ntohs(in.sin_port));
  c.timeout = 600s;
  const verdict v = b.run(std::move(c));
  CHECK(v.status == "critical");
  CHECK(v.output == "rpc error: code = Unavailable desc = the server sends frames and reads no answers");
  server.join();
  close(listener);
}
