// /v1/operator/autopilot/: its configuration, and what it thinks of the servers.
#include "actors/autopilot/autopilot_board.hpp"
#include "actors/members/pool_server.hpp"
#include "api/endpoints/operation.hpp"
#include "api/http/ask.hpp"
#include "api/http/body_work.hpp"
#include "api/http/routes.hpp"
#include "api/http/write.hpp"
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

// The view, or null when the request was answered.
std::shared_ptr<const autopilot::cluster_view> last_view(exchange& x) {
  query_options o;
  if (!x.options(o)) return nullptr;
  if (!o.datacenter.empty() && o.datacenter != x.env.config.datacenter) return x.out.text(500, as_server(x.env, "No path to datacenter")), nullptr;
  auto view = x.env.autopilot ? x.env.autopilot->view() : nullptr;
  if (!view || !view->known) return x.out.text(500, "No cluster leader"), nullptr;
  return view;
}

using record = rpc::server_health_record;

// What both shapes have, up to StableSince.
void write_server(json_writer& w, const record& s, std::string_view liveness, bool with_leader) {
  w.plain_key("ID"), w.string(s.id);
  w.plain_key("Name"), w.string(s.name);
  w.plain_key("Address"), w.string(s.address);
  w.plain_key(liveness), w.string(members::status_text(static_cast<members::member_status>(std::clamp<int64_t>(s.serf_status, 0, 4))));
  w.plain_key("Version"), w.string(s.version);
  if (with_leader) w.plain_key("Leader"), w.boolean(s.leader);
  w.plain_key("LastContact"), w.string(format_duration(s.last_contact));
  w.plain_key("LastTerm"), w.number(s.last_term);
  w.plain_key("LastIndex"), w.number(s.last_index);
  w.plain_key("Healthy"), w.boolean(s.healthy);
  if (with_leader) w.plain_key("Voter"), w.boolean(s.voter);
  w.plain_key("StableSince"), w.string(format_wall_time(s.stable_since));
}

void show_health(const rpc::server_health_reply& h, response& out) {
  auto w = out.begin_json();
  w.begin_object();
  w.plain_key("Healthy"), w.boolean(h.healthy);
  w.plain_key("FailureTolerance"), w.number(h.failure_tolerance);
  w.plain_key("Servers");
  w.begin_array();
  for (auto& s : h.servers) {
    w.begin_object();
    write_server(w, s, "SerfStatus", true);
    w.end_object();
  }
  w.end_array();
  w.end_object();
  if (!h.healthy) out.status = 429;
}

} // namespace

void operator_autopilot_configuration(exchange& x) {
  if (x.req.method_verb != verb::get) return put_config(x);
  query_options o;
  if (x.options(o)) x.read(bind<endpoints::operation::autopilot_configuration>(plain, arguments_of<rpc::datacenter_request>(x, o), as_json{}), o);
}

void operator_autopilot_health(exchange& x) {
  query_options o;
  if (x.options(o)) ask(x, dispatch::server_health, arguments_of<rpc::datacenter_request>(x, o), show_health);
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
    write_server(w, dispatch::health_of(s, x.env.cluster), "NodeStatus", false);
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
