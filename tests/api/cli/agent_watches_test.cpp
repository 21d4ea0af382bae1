// Watches of an agent's configuration: what is refused and how, and that handlers run and end.
#include "api/watch/agent_watches.hpp"
#include "tests/support/eventually.hpp"
#include <arpa/inet.h>
#include <atomic>
#include <cstdio>
#include <doctest/doctest.h>
#include <fstream>
#include <sstream>
#include <sys/socket.h>
#include <unistd.h>

using namespace actord;
using namespace std::chrono_literals;

namespace {

node_config with(const std::string& watch) {
  node_config c;
  c.http_addrs = {{"127.0.0.1", 8500, ""}};
  c.watches = {*parse_json_value(watch)};
  return c;
}
std::string refusal(const std::string& watch) {
  auto read = watch::read_watches(with(watch));
  return read ? "" : read.err().text;
}

// Answers the first request with a view, the second (a handler's, or the wait for a change) not at all.
class one_view {
public:
  explicit one_view(std::string body) : body_(std::move(body)) {
    listen_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listen_, reinterpret_cast<sockaddr*>(&at), sizeof at);
    ::listen(listen_, 8);
    socklen_t length = sizeof at;
    ::getsockname(listen_, reinterpret_cast<sockaddr*>(&at), &length);
    port = ntohs(at.sin_port);
    thread_ = std::thread([this] {
      int fd = ::accept(listen_, nullptr, nullptr);
      read_head(fd);
      auto answer = "HTTP/1.1 200 OK\r\nX-Consul-Index: 7\r\nContent-Length: " + std::to_string(body_.size()) + "\r\n\r\n" + body_;
      ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
      second = read_head(fd);
      asked_again = true;
      char rest;
      while (::recv(fd, &rest, 1, 0) > 0) {} // until the watch ends
      ::close(fd);
    });
  }
  ~one_view() {
    ::shutdown(listen_, SHUT_RDWR);
    thread_.join();
    ::close(listen_);
  }
  int port = 0;
  std::atomic<bool> asked_again{false};
  std::string second; // once it has

private:
  static std::string read_head(int fd) {
    std::string out;
    char c;
    while (out.find("\r\n\r\n") == std::string::npos && ::recv(fd, &c, 1, 0) == 1) out += c;
    return out;
  }
  std::string body_;
  int listen_;
  std::thread thread_;
};

std::string await_file(const std::string& path) {
  std::string found;
  const bool came = test::eventually([&] {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    found = text.str();
    return found.ends_with("end\n");
  });
  return came ? found : "nothing came";
}

} // namespace

TEST_CASE("a watch that makes no sense is refused in Consul's words") {
  CHECK(refusal(R"({"type":"key","key":"a"})") == "Must define a watch handler");
  CHECK(refusal(R"({"type":"key","key":"a","handler":"x","args":["a"]})") == "Only one watch handler allowed");
  CHECK(refusal(R"({"type":"key","key":"a","handler_type":"foo"})") == "Handler type 'foo' not recognized");
  CHECK(refusal(R"({"type":"key","key":"a","handler_type":"http"})") ==
        R"(Failed to parse watch (map[string]interface {}{"key":"a"}): Handler type 'http' requires 'http_handler_config' to be set)");
  CHECK(refusal(R"({"type":"key","key":"a","args":[1]})") == "Watch args must be a list of strings");
  CHECK(refusal(R"({"type":"key","args":["x"]})") == R"(Failed to parse watch (map[string]interface {}{"args":"x"}): Must specify a single key to watch)");
  CHECK(refusal(R"({"type":"foo","args":["x"]})") == R"(Failed to parse watch (map[string]interface {}{"args":"x"}): Unsupported watch type: foo)");
  CHECK(refusal(R"({"args":["x"]})") == R"(Failed to parse watch (map[string]interface {}{"args":"x", "handler_type":"script"}): Watch type must be specified)");
  CHECK(refusal(R"({"type":"connect_roots","args":["x"]})") == "Watch type connect_roots is not allowed in agent config");
  CHECK(refusal(R"({"type":"key","key":"a","service":"x","args":["x"]})") ==
        R"(Failed to parse watch (map[string]interface {}{"service":"x"}): Invalid parameters: [service])");
  CHECK(refusal(R"({"type":"key","key":"a","handler_type":"http","http_handler_config":{"method":"PUT"}})") ==
        R"(Failed to parse watch (map[string]interface {}{"http_handler_config":map[string]interface {}{"method":"PUT"}, "key":"a"}): Failed to parse 'http_handler_config': Requires 'path' to be set)");
  CHECK(refusal(R"({"type":"service","service":"x","passingonly":"zz","args":["cat"]})") ==
        R"(Failed to parse watch (map[string]interface {}{"args":"cat", "passingonly":"zz"}): Expecting passingonly to be a boolean)");
  CHECK(refusal(R"({"type":"checks","service":"x","state":"any","args":["cat"]})") ==
        R"(Failed to parse watch (map[string]interface {}{"args":"cat"}): Cannot specify service and state)");
  auto c = with(R"({"type":"nodes","args":["x"]})");
  c.http_addrs.clear();
  CHECK(watch::read_watches(c).err().text == "watch plans require an HTTP or HTTPS endpoint");
}

