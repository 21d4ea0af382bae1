// Changes on a client agent: passed on to a server as calls, whose replies are shown.
#include "actors/messages/rpc_messages.hpp"
#include "api/http/http_server.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "storage/command/commands.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"
#include "tests/support/eventually.hpp"
#include <arpa/inet.h>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <doctest/doctest.h>
#include <mutex>
#include <sys/socket.h>
#include <unistd.h>

using namespace actord;

namespace {

// Servers that answer what they are told to, and note what they were asked; or keep everybody waiting.
struct servers {
  std::mutex lock;
  std::vector<rpc_call> heard;
  rpc_answer next;
  bool silent = false;
  std::vector<caf::typed_response_promise<rpc_answer>> waiting;
  size_t count() {
    std::lock_guard held(lock);
    return heard.size();
  }
};
rpc_handle::behavior_type answering(rpc_handle::pointer self, std::shared_ptr<servers> s) {
  return {[self, s](rpc_call& m) -> caf::result<rpc_answer> {
    std::lock_guard held(s->lock);
    if (m.method == "speak") { // of the test
      for (auto& p : s->waiting) p.deliver(s->next);
      s->waiting.clear();
      s->silent = false;
      return s->next;
    }
    s->heard.push_back(std::move(m));
    if (!s->silent) return s->next;
    s->waiting.push_back(self->make_response_promise<rpc_answer>());
    return s->waiting.back();
  }};
}

struct world {
  node_config config;
  caf::actor_system_config system_config;
  std::shared_ptr<servers> asked = std::make_shared<servers>();
  std::unique_ptr<caf::actor_system> system;
  rpc_handle rpc;
  std::unique_ptr<http::http_server> server;
  int fd = -1;

