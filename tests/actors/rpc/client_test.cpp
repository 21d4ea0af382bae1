// The actor that calls servers, over real sockets to servers that do what a test says.
#include "actors/messages/pool_messages.hpp"
#include "actors/messages/rpc_messages.hpp"
#include "actors/rpc/client_actor.hpp"
#include "actors/rpc/core/route.hpp"
#include "tests/actors/rpc/fake_server.hpp"
#include "tests/support/eventually.hpp"
#include <caf/actor_system_config.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>

using namespace actord;
using test::fake_server;
using namespace std::chrono_literals;

namespace {

struct world {
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  rpc_handle rpc;
  rpc_client_setup setup;

  world() {
    config.load<caf::io::middleman>();
    config.set("scheduler.policy", caf::atom("sharing")).set("scheduler.max-threads", 1);
    system = std::make_unique<caf::actor_system>(config);
    setup.datacenter = "dc1";
    setup.hold = 700ms;
    setup.tick = 20ms;
    setup.answer_timeout = 500ms;
  }
  void start(std::vector<std::string> servers) {
    if (rpc) caf::anon_send_exit(rpc, caf::exit_reason::user_shutdown);
    setup.fixed_servers = std::move(servers);
    rpc = spawn_rpc_client(*system, setup);
  }
  rpc_answer call(const std::string& method, bool reads = true, const std::string& arguments = "\x80") {
    rpc_answer out;
    caf::scoped_actor self{*system};
    self->request(rpc, 20s, rpc_call{method, arguments, nanos(0), reads})
        .receive([&](rpc_answer& a) { out = std::move(a); }, [&](caf::error& e) { out.failure = {errc::internal, system->render(e)}; });
    return out;
  }
  ~world() {
    if (rpc) caf::anon_send_exit(rpc, caf::exit_reason::user_shutdown);
    rpc = nullptr;
    system.reset();
  }
};

fake_server::reply echo(const std::string&, const std::string& body) { return {"", body}; }

// An address where nobody listens.
std::string closed_port() {
  fake_server gone(echo);
  auto address = gone.address;
  gone.stop();
  return address;
}

} // namespace

TEST_CASE_FIXTURE(world, "calls one after the other share one connection and one stream") {
  fake_server server(echo);
  start({server.address});
  for (int i = 0; i < 5; ++i) {
    auto a = call("KVS.Get", true, "\x81\xa1k\x05");
    CHECK(a.failure.code == errc::none);
    CHECK(a.body == "\x81\xa1k\x05");
  }
  CHECK(server.connections == 1);
  CHECK(server.streams == 1);
}

TEST_CASE_FIXTURE(world, "a server's error is told in Consul's words, and its stream is not used again") {
  fake_server server([](auto&, auto&) { return fake_server::reply{"Permission denied"}; });
  start({server.address});
  for (int i = 0; i < 2; ++i) {
    auto a = call("KVS.Apply", false);
    CHECK(a.failure.text == "rpc error making call: Permission denied");
    CHECK(a.failure.code == errc::permission);
  }
  CHECK(server.connections == 1);
  CHECK(server.streams == 2);
}

TEST_CASE_FIXTURE(world, "without a server the call fails at once") {
  start({});
  auto a = call("Status.Leader");
  CHECK(a.failure.text == "No known Consul servers");
  CHECK(a.failure.code == errc::no_leader);
}

TEST_CASE_FIXTURE(world, "a server that is not there is skipped, for writes too") {
  fake_server server(echo);
  start({closed_port(), closed_port(), server.address});
  for (int i = 0; i < 6; ++i) CHECK(call("KVS.Apply", false).failure.code == errc::none);
  CHECK(server.calls == 6);
}

TEST_CASE_FIXTURE(world, "when no server is there a call fails after the hold time and says why") {
  start({closed_port()});
  const auto began = std::chrono::steady_clock::now();
  auto a = call("KVS.Get");
  CHECK(a.failure.text.starts_with("rpc error getting client: failed to get conn: dial tcp "));
  CHECK(std::chrono::steady_clock::now() - began >= 600ms);
}

