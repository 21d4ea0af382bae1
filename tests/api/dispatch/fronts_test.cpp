// The same endpoint asked over HTTP and over RPC, in every mode of a read and in every standing of the server: both say the same.
#include "actors/messages/rpc_messages.hpp"
#include "actors/state/watch_actor.hpp"
#include "api/consul_rpc/rpc_server.hpp"
#include "api/dispatch/forward.hpp"
#include "api/endpoints/table.hpp"
#include "api/http/http_server.hpp"
#include "runtime/base/json_codec.hpp"
#include "storage/state/store.hpp"
#include <arpa/inet.h>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <doctest/doctest.h>
#include <filesystem>
#include <sys/socket.h>
#include <unistd.h>

using namespace actord;

namespace {

constexpr std::string_view session_id = "adf4238a-882b-9ddc-4a9d-5b6758e4159e";

router_handle::behavior_type no_leader() {
  return {
      [](proposals&) {},
      [](const read_wanted& m) { caf::anon_send(caf::actor_cast<caf::actor>(m.reply_to), reads_allowed{{m.id}, {errc::no_leader, "No cluster leader"}}); },
      [](const membership_change&) { return apply_outcome{}; },
      [](const leadership_transfer&) { return apply_outcome{}; },
      [](propose_one&) { return apply_outcome{}; },
      [](leader_query&) { return leader_info{}; },
  };
}

struct heard { // what came of a call
  std::string failure;
  uint64_t index = 0;
  bool known_leader = false, is_old = false;
  size_t rows = 0;
  bool operator==(const heard&) const = default;
};

doctest::String toString(const heard& h) {
  return ("failure \"" + h.failure + "\" index " + std::to_string(h.index) + " leader " + std::to_string(h.known_leader) + " old " + std::to_string(h.is_old) +
          " rows " + std::to_string(h.rows)).c_str();
}

struct world {
  std::string folder = (std::filesystem::temp_directory_path() / ("fronts-test-" + std::to_string(::getpid()))).string();
  node_config config;
  caf::actor_system_config system_config;
  std::unique_ptr<state_store> store;
  std::unique_ptr<caf::actor_system> system;
  std::shared_ptr<node_status> status = std::make_shared<node_status>();
  watch_handle watch;
  router_handle router;
  std::unique_ptr<http::http_server> over_http;
  std::unique_ptr<consul_rpc::rpc_server> over_rpc;
  int fd = -1;

  world() {
    std::filesystem::create_directories(folder);
    auto opened = state_store::open({folder + "/state", "dc1", false});
    REQUIRE(opened.ok());
    store = std::move(*opened);
    fill();
    system_config.set("scheduler.policy", caf::atom("sharing")).set("scheduler.max-threads", 1);
    system = std::make_unique<caf::actor_system>(system_config);
    watch = spawn_watch_actor(*system, status);
    router = system->spawn(no_leader);
    config.http_addrs = {listen_address{"127.0.0.1", 0, ""}};
    config.rpc_bind = listen_address{"127.0.0.1", 0, ""};
    auto http = http::http_server::start(config, {*system, router, watch, agent_handle{}, nullptr, store.get(), status, nullptr, {}, 0});
    auto rpc = consul_rpc::rpc_server::start(config, {*system, router, watch, *store, status, nullptr, {}, port_handle{}, -1});
    REQUIRE(http.ok());
    REQUIRE(rpc.ok());
    over_http = std::move(*http);
    over_rpc = std::move(*rpc);
    connect_to(over_http->ports().at(0));
  }
  ~world() {
    ::close(fd);
    over_http.reset();
    over_rpc.reset();
    caf::anon_send_exit(router, caf::exit_reason::kill);
    caf::anon_send_exit(watch, caf::exit_reason::kill);
    router = nullptr;
    watch = nullptr;
    system.reset();
    store.reset();
    std::filesystem::remove_all(folder);
  }

  void apply(const std::string& command) {
    std::vector<apply_result> results;
    log_command one{raft_index{status->applied + 1}, command};
    REQUIRE(store->apply({&one, 1}, results).ok());
    REQUIRE(results.at(0).failure.text == "");
    status->applied = one.index.v;
    status->commit = one.index.v;
  }

