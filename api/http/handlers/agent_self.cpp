// What this agent is: self, metrics.
#include "actors/agent/agent_actor.hpp"
#include "actors/coordinate/datacenter_maps.hpp"
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

void place_json(json_writer& w, const coordinate::coordinate& c) {
  w.begin_object();
  w.plain_key("Vec");
  w.begin_array();
  for (const double v : c.vec) w.number(v);
  w.end_array();
  w.plain_key("Error"), w.number(c.error);
  w.plain_key("Adjustment"), w.number(c.adjustment);
  w.plain_key("Height"), w.number(c.height);
  w.end_object();
}

// A field of /proc/self/status ("Threads", "VmRSS"); 0 when it is not there.
int64_t process_status(std::string_view field) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(field) && line.size() > field.size() && line[field.size()] == ':') return std::atoll(line.c_str() + field.size() + 1);
  return 0;
}

// What Go calls the machine that this program was built for.
constexpr std::string_view architecture =
#if defined(__x86_64__)
    "amd64";
#elif defined(__aarch64__)
    "arm64";
#elif defined(__i386__)
    "386";
#elif defined(__arm__)
    "arm";
#elif defined(__riscv)
    "riscv64";
#elif defined(__powerpc64__)
    "ppc64le";
#elif defined(__s390x__)
    "s390x";
#else
    "unknown";
#endif

// Datacenters of which the WAN pool knows a server.
size_t known_datacenters(const environment& env) {
  const auto wan = env.cluster.wan_members ? env.cluster.wan_members->look() : std::make_shared<const pool_view>();
  return coordinate::nearest_datacenters(*wan, env.config.datacenter).size();
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
                     {"known_datacenters", std::to_string(known_datacenters(env))},
                     {"leader", flag(env.status.leader)},
                     {"leader_addr", leader.address},
                     {"server", flag(env.config.server)}});
  if (env.config.server) group("raft", leader.stats);
  group("runtime", {{"arch", std::string(architecture)}, {"cpu_count", cpus}, {"goroutines", std::to_string(process_status("Threads"))},
                    {"max_procs", cpus}, {"os", "linux"}, {"version", "consul-actord"}});
  if (env.cluster.lan_members) group("serf_lan", env.cluster.lan_members->look()->stats);
  if (env.cluster.wan) group("serf_wan", env.cluster.wan_members->look()->stats);
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
  const auto pool = env.cluster.lan_members ? env.cluster.lan_members->look() : std::make_shared<const pool_view>();
  if (c.disable_coordinates) w.null();
  else place_json(w, pool->where);
  w.plain_key("Member");
  const auto* own = pool->find(pool->self);
  member_json(w, own ? *own : members::member{});
  w.plain_key("Stats");
  stats_json(w, env, leader);
  w.plain_key("Meta");
  const auto own_meta = env.board ? env.board->node_meta() : c.node_meta;
  string_pairs meta(own_meta.begin(), own_meta.end());
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
