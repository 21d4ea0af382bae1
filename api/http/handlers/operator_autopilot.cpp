// /v1/operator/autopilot/: its configuration, and what it thinks of the servers.
#include "actors/autopilot/autopilot_board.hpp"
#include "actors/members/pool_server.hpp"
#include "actors/messages/rpc_messages.hpp"
#include "api/endpoints/operation.hpp"
#include "api/http/body_work.hpp"
#include "api/http/routes.hpp"
#include "api/http/write.hpp"
#include "storage/model/rpc_replies.hpp"
#include <algorithm>
#include <charconv>

namespace actord::http {
namespace {

constexpr answer_style plain{.send_consistency = false, .honours_cached = false, .meta_on_error = false, .plain = true};

struct as_json {
  void write(response& out, const autopilot_config& c) const { out.json_of(c); }
};

// Go names the type of the client library in what it says of a field.
std::string as_go_says(std::string text) {
  if (auto at = text.find("struct field ."); at != text.npos) text.insert(at + 13, "AutopilotConfiguration");
  if (auto at = text.find("Go value of type struct"); at != text.npos) text.replace(at + 17, 6, "api.AutopilotConfiguration");
  return text;
}

void take_config(exchange& x, decoded_body<autopilot_config>& d) {
  query_options o;
  if (!x.options(o)) return;
  if (!d.outcome) return x.out.text(400, "Bad request: Error parsing autopilot config: " + as_go_says(d.outcome.err().text));
  auto r = arguments_of<autopilot_request>(x, o);
  r.config = std::move(d.record);
  if (x.req.has_param("cas")) {
    std::string_view text = x.req.param("cas");
    auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), r.config.modify_index);
    if (failure != std::errc{} || end != text.data() + text.size()) {
      bool digits = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
      return x.out.text(400, "Bad request: Error parsing cas value: strconv.ParseUint: parsing \"" + std::string(text) + "\": " +
                                 (digits ? "value out of range" : "invalid syntax"));
    }
    r.cas = true;
  }
  write<endpoints::operation::set_autopilot_configuration, show_done>(x, std::move(r));
}

void put_config(exchange& x) { with_record<autopilot_config>(x, take_config); }

using autopilot::cluster_view;
using autopilot::server_health;

// The view, or null when the request was answered.
std::shared_ptr<const cluster_view> last_view(exchange& x) {
  query_options o;
  if (!x.options(o)) return nullptr;
  if (!o.datacenter.empty() && o.datacenter != x.env.config.datacenter) return x.out.text(500, as_server(x.env, "No path to datacenter")), nullptr;
  auto view = x.env.autopilot ? x.env.autopilot->view() : nullptr;
  if (!view || !view->known) return x.out.text(500, "No cluster leader"), nullptr;
  return view;
}

std::string contact_text(const server_health& s) {
  // Consul's word for one that was not heard of since this leader leads.
  return format_duration(s.last_contact_ms < 0 ? nanos(-1) : nanos(std::chrono::milliseconds(s.last_contact_ms)));
}

std::string stable_text(const server_health& s) {
  wall_time t;
  t.seconds = s.stable_since;
  return format_wall_time(t);
}

using members::pool_server;

// What gossip knows of the servers, in their order.
std::vector<pool_server> known_to_pool(const environment& env, const std::vector<server_health>& servers) {
  std::vector<pool_server> out;
  for (auto& s : servers) out.push_back(members::server_by_id(env.cluster.lan_members, s.id));
  return out;
}

// What both shapes have, up to StableSince.
void write_server(json_writer& w, const server_health& s, const pool_server& known, std::string_view liveness, bool with_leader) {
  w.plain_key("ID"), w.string(s.id);
  w.plain_key("Name"), w.string(s.name);
  w.plain_key("Address"), w.string(s.address);
  w.plain_key(liveness), w.string(members::status_text(known.status));
  w.plain_key("Version"), w.string(known.version);
  if (with_leader) w.plain_key("Leader"), w.boolean(s.leader);
  w.plain_key("LastContact"), w.string(contact_text(s));
  w.plain_key("LastTerm"), w.number(s.last_term);
  w.plain_key("LastIndex"), w.number(s.last_index);
  w.plain_key("Healthy"), w.boolean(s.healthy);
  if (with_leader) w.plain_key("Voter"), w.boolean(s.voter);
  w.plain_key("StableSince"), w.string(stable_text(s));
}

