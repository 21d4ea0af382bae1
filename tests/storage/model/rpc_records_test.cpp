// What real agents and servers said to each other over RPC, through our records and back.
#include "runtime/base/msgpack_codec.hpp"
#include "storage/model/autopilot.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"
#include "tests/support/rpc_vectors.hpp"
#include <doctest/doctest.h>
#include <functional>
#include <set>

using namespace actord;
using namespace actord::rpc;

namespace {

std::string_view body_of(std::string_view whole) {
  msgpack_reader r(whole);
  r.skip();
  return {r.position(), r.remaining()};
}

// The same value with its maps in one order: Go writes them in any.
std::string sorted(std::string_view bytes) {
  free_value v;
  from_msgpack(bytes, v);
  return to_msgpack(v);
}

template <class T> void comes_back(std::string_view bytes) {
  T x{};
  CHECK(from_msgpack(bytes, x));
  const auto again = to_msgpack(x);
  CHECK(again.size() == bytes.size());
  CHECK(sorted(again) == sorted(bytes));
}

struct shape {
  std::function<void(std::string_view)> request, answer;
};
template <class Request, class Answer> shape of() { return {comes_back<Request>, comes_back<Answer>}; }

const std::map<std::string, shape> shapes = {
    {"Catalog.Register", of<register_request, nothing>()},
    {"Catalog.Deregister", of<deregister_request, nothing>()},
    {"Catalog.ListNodes", of<datacenter_request, nodes_reply>()},
    {"Catalog.ListServices", of<datacenter_request, services_reply>()},
    {"Catalog.ServiceNodes", of<service_request, service_nodes_reply>()},
    {"Catalog.NodeServices", of<node_request, node_services_reply>()},
    {"Catalog.NodeServiceList", of<node_request, node_service_list_reply>()},
    {"Catalog.ListDatacenters", of<options_request, string_slice>()},
    {"Health.NodeChecks", of<node_request, checks_reply>()},
    {"Health.ServiceChecks", of<service_request, checks_reply>()},
    {"Health.ChecksInState", of<check_state_request, checks_reply>()},
    {"Health.ServiceNodes", of<service_request, instances_reply>()},
    {"KVS.Get", of<key_request, entries_reply>()},
    {"KVS.List", of<key_request, entries_reply>()},
    {"KVS.ListKeys", of<key_list_request, keys_reply>()},
    {"Session.Apply", of<session_apply_request, std::string>()},
    {"Session.Get", of<session_request, sessions_reply>()},
    {"Session.List", of<session_request, sessions_reply>()},
    {"Session.Renew", of<session_request, sessions_reply>()},
    {"Session.NodeSessions", of<node_request, sessions_reply>()},
    {"Coordinate.Update", of<coordinate_update_request, nothing>()},
    {"Coordinate.ListNodes", of<datacenter_request, coordinates_reply>()},
    {"Coordinate.Node", of<node_request, coordinates_reply>()},
    {"Coordinate.ListDatacenters", of<nothing, list_of<datacenter_coordinates>>()},
    {"Status.Leader", of<datacenter_request, std::string>()},
    {"Status.Peers", of<datacenter_request, string_slice>()},
    {"Status.Ping", of<nothing, nothing>()},
    {"Internal.EventFire", of<event_fire_request, meta_reply>()},
    {"Internal.NodeDump", of<datacenter_request, node_dump_reply>()},
    {"Internal.ServiceDump", of<service_dump_request, instances_reply>()},
    {"Txn.Apply", {{}, comes_back<txn_apply_reply>}},
    {"Txn.Read", {{}, comes_back<txn_read_reply>}},
    {"Operator.RaftGetConfiguration", of<datacenter_request, raft_configuration_reply>()},
    {"Operator.AutopilotGetConfiguration", of<datacenter_request, autopilot_config>()},
    {"Operator.ServerHealth", of<datacenter_request, server_health_reply>()},
};

} // namespace

TEST_CASE("captured calls decode into our records and encode to the same again") {
  std::set<std::string> seen;
  for (const auto& v : test::rpc_vectors()) {
    auto s = shapes.find(v.method);
    if (s == shapes.end()) continue;
    CAPTURE(v.method);
    seen.insert(v.method);
    if (s->second.request) s->second.request(body_of(v.request));
    if (v.failure.empty()) s->second.answer(body_of(v.answer));
    else CHECK(body_of(v.answer) == "\x80");
  }
  CHECK(seen.size() == shapes.size());
}