TEST_CASE_FIXTURE(world, "a read whose connection breaks goes to another server, a write does not") {
  fake_server bad([](auto&, auto&) { return fake_server::reply{"", "", true}; }), good(echo);
  start({bad.address, good.address});
  for (int i = 0; i < 4; ++i) CHECK(call("KVS.Get", true).failure.code == errc::none);
  int refused = 0;
  start({bad.address});
  for (int i = 0; i < 3; ++i) {
    auto a = call("KVS.Apply", false);
    if (a.failure.code != errc::unknown_outcome) continue;
    ++refused;
    CHECK(a.failure.text == "rpc error making call: EOF");
  }
  CHECK(refused == 3);
}

TEST_CASE_FIXTURE(world, "while there is no leader a write is tried again, and succeeds with the first leader") {
  std::atomic<int> left{3};
  fake_server server([&](auto&, auto& body) { return left-- > 0 ? fake_server::reply{"No cluster leader"} : fake_server::reply{"", body}; });
  start({server.address});
  CHECK(call("KVS.Apply", false).failure.code == errc::none);
  CHECK(server.calls == 4);
  left = 1000;
  CHECK(call("KVS.Apply", false).failure.text == "rpc error making call: No cluster leader");
}

TEST_CASE_FIXTURE(world, "a silent server costs its time and no more, and its late answer harms nobody") {
  std::atomic<bool> silent{true};
  fake_server server([&](auto&, auto& body) { return fake_server::reply{"", body, false, silent.load()}; });
  start({server.address});
  CHECK(call("KVS.Get").failure.text == "rpc error making call: no answer in time");
  silent = false;
  CHECK(call("KVS.Get").failure.code == errc::none);
}

TEST_CASE_FIXTURE(world, "more calls than the rate allows are refused without asking a server") {
  fake_server server(echo);
  setup.rate = 0.001;
  setup.burst = 2;
  start({server.address});
  CHECK(call("KVS.Get").failure.code == errc::none);
  CHECK(call("KVS.Get").failure.code == errc::none);
  CHECK(call("KVS.Get").failure.code == errc::rate_limited);
  CHECK(server.calls == 2);
}

TEST_CASE_FIXTURE(world, "an unused connection is closed and the next call opens another") {
  fake_server server(echo);
  setup.idle_close = 50ms;
  start({server.address});
  CHECK(call("KVS.Get").failure.code == errc::none);
  REQUIRE(test::eventually([&] { return server.ended == 1; }));
  CHECK(call("KVS.Get").failure.code == errc::none);
  CHECK(server.connections == 2);
}

TEST_CASE_FIXTURE(world, "an answer that is no answer breaks the call and not the process") {
  fake_server server([](auto&, auto&) { return fake_server::reply{"", "\xc1\xc1\xc1"}; });
  setup.hold = 50ms;
  start({server.address});
  CHECK(call("KVS.Get").failure.code != errc::none);
}

TEST_CASE_FIXTURE(world, "servers come and go with the pool's news") {
  fake_server server(echo);
  start({});
  pool_news news;
  members::member m;
  m.name = "s1";
  m.at.ip = std::string("\x7f\0\0\1", 4);
  m.status = members::member_status::alive;
  m.tags = {{"role", "consul"}, {"dc", "dc1"}, {"id", "x"}, {"port", server.address.substr(server.address.rfind(':') + 1)}};
  news.members.push_back({members::member_change::join, m});
  caf::anon_send(caf::actor_cast<caf::actor>(rpc), news);
  CHECK(test::eventually([&] { return call("Status.Ping").failure.code == errc::none; }));
  news.members[0].change = members::member_change::failed;
  news.members[0].who.status = members::member_status::failed;
  caf::anon_send(caf::actor_cast<caf::actor>(rpc), news);
  CHECK(test::eventually([&] { return call("Status.Ping").failure.text == "No known Consul servers"; }));
  auto elsewhere = m;
  elsewhere.tags["dc"] = "dc2";
  CHECK_FALSE(rpc::server_in(elsewhere, "dc1"));
  elsewhere.tags = {{"role", "node"}, {"dc", "dc1"}};
  CHECK_FALSE(rpc::server_in(elsewhere, "dc1"));
}