void tell_health(const cluster_view& view, const std::vector<pool_server>& known, response& out) {
  auto w = out.begin_json();
  w.begin_object();
  w.plain_key("Healthy"), w.boolean(view.healthy);
  w.plain_key("FailureTolerance"), w.number(view.failure_tolerance);
  w.plain_key("Servers");
  w.begin_array();
  for (size_t i = 0; i < view.servers.size(); ++i) {
    w.begin_object();
    write_server(w, view.servers[i], known[i], "SerfStatus", true);
    w.end_object();
  }
  w.end_array();
  w.end_object();
  if (!view.healthy) out.status = 429;
}

// A client agent's answer is that of Operator.ServerHealth.
using remote_health = rpc::server_health_reply;

cluster_view view_of(const remote_health& h, std::vector<pool_server>& known) {
  cluster_view out;
  out.known = true;
  out.healthy = h.healthy;
  out.failure_tolerance = static_cast<decltype(out.failure_tolerance)>(h.failure_tolerance);
  for (auto& s : h.servers) {
    auto& to = out.servers.emplace_back();
    to.id = s.id;
    to.name = s.name;
    to.address = s.address;
    known.push_back({s.version, {}, static_cast<members::member_status>(std::clamp<int64_t>(s.serf_status, 0, 4))});
    to.leader = s.leader;
    to.last_contact_ms = s.last_contact.count() < 0 ? -1 : s.last_contact.count() / 1000000;
    to.last_term = s.last_term;
    to.last_index = s.last_index;
    to.healthy = s.healthy;
    to.voter = s.voter;
    to.stable_since = s.stable_since.seconds;
  }
  return out;
}

void ask_health(exchange& x) {
  query_options o;
  if (!x.options(o)) return;
  std::string arguments;
  msgpack_writer w(arguments);
  w.map(1);
  w.raw("Datacenter"), w.raw(o.datacenter.empty() ? std::string_view(x.env.config.datacenter) : o.datacenter);
  auto later = x.defer();
  x.env.self->request(x.env.cluster.rpc, caf::infinite, rpc_call{"Operator.ServerHealth", std::move(arguments), nanos(0), true})
      .then([later](rpc_answer& a) {
              later.answer([&](response& out) {
                remote_health h;
                std::vector<pool_server> known;
                if (a.failure.code != errc::none) out.fail(a.failure);
                else if (!from_msgpack(a.body, h)) out.text(500, "a server's answer about its health is malformed");
                else {
                  const auto view = view_of(h, known);
                  tell_health(view, known, out);
                }
              });
            },
            [later](caf::error&) { later.answer([](response& out) { out.text(500, "agent is stopping"); }); });
}

} // namespace

void operator_autopilot_configuration(exchange& x) {
  if (x.req.method_verb != verb::get) return put_config(x);
  query_options o;
  if (x.options(o)) x.read(bind<endpoints::operation::autopilot_configuration>(plain, arguments_of<rpc::datacenter_request>(x, o), as_json{}), o);
}

void operator_autopilot_health(exchange& x) {
  if (!x.env.views.has_store()) return ask_health(x);
  auto view = last_view(x);
  if (view) tell_health(*view, known_to_pool(x.env, view->servers), x.out);
}

// Of Consul 1.9 and later.
void operator_autopilot_state(exchange& x) {
  auto view = last_view(x);
  if (!view) return;
  auto servers = view->servers;
  std::sort(servers.begin(), servers.end(), [](auto& a, auto& b) { return a.id < b.id; });
  auto w = x.out.begin_json();
  w.begin_object();
  w.plain_key("Healthy"), w.boolean(view->healthy);
  w.plain_key("FailureTolerance"), w.number(view->failure_tolerance);
  w.plain_key("OptimisticFailureTolerance"), w.number(view->failure_tolerance);
  w.plain_key("Servers");
  w.begin_object();
  for (auto& s : servers) {
    w.key(s.id);
    w.begin_object();
    write_server(w, s, members::server_by_id(x.env.cluster.lan_members, s.id), "NodeStatus", false);
    w.plain_key("ReadReplica"), w.boolean(s.never_votes);
    w.plain_key("Status"), w.string(s.leader ? "leader" : s.voter ? "voter" : "non-voter");
    w.plain_key("Meta"), w.begin_object(), w.end_object();
    w.plain_key("NodeType"), w.string(s.never_votes ? "read-replica" : "voter");
    w.end_object();
  }
  w.end_object();
  w.plain_key("Leader"), w.string(view->leader);
  w.plain_key("Voters");
  w.begin_array();
  for (auto& s : servers)
    if (s.voter) w.string(s.id);
  w.end_array();
  w.end_object();
}

} // namespace actord::http
