// What this agent is: self, members, metrics.
#include "actors/agent/agent_actor.hpp"
#include "api/http/handlers/agent_handlers.hpp"
#include "runtime/config/loader.hpp"
#include "runtime/telemetry/metrics.hpp"
#include <fstream>
#include <thread>
#include <unistd.h>

namespace actord::http {

namespace {

using string_pairs = std::vector<std::pair<std::string, std::string>>;

void pairs_json(json_writer& w, string_pairs pairs) {
  std::sort(pairs.begin(), pairs.end());
  w.begin_object();
  for (auto& [k, v] : pairs) {
    w.key(k);
    w.string(v);
  }
  w.end_object();
}

// Serf's tags of a server (reference/gossip-wire.md).
string_pairs member_tags(const node_config& c, bool wan) {
  string_pairs t{{"acls", "0"},       {"build", std::string(consul_version) + ":"}, {"dc", c.datacenter},  {"ft_fs", "1"},
                 {"id", c.node_id},   {"port", std::to_string(c.port_server)},      {"raft_vsn", std::to_string(c.raft_protocol)},
                 {"role", "consul"},  {"segment", c.segment},                       {"vsn", std::to_string(c.protocol)},
                 {"vsn_max", "3"},    {"vsn_min", "2"}};
  if (c.bootstrap) t.emplace_back("bootstrap", "1");
  if (c.bootstrap_expect > 0) t.emplace_back("expect", std::to_string(c.bootstrap_expect));
  if (c.non_voting_server) t.emplace_back("nonvoter", "1");
  if (!wan && c.port_serf_wan > 0) t.emplace_back("wan_join_port", std::to_string(c.port_serf_wan));
  return t;
}

void member_json(json_writer& w, const node_config& c, bool wan) {
  const auto& where = wan ? c.serf_advertise_wan : c.serf_advertise_lan;
  auto number = [&](std::string_view name, int64_t n) {
    w.plain_key(name);
    w.number(n);
  };
  w.begin_object();
  w.plain_key("Name");
  w.string(wan ? c.node_name + "." + c.datacenter : c.node_name);
  w.plain_key("Addr");
  w.string(where.host.empty() ? c.advertise_addr : where.host);
  number("Port", where.port > 0 ? where.port : wan ? c.port_serf_wan : c.port_serf_lan);
  w.plain_key("Tags");
  pairs_json(w, member_tags(c, wan));
  number("Status", 1);
  number("ProtocolMin", 1);
  number("ProtocolMax", 5);
  number("ProtocolCur", 2);
  number("DelegateMin", 2);
  number("DelegateMax", 5);
  number("DelegateCur", 4);
  w.end_object();
}

// A field of /proc/self/status ("Threads", "VmRSS"); 0 when it is not there.
int64_t process_status(std::string_view field) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(field) && line.size() > field.size() && line[field.size()] == ':') return std::atoll(line.c_str() + field.size() + 1);
  return 0;
}

string_pairs serf_stats() {
  return {{"coordinate_resets", "0"}, {"encrypted", "false"}, {"event_queue", "0"}, {"event_time", "1"}, {"failed", "0"}, {"health_score", "0"},
          {"intent_queue", "0"},      {"left", "0"},          {"member_time", "1"}, {"members", "1"},    {"query_queue", "0"},
          {"query_time", "1"}};
}

// Raft's own numbers, and the versions of Consul's Raft that they stand for.
string_pairs raft_stats(const environment& env, const leader_info& leader) {
  string_pairs all = leader.stats;
  if (all.empty()) return all;
  all.insert(all.end(), {{"protocol_version", "3"}, {"protocol_version_max", "3"}, {"protocol_version_min", "0"},
                         {"snapshot_version_max", "1"}, {"snapshot_version_min", "0"}});
  // Of other servers only the addresses are known here.
  if (leader.peers.size() == 1)
    all.insert(all.end(), {{"latest_configuration", "[{Suffrage:Voter ID:" + env.config.node_id + " Address:" + leader.peers.front() + "}]"},
                           {"latest_configuration_index", "0"}});
  return all;
}

// Servers of this datacenter that a client agent can ask.
size_t known_servers(const environment& env) {
  if (!env.cluster.lan_members) return 0;
  auto view = env.cluster.lan_members->look();
  return static_cast<size_t>(std::count_if(view->members.begin(), view->members.end(), [&](auto& m) {
    auto role = m.tags.find("role"), dc = m.tags.find("dc");
    return m.status == members::member_status::alive && role != m.tags.end() && role->second == "consul" && dc != m.tags.end() &&
           dc->second == env.config.datacenter;
  }));
}