  void fill() {
    status->applied = 1;
    register_request r;
    r.datacenter = "dc1";
    r.node = "n1";
    r.address = "10.0.0.1";
    auto& web = r.service.emplace();
    web.id = web.service = "web";
    health_check c;
    c.node = "n1";
    c.check_id = "c";
    c.status = health_passing;
    c.service_id = "web";
    r.check = c;
    apply(encode_command(command_kind::catalog_register, r));
    apply(encode_kv_command(kv_set, "k/1", "v"));
    session_request s;
    s.datacenter = "dc1";
    s.op = session_create;
    s.session.id = session_id;
    s.session.node = "n1";
    apply(encode_command(command_kind::session, s));
    coordinate_record place;
    place.node = "n1";
    place.coord.vec.resize(8);
    apply(encode_command(command_kind::coordinate_batch_update, list_of<coordinate_record>{place}));
  }

  void connect_to(uint16_t port) {
    fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
    timeval limit{30, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }

  std::string exchange(const std::string& path) {
    const std::string text = "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n";
    REQUIRE(::send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
    std::string got;
    for (char buffer[65536];;) {
      const auto head = got.find("\r\n\r\n"), length = got.find("Content-Length: ");
      if (head != got.npos && got.size() >= head + 4 + (length < head ? std::stoul(got.substr(length + 16)) : 0)) return got;
      const auto n = ::recv(fd, buffer, sizeof buffer, 0);
      REQUIRE(n > 0);
      got.append(buffer, static_cast<size_t>(n));
    }
  }
};

std::string header(const std::string& answer, const std::string& name) {
  const auto at = answer.find("\r\n" + name + ": ");
  if (at == answer.npos) return "";
  const auto from = at + name.size() + 4;
  return answer.substr(from, answer.find('\r', from) - from);
}

heard by_http(world& w, const std::string& path) {
  const auto answer = w.exchange(path);
  const auto code = std::stoi(answer.substr(9, 3));
  const auto body = answer.substr(answer.find("\r\n\r\n") + 4);
  heard h;
  if (code != 200 && code != 404) {
    h.failure = body;
    constexpr std::string_view passed_on = "rpc error making call: "; // by a server that does not lead
    if (h.failure.starts_with(passed_on)) h.failure.erase(0, passed_on.size());
    return h;
  }
  if (const auto index = header(answer, "X-Consul-Index"); !index.empty()) h.index = std::stoull(index);
  h.known_leader = header(answer, "X-Consul-Knownleader") == "true";
  const auto contact = header(answer, "X-Consul-Lastcontact");
  h.is_old = !contact.empty() && contact != "0";
  if (code == 404) return h;
  const auto doc = json_document::parse(body);
  REQUIRE(doc.ok());
  h.rows = doc->root().IsArray() ? doc->root().Size() : 1;
  return h;
}

template <class Row> struct counted final : endpoints::rows<Row> {
  size_t count = 0;
  bool add(const Row&) override { return ++count, true; }
};

template <class Endpoint> heard by_rpc(world& w, const Endpoint& e, const typename Endpoint::arguments& args) {
  caf::scoped_actor self(*w.system);
  heard h;
  self->request(w.over_rpc->local(), caf::infinite, rpc_call{std::string(e.name), to_msgpack(args), nanos(0), true})
      .receive(
          [&](const rpc_answer& a) {
            h.failure = a.failure.text;
            if (a.failure.code != errc::none) return;
            rpc::reply_meta meta;
            if constexpr (Endpoint::kind::is_rows) {
              counted<typename Endpoint::kind::row> to;
              CHECK(dispatch::take_reply(e, a.body, static_cast<endpoints::rows<typename Endpoint::kind::row>&>(to), meta));
              h.rows = to.count;
            } else {
              typename Endpoint::answer to;
              CHECK(dispatch::take_reply(e, a.body, to, meta));
              h.rows = 1;
            }
            h.index = meta.index;
            h.known_leader = meta.known_leader;
            h.is_old = meta.last_contact.count() > 0;
          },
          [&](const caf::error&) { h.failure = "no answer"; });
  return h;
}

struct mode {
  const char* parameters;
  void (*set)(rpc::read_options&);
};
constexpr mode modes[] = {
    {"", [](rpc::read_options&) {}},
    {"&stale", [](rpc::read_options& o) { o.allow_stale = true; }},
    {"&consistent", [](rpc::read_options& o) { o.require_consistent = true; }},
    {"&max_stale=1ms", [](rpc::read_options& o) { o.allow_stale = true, o.max_stale_duration = std::chrono::milliseconds(1); }},
    {"&index=1000&wait=10ms", [](rpc::read_options& o) { o.min_query_index = 1000, o.max_query_time = std::chrono::milliseconds(10); }},
    {"&stale&index=1", [](rpc::read_options& o) { o.allow_stale = true, o.min_query_index = 1; }},
    {"&filter=nope+%3D%3D+1", [](rpc::read_options& o) { o.filter = "nope == 1"; }},
    {"&dc=nowhere", [](rpc::read_options&) {}}, // the arguments name it
};

struct standing {
  const char* name;
  void (*set)(node_status&);
};
int64_t ago(std::chrono::milliseconds d) {
  return std::chrono::duration_cast<nanos>((std::chrono::steady_clock::now() - d).time_since_epoch()).count();
}
const standing standings[] = {
    {"it leads alone", [](node_status& s) { s.leader = true, s.lease_until = std::numeric_limits<int64_t>::max(); }},
    {"it leads, and its lease has run out", [](node_status& s) { s.leader = true, s.lease_until = 1; }},
    {"it knows the leader", [](node_status& s) { s.known_leader = true, s.leader_heard = ago(std::chrono::milliseconds(500)); }},
    {"the leader is gone", [](node_status& s) { s.leader_heard = ago(std::chrono::seconds(100)); }},
    {"it catches up", [](node_status& s) { s.known_leader = true, s.catching_up = true, s.leader_heard = ago(std::chrono::milliseconds(500)); }},
    {"it never heard of a leader", [](node_status&) {}},
};

void stand(node_status& s, const standing& as) {
  s.leader = s.known_leader = s.catching_up = false;
  s.lease_until = 0;
  s.leader_heard = 0;
  as.set(s);
}

template <class Endpoint> void compare(world& w, const Endpoint& e, const std::string& path, typename Endpoint::arguments args) {
  args.datacenter = "dc1";
  for (auto& as : standings)
    for (auto& m : modes) {
      auto a = args;
      const bool elsewhere = std::string_view(m.parameters).starts_with("&dc=");
      if (elsewhere) a.datacenter = "nowhere";
      m.set(a.options);
      stand(*w.status, as);
      CAPTURE(e.name);
      CAPTURE(as.name);
      CAPTURE(m.parameters);
      CHECK(by_http(w, path + (path.find('?') == path.npos ? "?" : "&") + (m.parameters[0] ? m.parameters + 1 : "")) == by_rpc(w, e, a));
    }
}

rpc::node_request of_node(std::string_view name) {
  rpc::node_request q;
  q.node = name;
  return q;
}
rpc::service_request of_service(std::string_view name) {
  rpc::service_request q;
  q.service = name;
  return q;
}
rpc::key_request of_key(std::string_view key) {
  rpc::key_request q;
  q.key = key;
  return q;
}

} // namespace

TEST_CASE("HTTP and RPC answer the same, and refuse in the same words, in every mode and standing") {
  world w;
  namespace ep = endpoints;
  compare(w, ep::catalog::list_nodes, "/v1/catalog/nodes", {});
  compare(w, ep::catalog::list_services, "/v1/catalog/services", {});
  compare(w, ep::catalog::service_nodes, "/v1/catalog/service/web", of_service("web"));
  compare(w, ep::catalog::service_nodes, "/v1/catalog/service/none", of_service("none"));
  compare(w, ep::catalog::node_services, "/v1/catalog/node/n1", of_node("n1"));
  compare(w, ep::catalog::node_service_list, "/v1/catalog/node-services/n1", of_node("n1"));
  compare(w, ep::health::node_checks, "/v1/health/node/n1", of_node("n1"));
  compare(w, ep::health::service_checks, "/v1/health/checks/web", of_service("web"));
  compare(w, ep::health::service_nodes, "/v1/health/service/web", of_service("web"));
  rpc::check_state_request any;
  any.state = "any";
  compare(w, ep::health::checks_in_state, "/v1/health/state/any", any);
  compare(w, ep::kv::get, "/v1/kv/k/1", of_key("k/1"));
  compare(w, ep::kv::get, "/v1/kv/none", of_key("none"));
  compare(w, ep::kv::list, "/v1/kv/k?recurse", of_key("k"));
  rpc::key_list_request keys;
  keys.prefix = "k";
  compare(w, ep::kv::list_keys, "/v1/kv/k?keys", keys);
  rpc::session_request one;
  one.session_id = session_id;
  compare(w, ep::session::get, "/v1/session/info/" + std::string(session_id), one);
  compare(w, ep::session::list, "/v1/session/list", {});
  compare(w, ep::session::of_node, "/v1/session/node/n1", of_node("n1"));
  compare(w, ep::coordinates::list_nodes, "/v1/coordinate/nodes", {});
  compare(w, ep::coordinates::of_node, "/v1/coordinate/node/n1", of_node("n1"));
}
