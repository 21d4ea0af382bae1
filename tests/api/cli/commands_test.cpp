#include "api/cli/cli_main.hpp"
#include "api/cli/command.hpp"
#include "api/cli/table.hpp"
#include "api/watch/plan.hpp"
#include "runtime/net/child.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/hanging_program.hpp"
#include <arpa/inet.h>
#include <atomic>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <map>
#include <poll.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace actord;
using namespace actord::cli;

namespace {

// Answers connections one after the other with canned answers, and keeps what was asked.
class responder {
public:
  explicit responder(std::vector<std::string> answers) : answers_(std::move(answers)) {
    listen_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listen_, reinterpret_cast<sockaddr*>(&at), sizeof at);
    ::listen(listen_, 8);
    socklen_t length = sizeof at;
    ::getsockname(listen_, reinterpret_cast<sockaddr*>(&at), &length);
    port = ntohs(at.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~responder() {
    ::shutdown(listen_, SHUT_RDWR);
    thread_.join();
    ::close(listen_);
  }
  uint16_t port = 0;
  std::vector<std::string> asked; // read after the command has ended

private:
  void serve() {
    for (auto& answer : answers_) {
      int fd = ::accept(listen_, nullptr, nullptr);
      if (fd < 0) return;
      std::string request;
      char piece[4096];
      size_t wanted = std::string::npos;
      while (request.size() < wanted) {
        auto n = ::recv(fd, piece, sizeof piece, 0);
        if (n <= 0) break;
        request.append(piece, static_cast<size_t>(n));
        auto head = request.find("\r\n\r\n");
        if (head == std::string::npos) continue;
        auto length = request.find("Content-Length: ");
        wanted = head + 4 + (length < head ? std::stoul(request.substr(length + 16)) : 0);
      }
      asked.push_back(request);
      ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::close(fd);
    }
  }
  std::vector<std::string> answers_;
  int listen_;
  std::thread thread_;
};

std::string answer(int code, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(code) + " X\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nX-Consul-Index: 7\r\nConnection: close\r\n\r\n" + body;
}

struct ran {
  int code = 0;
  std::string out, err;
  std::vector<std::string> asked;
};

ran run(std::vector<std::string> args, std::vector<std::string> answers = {}, const std::string& input = {}) {
  ran r;
  {
    responder agent(std::move(answers));
    cli_io io{[&](std::string_view t) { r.out += t; }, [&](std::string_view t) { r.err += t; }, [&] { return input; },
              [&](const char* name) {
                return std::string(name) == "CONSUL_HTTP_ADDR" ? "127.0.0.1:" + std::to_string(agent.port) : std::string();
              }};
    r.code = run_command_line(args, io, {});
    r.asked = agent.asked;
  }
  return r;
}

} // namespace

TEST_CASE("an unknown command and no command say what there is on stderr and exit with 127") {
  for (auto& args : std::vector<std::vector<std::string>>{{}, {"nope"}, {"acl"}, {"snapshot", "save"}}) {
    auto r = run(args);
    CHECK(r.code == 127);
    CHECK(r.out.empty());
    CHECK(r.err.starts_with("Usage: consul [--version] [--help] <command> [<args>]\n\nAvailable commands are:\n"));
  }
}

TEST_CASE("a group alone prints its help on stderr and exits with 1, and with -h on stdout and 0") {
  auto r = run({"kv"});
  CHECK(r.code == 1);
  CHECK(r.err.find("Subcommands:\n    delete    Removes") != std::string::npos);
  r = run({"kv", "-h"});
  CHECK(r.code == 0);
  CHECK(r.out.starts_with("Usage: consul kv <subcommand>"));
}

TEST_CASE("every command has help, on stdout and with 0") {
  for (auto& c : command_table()) {
    std::vector<std::string> args;
    std::string word;
    for (char ch : std::string(c.path) + " ")
      if (ch == ' ') args.push_back(std::exchange(word, {}));
      else word += ch;
    args.emplace_back("--help");
    auto r = run(args);
    CHECK(r.code == 0);
    CHECK(r.out.starts_with("Usage: consul " + std::string(c.path)));
    CHECK(r.err.empty());
  }
}

TEST_CASE("an unknown flag prints Go's usage and exits with 1") {
  auto r = run({"version", "-bad"});
  CHECK(r.code == 1);
  CHECK(r.err == "flag provided but not defined: -bad\nUsage:\n  -format string\n    \tOutput format {pretty|json} (default \"pretty\")\n");
  CHECK(run({"catalog", "nodes", "-node-meta=ab"}).err.starts_with("invalid value \"ab\" for flag -node-meta: Missing \"=\" value in argument: ab\nUsage:\n"));
}

TEST_CASE("kv get prints the value, its details, or that there is none") {
  const std::string entry = R"([{"LockIndex":0,"Key":"a","Flags":42,"Value":"aGk=","CreateIndex":5,"ModifyIndex":6}])";
  auto r = run({"kv", "get", "/a"}, {answer(200, entry)});
  CHECK(r.out == "hi\n");
  CHECK(r.asked[0].starts_with("GET /v1/kv/a HTTP/1.1\r\n"));
  CHECK(run({"kv", "get", "-detailed", "a"}, {answer(200, entry)}).out ==
        "CreateIndex      5\nFlags            42\nKey              a\nLockIndex        0\nModifyIndex      6\nSession          -\nValue            hi\n");
  r = run({"kv", "get", "a"}, {answer(404, "")});
  CHECK(r.code == 1);
  CHECK(r.err == "Error! No key exists at: a\n");
  CHECK(run({"kv", "get", "a"}, {answer(500, "why")}).err == "Error querying Consul agent: Unexpected response code: 500\n");
}

TEST_CASE("kv put escapes the key as Go does and says what the agent refused") {
  auto r = run({"kv", "put", "-flags=1", "sp ace/é?#%", "-"}, {answer(200, "true")}, "from stdin");
  CHECK(r.code == 0);
  CHECK(r.asked[0].starts_with("PUT /v1/kv/sp%20ace/%C3%A9%3F%23%25?flags=1 HTTP/1.1\r\n"));
  CHECK(r.asked[0].ends_with("\r\n\r\nfrom stdin"));
  CHECK(r.out == "Success! Data written to: sp ace/é?#%\n");
  r = run({"kv", "put", "-cas", "-modify-index=3", "a", "b"}, {answer(200, "false")});
  CHECK(r.code == 1);
  CHECK(r.err == "Error! Did not write to a: CAS failed\n");
  CHECK(run({"kv", "put", "a", "b"}, {answer(500, "why")}).err == "Error! Failed writing data: Unexpected response code: 500 (why)\n");
}

TEST_CASE("a file that cannot be read is not written as an empty value, and a token file that cannot be read is no empty token") {
  auto r = run({"kv", "put", "a", "@/tmp"}, {});
  CHECK(r.code == 1);
  CHECK(r.err == "Error! Failed to read file: read /tmp: is a directory\n");
  CHECK(run({"kv", "put", "a", "@/nowhere"}, {}).err == "Error! Failed to read file: open /nowhere: no such file or directory\n");
  r = run({"kv", "put", "-token-file=/tmp", "a", "b"}, {});
  CHECK(r.code == 1);
  CHECK(r.err.find("Error loading token file: read /tmp: is a directory") != std::string::npos);
}

TEST_CASE("kv import writes what kv export prints") {
  auto out = run({"kv", "export", "a"}, {answer(200, R"([{"Key":"a","Flags":7,"Value":"aGk="}])")});
  CHECK(out.out == "[\n\t{\n\t\t\"key\": \"a\",\n\t\t\"flags\": 7,\n\t\t\"value\": \"aGk=\"\n\t}\n]\n");
  auto in = run({"kv", "import", "-"}, {answer(200, "true")}, out.out);
  CHECK(in.out == "Imported: a\n");
  CHECK(in.asked[0].starts_with("PUT /v1/kv/a?flags=7 "));
  CHECK(in.asked[0].ends_with("\r\n\r\nhi"));
}

TEST_CASE("members are a table, and no match exits with 2 without a word") {
  const std::string one = R"([{"Name":"n1","Addr":"127.0.0.1","Port":8301,"Tags":{"role":"consul","build":"1.8.7:","vsn":"2","dc":"dc1"},"Status":1}])";
  CHECK(run({"members"}, {answer(200, one)}).out ==
        "Node  Address         Status  Type    Build  Protocol  DC   Segment\nn1    127.0.0.1:8301  alive   server  1.8.7  2         dc1  <all>\n");
  auto r = run({"members", "-status=left"}, {answer(200, one)});
  CHECK(r.code == 2);
  CHECK((r.out + r.err).empty());
}

TEST_CASE("an agent that is not there is named in Go's words") {
  auto r = run({"members", "-http-addr=127.0.0.1:1"});
  CHECK(r.code == 1);
  CHECK(r.err == "Error retrieving members: Get \"http://127.0.0.1:1/v1/agent/members?segment=_all\": dial tcp 127.0.0.1:1: connect: connection refused\n");
  CHECK(run({"members", "-http-addr=ftp://x"}).err == "Error connecting to Consul agent: Unknown protocol scheme: ftp\n");
}

std::string moved(int code, const std::string& location) {
  return "HTTP/1.1 " + std::to_string(code) + " X\r\n" + (location.empty() ? "" : "Location: " + location + "\r\n") +
         "Content-Length: 5\r\nConnection: close\r\n\r\nmoved";
}

TEST_CASE("reads follow redirects, writes those that keep method and body") {
  const std::string found = R"([{"Key":"a","Value":"aGk="}])";
  for (int code : {301, 302, 303, 307, 308}) {
    CAPTURE(code);
    auto r = run({"kv", "get", "-token=tok", "a//b"}, {moved(code, "/v1/kv/a/b"), answer(200, found)});
    CHECK(r.out == "hi\n");
    CHECK(r.asked[0].starts_with("GET /v1/kv/a//b HTTP/1.1\r\n"));
    CHECK(r.asked[1].starts_with("GET /v1/kv/a/b HTTP/1.1\r\n"));
    CHECK(r.asked[1].find("X-Consul-Token: tok\r\n") != std::string::npos);
    CHECK(r.asked[1].find("/v1/kv/a//b\r\n", r.asked[1].find("Referer: http://127.0.0.1:")) != std::string::npos);
  }
  for (int code : {307, 308}) {
    CAPTURE(code);
    auto r = run({"kv", "put", "a", "b"}, {moved(code, "../kv/./x?y=z"), answer(200, "true")});
    CHECK(r.out == "Success! Data written to: a\n");
    CHECK(r.asked[1].starts_with("PUT /v1/kv/x?y=z HTTP/1.1\r\n"));
    CHECK(r.asked[1].ends_with("\r\n\r\nb"));
    r = run({"kv", "delete", "a"}, {moved(code, "/v1/kv/x"), answer(200, "true")});
    CHECK(r.asked[1].starts_with("DELETE /v1/kv/x HTTP/1.1\r\n"));
  }
  // Go would ask with GET and call that a success.
  for (int code : {301, 302, 303}) {
    CAPTURE(code);
    auto r = run({"kv", "put", "a", "b"}, {moved(code, "/v1/kv/x"), answer(200, "true")});
    CHECK(r.err == "Error! Failed writing data: Unexpected response code: " + std::to_string(code) + " (moved)\n");
    CHECK(r.asked.size() == 1);
  }
}

TEST_CASE("redirects end: at ten, at a bad location, at none") {
  std::vector<std::string> nine(9, moved(302, "/again"));
  nine.push_back(answer(200, R"([{"Key":"a","Value":"aGk="}])"));
  CHECK(run({"kv", "get", "a"}, nine).out == "hi\n");
  auto r = run({"kv", "get", "a"}, std::vector<std::string>(11, moved(302, "/again")));
  CHECK(r.err == "Error querying Consul agent: Get \"/again\": stopped after 10 redirects\n");
  CHECK(r.asked.size() == 10);
  CHECK(run({"kv", "get", "a"}, {moved(302, "ftp://x/y")}).err == "Error querying Consul agent: Get \"ftp://x/y\": unsupported protocol scheme \"ftp\"\n");
  CHECK(run({"kv", "get", "a"}, {moved(302, "::")}).err.ends_with("failed to parse Location header \"::\": parse \"::\": missing protocol scheme\n"));
  CHECK(run({"kv", "get", "a"}, {moved(301, "")}).err.ends_with("301 response missing Location header\n"));
  CHECK(run({"kv", "get", "a"}, {moved(307, "")}).err == "Error querying Consul agent: Unexpected response code: 307\n");
  CHECK(run({"kv", "get", "a"}, {moved(304, "/x")}).err == "Error querying Consul agent: Unexpected response code: 304\n");
}

TEST_CASE("a redirect to another host takes the token along, and its own user") {
  responder other({answer(200, R"([{"Key":"a","Value":"aGk="}])")});
  const auto there = "127.0.0.1:" + std::to_string(other.port);
  auto r = run({"kv", "get", "-token=tok", "a"}, {moved(302, "http://us:pw@" + there + "/z")});
  CHECK(r.out == "hi\n");
  CHECK(other.asked.at(0).starts_with("GET /z HTTP/1.1\r\nHost: " + there + "\r\n"));
  CHECK(other.asked.at(0).find("X-Consul-Token: tok\r\n") != std::string::npos);
  CHECK(other.asked.at(0).find("Authorization: Basic dXM6cHc=\r\n") != std::string::npos);
}

TEST_CASE("a log is streamed until the agent ends it") {
  auto r = run({"monitor"}, {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab\nc\r\n2\r\nd\n\r\n0\r\n\r\n"});
  CHECK(r.code == 1);
  CHECK(r.out.starts_with("ab\ncd\n\nRemote side ended the monitor!"));
}

TEST_CASE("a watch shows records in the order of Consul's client") {
  auto view = watch::render("key", R"([{"LockIndex":0,"Key":"a","Flags":0,"Value":"d3w=","CreateIndex":5,"ModifyIndex":6}])", true);
  CHECK(*view == R"({"Key":"a","CreateIndex":5,"ModifyIndex":6,"LockIndex":0,"Flags":0,"Value":"d3w=","Session":""})");
  CHECK(*watch::render("key", "", false) == "null");
  CHECK(*watch::render("services", R"({"consul":[]})", true) == R"({"consul":[]})");
  CHECK(watch::plan({.type = "nodes", .key = "x"}).err().text == "Invalid parameters: [key]");
  CHECK(watch::plan({.type = "foo"}).err().text == "Unsupported watch type: foo");
}

TEST_CASE("columns are as wide as their widest cell in characters") {
  CHECK(render_table({{"é", "b"}, {"ccc", "d"}}) == "é    b\nccc  d");
}

TEST_CASE("operator raft changes servers through the API and says what it did") {
  auto r = run({"operator", "raft", "remove-peer", "-id=x"}, {answer(200, "")});
  CHECK(r.out == "Removed peer with id \"x\"\n");
  CHECK(r.asked[0].starts_with("DELETE /v1/operator/raft/peer?id=x HTTP/1.1\r\n"));
  CHECK(run({"operator", "raft", "remove-peer", "-address=1.2.3.4:8300"}, {answer(200, "")}).out == "Removed peer with address \"1.2.3.4:8300\"\n");
  r = run({"operator", "raft", "transfer-leader", "-id=x"}, {answer(200, R"({"Success":true})")});
  CHECK(r.out == "Success\n");
  CHECK(r.asked[0].starts_with("POST /v1/operator/raft/transfer-leader?id=x HTTP/1.1\r\n"));
  CHECK(run({"operator", "raft", "transfer-leader"}, {answer(500, "why")}).code == 1);
}

TEST_CASE("operator autopilot set-config changes what is given, of the configuration that it read") {
  const std::string config = R"({"CleanupDeadServers":true,"LastContactThreshold":"200ms","MaxTrailingLogs":250,"MinQuorum":0,"ServerStabilizationTime":"10s","RedundancyZoneTag":"","DisableUpgradeMigration":false,"UpgradeVersionTag":"","Newer":1,"CreateIndex":4,"ModifyIndex":17})";
  auto r = run({"operator", "autopilot", "set-config", "-max-trailing-logs=9", "-cleanup-dead-servers=false"}, {answer(200, config), answer(200, "true")});
  CHECK(r.out == "Configuration updated!\n");
  REQUIRE(r.asked.size() == 2);
  CHECK(r.asked[1].starts_with("PUT /v1/operator/autopilot/configuration?cas=17 HTTP/1.1\r\n"));
  CHECK(r.asked[1].find(R"({"CleanupDeadServers":false,"LastContactThreshold":"200ms","MaxTrailingLogs":9,"MinQuorum":0,"ServerStabilizationTime":"10s",)") != std::string::npos);
  r = run({"operator", "autopilot", "set-config"}, {answer(200, config), answer(200, "false")});
  CHECK(r.code == 1);
  CHECK(r.out == "Configuration could not be atomically updated, please try again\n");
  CHECK(run({"operator", "autopilot", "get-config"}, {answer(200, config)}).out ==
        "CleanupDeadServers = true\nLastContactThreshold = 200ms\nMaxTrailingLogs = 250\nMinQuorum = 0\nServerStabilizationTime = 10s\n"
        "RedundancyZoneTag = \"\"\nDisableUpgradeMigration = false\nUpgradeVersionTag = \"\"\n");
}

TEST_CASE("operator autopilot state shows the servers") {
  const std::string state = R"({"Healthy":true,"FailureTolerance":1,"OptimisticFailureTolerance":1,"Servers":{"a":{"Name":"n1","NodeStatus":"alive","LastTerm":3}},"Leader":"a","Voters":["a"]})";
  auto r = run({"operator", "autopilot", "state"}, {answer(200, state)});
  CHECK(r.out.starts_with("Healthy:                      true\nFailure Tolerance:            1\n"));
  CHECK(r.out.find("Servers:\n   a\n      Name:         n1\n") != std::string::npos);
  CHECK(run({"operator", "autopilot", "state", "-format=odd"}).err == "Unknown format: odd\n");
}

TEST_CASE("keyring shows each pool's keys with how many nodes have them") {
  const std::string pools = R"([{"WAN":true,"Datacenter":"dc1","Segment":"","Keys":{"b=":1,"a=":1},"PrimaryKeys":{"a=":1},"NumNodes":1},)"
                            R"({"WAN":false,"Datacenter":"dc1","Segment":"","Keys":{"a=":2},"PrimaryKeys":{"a=":2},"NumNodes":3}])";
  auto r = run({"keyring", "-list"}, {answer(200, pools)});
  CHECK(r.out == "==> Gathering installed encryption keys...\n\nWAN:\n  a= [1/1]\n  b= [1/1]\n\ndc1 (LAN):\n  a= [2/3]\n");
  r = run({"keyring", "-list-primary", "-local-only", "-relay-factor=2"}, {answer(200, pools)});
  CHECK(r.out.find("b=") == std::string::npos);
  CHECK(r.asked[0].starts_with("GET /v1/operator/keyring?local-only=true&relay-factor=2 HTTP/1.1\r\n"));
  r = run({"keyring", "-use=k"}, {answer(500, "no\n")});
  CHECK(r.asked[0].starts_with("PUT /v1/operator/keyring HTTP/1.1\r\n"));
  CHECK(r.asked[0].ends_with("{\"Key\":\"k\"}\n"));
  CHECK(r.err == "error: Unexpected response code: 500 (no\n)\n");
  CHECK(run({"keyring", "-list", "-use=k"}).err == "Only a single action is allowed\n");
}

TEST_CASE("event names itself, its filters and its payload") {
  auto r = run({"event", "-name=a b", "-service=w", "-tag=t", "pay"}, {answer(200, "{}"), answer(200, R"({"ID":"x-1"})")});
  CHECK(r.out == "Event ID: x-1\n");
  CHECK(r.asked[1].starts_with("PUT /v1/event/fire/a%20b?service=w&tag=t HTTP/1.1\r\n"));
  CHECK(r.asked[1].ends_with("\r\n\r\npay"));
  CHECK(run({"event", "-name=a", "-node=["}).err == "Failed to compile node filter regexp: error parsing regexp: missing closing ]: `[`\n");
}

TEST_CASE("a watch of events shows those after the last one seen, and all when that one is gone") {
  const std::string one = R"({"ID":"00000000-0000-0001-0000-000000000000","Name":"a","Payload":null,"NodeFilter":"","ServiceFilter":"","TagFilter":"","Version":1,"LTime":2})";
  const std::string two = R"({"ID":"00000000-0000-0002-0000-000000000000","Name":"b","Payload":"eA==","NodeFilter":"","ServiceFilter":"","TagFilter":"","Version":1,"LTime":3})";
  const auto both = "[" + one + "," + two + "]";
  CHECK(*watch::render("event", both, true, 0) == both);
  CHECK(*watch::render("event", both, true, 1) == "[" + two + "]");
  CHECK(*watch::render("event", both, true, 2) == "[]");
  CHECK(*watch::render("event", both, true, 77) == both);
}

TEST_CASE("a child gets its input, variables and a shell, and says how it ended") {
  auto r = net::run_child({{"cat;", "echo", "$CONSUL_INDEX;", "exit 3"}, true}, {"CONSUL_INDEX=7"}, "in\n", {.capture = 100, .stop = {}});
  CHECK(r.output == "in\n7\n");
  CHECK(r.failed_end == "exit status 3");
  r = net::run_child({{"/bin/echo", "$HOME"}, false}, {}, "", {.capture = 3, .stop = {}});
  CHECK(r.output == "ME\n");
  CHECK(r.output_bytes == 6);
  CHECK(net::run_child({{"/none"}, false}, {}, "").failed_start == "fork/exec /none: no such file or directory");
  CHECK(net::run_child({{"actord-no-such-program"}, false}, {}, "").failed_start == "exec: \"actord-no-such-program\": executable file not found in $PATH");
  r = net::run_child({{"sleep 60 & sleep 60"}, true}, {}, "", {.capture = 10, .stop = [] { return true; }});
  CHECK(r.failed_end == "signal: killed");
}

TEST_CASE("a child that cannot be started for now can be stopped, and holds nothing of ours meanwhile") {
  test::hanging_program hanging;
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  std::atomic<bool> stop{false};
  net::child_outcome r;
  const auto began = std::chrono::steady_clock::now();
  std::thread runs([&] { r = net::run_child({{hanging.path()}, false}, {}, "", {.capture = 10, .stop = [&] { return stop.load(); }}); });
  test::let_pass(std::chrono::milliseconds(100)); // it is most likely to have been forked by then
  ::close(ends[1]);
  pollfd closed{ends[0], POLLIN, 0};
  CHECK(::poll(&closed, 1, 20000) == 1);
  stop = true;
  runs.join();
  ::close(ends[0]);
  CHECK(r.failed_end == "signal: killed");
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(30)); // the kernel lets the program start after 45 s
}

TEST_CASE("lock refuses what makes no sense before it asks anybody") {
  CHECK(run({"lock", "x"}).err == "Key prefix and child command must be specified\n");
  CHECK(run({"lock", "-n=0", "x", "y"}).err == "Lock holder limit must be positive\n");
  CHECK(run({"lock", "-timeout=-1s", "x", "y"}).err == "Timeout must be positive\n");
  CHECK(run({"lock", "-monitor-retry=-1", "x", "y"}).err == "Number for 'monitor-retry' must be >= 0\n");
}