void stats_json(json_writer& w, const environment& env, const leader_info& leader) {
  const auto counts = env.board->count();
  auto group = [&](std::string_view name, string_pairs pairs) {
    w.plain_key(name);
    pairs_json(w, std::move(pairs));
  };
  auto flag = [](bool b) { return std::string(b ? "true" : "false"); };
  const std::string cpus = std::to_string(std::max(1U, std::thread::hardware_concurrency()));
  w.begin_object();
  group("agent", {{"check_monitors", std::to_string(counts.script_checks)},
                  {"check_ttls", std::to_string(counts.ttl_checks)},
                  {"checks", std::to_string(counts.checks)},
                  {"services", std::to_string(counts.services)}});
  group("build", {{"prerelease", ""}, {"revision", ""}, {"version", std::string(consul_version)}});
  if (!env.config.server)
    group("consul", {{"acl", "disabled"}, {"known_servers", std::to_string(known_servers(env))}, {"server", "false"}});
  else
    group("consul", {{"acl", "disabled"},
                     {"bootstrap", flag(env.config.bootstrap)},
                     {"known_datacenters", "1"},
                     {"leader", flag(env.status.leader)},
                     {"leader_addr", leader.address},
                     {"server", flag(env.config.server)}});
  if (env.config.server) group("raft", raft_stats(env, leader));
  group("runtime", {{"arch", "amd64"}, {"cpu_count", cpus}, {"goroutines", std::to_string(process_status("Threads"))},
                    {"max_procs", cpus}, {"os", "linux"}, {"version", "consul-actord"}});
  group("serf_lan", serf_stats());
  if (env.config.server) group("serf_wan", serf_stats());
  w.end_object();
}

void self_json(response& out, const environment& env, const leader_info& leader) {
  const node_config& c = env.config;
  auto w = out.begin_json();
  auto text = [&](std::string_view name, std::string_view value) {
    w.plain_key(name);
    w.string(value);
  };
  w.begin_object();
  w.plain_key("Config");
  w.begin_object();
  text("Datacenter", c.datacenter);
  text("NodeName", c.node_name);
  text("NodeID", c.node_id);
  text("Revision", "");
  w.plain_key("Server");
  w.boolean(c.server);
  text("Version", consul_version);
  w.end_object();
  w.plain_key("DebugConfig");
  w.raw(debug_config_json(c));
  w.plain_key("Coord");
  w.raw(R"({"Vec":[0,0,0,0,0,0,0,0],"Error":1.5,"Adjustment":0,"Height":0.00001})");
  w.plain_key("Member");
  member_json(w, c, false);
  w.plain_key("Stats");
  stats_json(w, env, leader);
  w.plain_key("Meta");
  string_pairs meta(c.node_meta.begin(), c.node_meta.end());
  meta.emplace_back("consul-network-segment", c.segment);
  pairs_json(w, std::move(meta));
  w.end_object();
}

} // namespace

void agent_self(exchange& x) {
  if (!x.env.config.server) return self_json(x.out, x.env, {});
  auto later = x.defer();
  const environment* env = &x.env; // lives as long as the loop's actor that answers
  x.env.self->request(x.env.router, caf::infinite, leader_query{})
      .then([later, env](const leader_info& l) { later.answer([&](response& out) { self_json(out, *env, l); }); },
            [later, env](const caf::error&) { later.answer([&](response& out) { self_json(out, *env, {}); }); });
}

void agent_members(exchange& x) {
  const bool wan = !x.req.param("wan").empty();
  const std::string_view segment = x.req.param("segment");
  if (wan && !segment.empty() && segment != "_all") return x.out.text(400, "Cannot provide a segment with wan=true");
  if (!segment.empty() && segment != "_all") return x.out.text(500, "Network segments are not supported in this version of Consul");
  auto w = x.out.begin_json();
  w.begin_array();
  if (!wan || x.env.config.port_serf_wan > 0) member_json(w, x.env.config, wan);
  w.end_array();
}

void agent_metrics(exchange& x) {
  const std::string_view accept = x.req.header("Accept");
  const bool prometheus = x.req.param("format") == "prometheus" || accept.starts_with("application/openmetrics-text") ||
                          accept.starts_with("text/plain;version=0.4.0");
  if (!prometheus) return x.out.json(telemetry::metrics_json());
  if (x.env.config.telemetry_prometheus_retention_time.count() <= 0)
    return x.out.text(415, "Prometheus is not enabled since its retention time is not positive");
  x.out.kind = body_kind::other;
  x.out.content_type = "text/plain; version=0.0.4; charset=utf-8";
  x.out.body = telemetry::metrics_prometheus();
}

} // namespace actord::http