  world() {
    system_config.set("scheduler.policy", caf::atom("sharing")).set("scheduler.max-threads", 1);
    system = std::make_unique<caf::actor_system>(system_config);
    rpc = system->spawn(answering, asked);
    config.http_addrs = {listen_address{"127.0.0.1", 0, ""}};
    cluster_links links;
    links.rpc = rpc;
    auto started = http::http_server::start(config, {*system, router_handle{}, watch_handle{}, agent_handle{}, nullptr, nullptr, std::make_shared<node_status>(), nullptr, links, 0});
    REQUIRE(started.ok());
    server = std::move(*started);
    fd = connect();
  }
  ~world() {
    ::close(fd);
    server.reset();
    asked->waiting.clear();
    caf::anon_send_exit(rpc, caf::exit_reason::kill);
    rpc = nullptr;
    system.reset();
  }
  int connect() {
    const int s = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(server->ports().at(0));
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(s, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
    timeval limit{30, 0};
    ::setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return s;
  }
  static void send(int to, const std::string& line, const std::string& body) {
    const auto text = line + " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    REQUIRE(::send(to, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  static std::string receive(int from) { // status and body
    std::string got;
    for (char buffer[65536];;) {
      const auto head = got.find("\r\n\r\n"), length = got.find("Content-Length: ");
      if (head != got.npos && got.size() >= head + 4 + (length < head ? std::stoul(got.substr(length + 16)) : 0)) return got.substr(9, 3) + " " + got.substr(head + 4);
      const auto n = ::recv(from, buffer, sizeof buffer, 0);
      REQUIRE(n > 0);
      got.append(buffer, static_cast<size_t>(n));
    }
  }
  // What is answered when a server answers so.
  std::string ask(const std::string& line, const std::string& body, rpc_answer a) {
    {
      std::lock_guard held(asked->lock);
      asked->next = std::move(a);
    }
    send(fd, line, body);
    return receive(fd);
  }
  template <class Args> Args arguments(std::string_view method) {
    std::lock_guard held(asked->lock);
    Args a;
    REQUIRE(!asked->heard.empty());
    CHECK(asked->heard.back().method == method);
    CHECK_FALSE(asked->heard.back().reads);
    REQUIRE(from_msgpack(asked->heard.back().arguments, a));
    CHECK(a.datacenter == "dc1");
    return a;
  }
};

rpc_answer says(std::string body) { return {{}, std::move(body)}; }

} // namespace

TEST_CASE("a key is set by KVS.Apply, and only of a condition is it told what the server says") {
  world w;
  CHECK(w.ask("PUT /v1/kv/a/b?flags=3&token=t", "value", says("\xc2")) == "200 true");
  auto r = w.arguments<kv_request>("KVS.Apply");
  CHECK(r.op == "set");
  CHECK(r.entry.key == "a/b");
  CHECK(r.entry.value == "value");
  CHECK(r.entry.flags == 3);
  CHECK(r.token == "t");
  CHECK(w.ask("PUT /v1/kv/a?cas=7", "v", says("\xc2")) == "200 false");
  CHECK(w.arguments<kv_request>("KVS.Apply").entry.modify_index == 7);
  CHECK(w.ask("PUT /v1/kv/a?acquire=s", "v", says("\xc3")) == "200 true");
  CHECK(w.ask("DELETE /v1/kv/a?recurse", "", says("\xc2")) == "200 true");
  CHECK(w.arguments<kv_request>("KVS.Apply").op == "delete-tree");
}

TEST_CASE("the server looks at a change, and its refusal is what is answered") {
  world w;
  CHECK(w.ask("PUT /v1/catalog/register", R"({"Node":""})", {{errc::internal, "rpc error making call: Must provide node"}, {}}) == "500 rpc error making call: Must provide node");
  CHECK(w.arguments<register_request>("Catalog.Register").node == "");
  CHECK(w.ask("PUT /v1/catalog/deregister", R"({"Node":"n"})", says("\x80")) == "200 true");
  CHECK(w.arguments<deregister_request>("Catalog.Deregister").node == "n");
  CHECK(w.ask("PUT /v1/kv/a", "v", says("\xc1")) == "500 rpc error making call: the answer to KVS.Apply does not decode");
}

TEST_CASE("sessions, queries and transactions have the answers that servers give") {
  world w;
  CHECK(w.ask("PUT /v1/session/create", "{}", says("\xa2id")) == R"(200 {"ID":"id"})");
  CHECK(w.arguments<session_request>("Session.Apply").op == "create");
  CHECK(w.ask("PUT /v1/session/destroy/id", "", says("\xa0")) == "200 true");
  CHECK(w.ask("PUT /v1/session/renew/id", "", says(to_msgpack(rpc::sessions_reply{}))) == "404 Session id 'id' not found");
  CHECK(w.arguments<rpc::session_request>("Session.Renew").session_id == "id");
  CHECK(w.ask("POST /v1/query", R"({"Service":{"Service":"web"}})", says("\xa2id")) == R"(200 {"ID":"id"})");
  CHECK(w.arguments<query_request>("PreparedQuery.Apply").query->service.service == "web");
  rpc::txn_apply_reply refused;
  refused.errors.push_back({0, "no"});
  CHECK(w.ask("PUT /v1/txn", R"([{"KV":{"Verb":"set","Key":"k"}}])", says(to_msgpack(refused))) == R"(409 {"Results":null,"Errors":[{"OpIndex":0,"What":"no"}]})");
  CHECK(w.arguments<txn_request>("Txn.Apply").ops.size() == 1);
}

TEST_CASE("a transaction that only reads is asked of any server, again if need be") {
  world w;
  CHECK(w.ask("PUT /v1/txn", R"([{"KV":{"Verb":"get","Key":"k"}}])", says(to_msgpack(rpc::txn_read_reply{}))).starts_with(R"(200 {"Results":[],"Errors":null,)"));
  std::lock_guard held(w.asked->lock);
  CHECK(w.asked->heard.back().method == "Txn.Read");
  CHECK(w.asked->heard.back().reads);
}

TEST_CASE("what an actor of a server knows is asked of one, and what it is told is told once") {
  world w;
  const auto asked = [&] {
    std::lock_guard held(w.asked->lock);
    return w.asked->heard.back().method + (w.asked->heard.back().reads ? "" : " once");
  };
  CHECK(w.ask("GET /v1/status/leader", "", says("\xa3" "a:1")) == "200 \"a:1\"");
  CHECK(asked() == "Status.Leader");
  CHECK(w.ask("GET /v1/status/peers", "", says("\x91\xa3" "a:1")) == "200 [\"a:1\"]");
  CHECK(asked() == "Status.Peers");
  CHECK(w.ask("GET /v1/catalog/datacenters", "", says("\xc0")) == "200 []");
  CHECK(asked() == "Catalog.ListDatacenters");
  CHECK(w.ask("GET /v1/operator/raft/configuration", "", {{errc::no_leader, "rpc error making call: No cluster leader"}, {}}) == "500 rpc error making call: No cluster leader");
  CHECK(asked() == "Operator.RaftGetConfiguration");
  CHECK(w.ask("DELETE /v1/operator/raft/peer?id=x", "", says("\x80")) == "200 ");
  CHECK(w.arguments<rpc::raft_remove_request>("Operator.RaftRemovePeerByID").id == "x");
  CHECK(w.ask("PUT /v1/event/fire/deploy", "now", says("\x80")).find("\"Name\":\"deploy\"") != std::string::npos);
  CHECK(asked() == "Internal.EventFire once");
  CHECK(w.ask("PUT /v1/operator/raft/transfer-leader", "", says("\x80")).starts_with("415 leadership is transferred by a server"));
}

TEST_CASE("a bounded number of changes is under way, the others wait for an answer") {
  world w;
  w.asked->silent = true;
  constexpr size_t most = 128, all = most + 10;
  std::vector<int> clients;
  for (size_t i = 0; i < all; ++i) {
    clients.push_back(w.connect());
    world::send(clients.back(), "PUT /v1/kv/a", "v");
  }
  CHECK(test::eventually([&] { return w.asked->count() >= most; }));
  test::let_pass(std::chrono::milliseconds(50));
  CHECK(w.asked->count() == most);
  {
    std::lock_guard held(w.asked->lock);
    w.asked->next = says("\xc2");
  }
  caf::anon_send(w.rpc, rpc_call{"speak", {}, nanos(0), false});
  for (int c : clients) {
    CHECK(world::receive(c) == "200 true");
    ::close(c);
  }
  CHECK(w.asked->count() == all);
}
