// What takes long is made in another thread: whoever needs it waits, and nobody else does.
#include "actors/messages/rpc_messages.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "storage/state/read_view_long.hpp"
#include "tests/api/dns/front_fixture.hpp"
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <future>
#include <set>
#include <sys/ioctl.h>
#include <thread>

using namespace dns_test;

namespace {

constexpr int many = 100; // more than are read in the thread of DNS the second time

struct elsewhere : by_hand {
  long_reads reads{store.get(), 1};
  std::promise<void> held;
  std::thread running;

  ~elsewhere() {
    work->loop().stop();
    running.join();
    reads.stop();
    work = nullptr;
  }
  void run(rpc_handle rpc = {}) {
    begin(rpc ? dns::dns_source{nullptr, status, rpc, &reads} : dns::dns_source{store.get(), status, {}, &reads});
    running = std::thread([this] { work->loop().run(); });
  }
  // One of `big`, for whom proxies are not needed.
  void add_one(int i, const std::string& tag) {
    auto r = test::with_service("m" + std::to_string(i), "big", "big", {tag});
    r.address = "10.6.1." + std::to_string(i);
    r.service->connect.native = true;
    (void)put(r);
    status->applied = store->applied_index().v;
  }
  void add_many() {
    for (int i = 0; i < many; ++i) add_one(i, "old");
    add("d1", "10.6.0.1", "web", 80);
  }
  // What is submitted from now on waits for release().
  void hold() {
    std::promise<void> begun;
    held = {};
    REQUIRE(reads.submit(0, [&begun, until = held.get_future().share()](reader&) {
      begun.set_value();
      until.wait();
    }));
    begun.get_future().wait();
  }
  void release() { held.set_value(); }
  struct asked {
    descriptor d;
    explicit asked(int fd) : d{fd} {}
    plain::message answer() const {
      uint8_t buffer[65536];
      const ssize_t n = ::recv(d.fd, buffer, sizeof buffer, 0);
      REQUIRE(n > 0);
      return plain::reader({buffer, static_cast<size_t>(n)}).read();
    }
    bool waits() const {
      int n = 0;
      return ::ioctl(d.fd, FIONREAD, &n) == 0 && n == 0;
    }
  };
  std::unique_ptr<asked> ask(const std::string& name, uint16_t qtype = dns::type::a) {
    auto out = std::make_unique<asked>(client(SOCK_DGRAM, port));
    const auto q = plain::question(name, qtype);
    REQUIRE(::send(out->d.fd, q.data(), q.size(), 0) == static_cast<ssize_t>(q.size()));
    return out;
  }
  int code(const std::string& name) { return ask(name)->answer().code; }
  void add_query(const std::string& name, const std::string& service) {
    prepared_query q;
    q.id = "00000000-0000-0000-0000-00000000000" + std::to_string(next % 10);
    q.name = name;
    q.service.service = service;
    query_request r;
    r.datacenter = "dc1";
    r.op = "create";
    r.query = q;
    CHECK(store_fixture::run(encode_command(command_kind::prepared_query, r)).failure.code == errc::none);
    status->applied = store->applied_index().v;
  }
};

} // namespace

TEST_CASE_FIXTURE(elsewhere, "a list of many that changed is made elsewhere: who needs it waits and sees what was written before") {
  add_many();
  run();
  CHECK(code("new.big.service.consul") == 3);
  hold();
  add_one(1, "new");
  const auto first = ask("new.big.service.consul");
  CHECK(code("web.service.consul") == 0); // behind it
  CHECK(first->waits());
  add_one(2, "newer");
  const auto second = ask("newer.big.service.consul");
  CHECK(code("web.service.consul") == 0);
  CHECK(second->waits());
  release();
  CHECK(first->answer().answer.at(0) == "new.big.service.consul. 0 A 10.6.1.1");
  CHECK(second->answer().answer.at(0) == "newer.big.service.consul. 0 A 10.6.1.2");
}

TEST_CASE_FIXTURE(elsewhere, "what a prepared query finds, and who is mesh-capable, is kept until it changes") {
  add_many();
  add_query("q", "big");
  run();
  CHECK(code("q.query.consul") == 0);
  CHECK(code("big.connect.consul") == 0);
  hold();
  (void)kv("set", "k", "v");
  add("d2", "10.6.0.2", "other", 80);
  status->applied = store->applied_index().v;
  std::set<std::string> first;
  for (int i = 0; i < 20; ++i) first.insert(ask("q.query.consul", dns::type::srv)->answer().answer.at(0));
  CHECK(first.size() > 1); // drawn anew for each
  (void)kv("set", "k", "w");
  status->applied = store->applied_index().v;
  add_one(1, "new");
  const auto query = ask("q.query.consul"), mesh = ask("big.connect.consul");
  CHECK(code("web.service.consul") == 0);
  CHECK(query->waits());
  CHECK(mesh->waits());
  release();
  CHECK(query->answer().code == 0);
  CHECK(mesh->answer().code == 0);
  add_query("r", "web");
  CHECK(ask("r.query.consul")->answer().answer.at(0) == "r.query.consul. 0 A 10.6.0.1");
}

TEST_CASE_FIXTURE(elsewhere, "where too many wait for what is made, one of whoever has most waiting is refused") {
  add_many();
  run();
  CHECK(code("big.service.consul") == 0);
  hold();
  add_one(1, "new");
  std::vector<std::unique_ptr<asked>> waiting;
  descriptor greedy{client(SOCK_STREAM, port, "127.0.0.2")};
  const auto q = plain::question("big.service.consul", dns::type::a);
  std::vector<uint8_t> much;
  for (int i = 0; i < 2100; ++i) { // 2,048 may wait
    much.push_back(0);
    much.push_back(static_cast<uint8_t>(q.size()));
    much.insert(much.end(), q.begin(), q.end());
  }
  std::thread sender([&] { REQUIRE(::send(greedy.fd, much.data(), much.size(), 0) == static_cast<ssize_t>(much.size())); });
  CHECK(read_frame(greedy.fd).code == 2); // there is no more room for it
  const auto good = ask("new.big.service.consul");
  CHECK(code("web.service.consul") == 0);
  CHECK(good->waits());
  release();
  CHECK(good->answer().code == 0);
  sender.join();
}

namespace {
struct nodes_reply {
  list_of<check_service_node> nodes;
  template <class V, class Self> static void fields(V&& v, Self& s) { v("Nodes", s.nodes); }
};

rpc_handle::behavior_type servers_with_many(rpc_handle::pointer) {
  return {[](const rpc_call& c) -> rpc_answer {
    nodes_reply reply;
    const int n = c.arguments.find("big") != std::string::npos ? 1000 : 1;
    for (int i = 0; i < n; ++i) {
      auto& one = reply.nodes.emplace_back();
      one.node.node = "m" + std::to_string(i);
      one.node.address = "10.6.1.1";
      one.service.service = "s";
    }
    return {{}, to_msgpack(reply)};
  }};
}
} // namespace

TEST_CASE_FIXTURE(elsewhere, "on a client agent a long answer is read elsewhere") {
  auto servers = system.spawn(servers_with_many);
  run(servers);
  hold();
  const auto big = ask("big.service.consul");
  CHECK(ask("web.service.consul")->answer().answer.size() == 1);
  CHECK(big->waits());
  release();
  CHECK(big->answer().answer.size() == 1); // one address
  caf::anon_send_exit(servers, caf::exit_reason::kill);
}