TEST_CASE("all that a watch may say is read") {
  auto read = watch::read_watches(with(R"({"type":"service","service":"web","tag":["a","b"],"passingonly":true,"datacenter":"dc2","token":"t","stale":true,
    "handler_type":"http","http_handler_config":{"path":"http://h:1/x?y=z","method":"PUT","timeout":"3s","header":{"X":["1","2"]},"tls_skip_verify":true}})"));
  REQUIRE(read);
  auto& w = (*read)[0];
  CHECK(w.first.path == "/v1/health/service/web");
  CHECK(w.first.query == cli::query_list{{"tag", "a"}, {"tag", "b"}, {"passing", "1"}, {"dc", "dc2"}, {"stale", ""}});
  CHECK(w.token == "t");
  REQUIRE(w.http);
  CHECK(w.http->method == "PUT");
  CHECK(w.http->timeout == 3s);
  CHECK(w.http->header["X"].size() == 2);
}

TEST_CASE("a handler gets the view and its index, and the watch then waits for another") {
  char path[] = "/tmp/watchedXXXXXX";
  ::close(::mkstemp(path));
  {
    one_view agent(R"([{"Key":"a","Value":"aGk=","Flags":0,"LockIndex":0,"CreateIndex":5,"ModifyIndex":7}])");
    auto c = with(R"({"type":"key","key":"a","args":["sh","-c","cat > )" + std::string(path) + "; echo $CONSUL_INDEX end >> " + path + R"("]})");
    c.http_addrs[0].port = agent.port;
    watch::agent_watches watches;
    watches.replace(std::move(*watch::read_watches(c)), watch::own_api(c));
    CHECK(await_file(path) == "{\"Key\":\"a\",\"CreateIndex\":5,\"ModifyIndex\":7,\"LockIndex\":0,\"Flags\":0,\"Value\":\"aGk=\",\"Session\":\"\"}\n7 end\n");
    REQUIRE(test::eventually([&] { return agent.asked_again.load(); }));
    CHECK(agent.second.starts_with("GET /v1/kv/a?index=7 "));
  }
  std::remove(path);
}

TEST_CASE("a handler that does not end does not keep the agent from stopping") {
  char path[] = "/tmp/watchedXXXXXX";
  ::close(::mkstemp(path));
  one_view agent("{}");
  auto c = with(R"({"type":"services","handler":"echo end >)" + std::string(path) + R"(; sleep 600 & sleep 600"})");
  c.http_addrs[0].port = agent.port;
  watch::agent_watches watches;
  watches.replace(std::move(*watch::read_watches(c)), watch::own_api(c));
  CHECK(await_file(path) == "end\n");
  watches.stop();
  std::remove(path);
}

// Whoever reloads the configuration is the agent's actor: TTL updates wait behind it.
TEST_CASE("a handler's server that never answers keeps nobody from reloading or stopping") {
  const int silent = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t n = sizeof in;
  REQUIRE(::bind(silent, reinterpret_cast<sockaddr*>(&in), n) == 0);
  REQUIRE(::listen(silent, 4) == 0);
  ::getsockname(silent, reinterpret_cast<sockaddr*>(&in), &n);
  one_view agent("{}");
  auto c = with(R"({"type":"services","handler_type":"http","http_handler_config":{"path":"http://127.0.0.1:)" + std::to_string(ntohs(in.sin_port)) +
                R"(/","timeout":"600s"}})");
  c.http_addrs[0].port = agent.port;
  watch::agent_watches watches;
  watches.replace(std::move(*watch::read_watches(c)), watch::own_api(c));
  const int asked = ::accept4(silent, nullptr, nullptr, SOCK_CLOEXEC); // its request is under way
  REQUIRE(asked >= 0);
  watches.replace({}, watch::own_api(c)); // it would take ten minutes
  watches.stop();
  ::close(asked);
  ::close(silent);
}
