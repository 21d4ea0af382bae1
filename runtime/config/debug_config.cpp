#include "runtime/base/json_writer.hpp"
#include "runtime/base/secrets.hpp"
#include "runtime/config/field_table.hpp"
#include "runtime/config/loader.hpp"

namespace actord {
namespace {

struct json_of_member {
  const node_config& c;
  bool zero;
  std::string operator()(std::monostate) const { return "null"; }
  std::string operator()(bool node_config::*m) const { return c.*m ? "true" : "false"; }
  std::string operator()(int node_config::*m) const { return std::to_string(zero ? 0 : c.*m); }
  std::string operator()(int64_t node_config::*m) const { return std::to_string(zero ? 0 : c.*m); }
  std::string operator()(uint32_t node_config::*m) const { return std::to_string(c.*m); }
  std::string operator()(double node_config::*m) const { return to_json(config_value::of_real(c.*m)); }
  std::string operator()(std::string node_config::*m) const { return text(c.*m); }
  std::string operator()(nanos node_config::*m) const { return text(format_duration(zero ? nanos(0) : c.*m)); }
  std::string operator()(string_list node_config::*m) const { return list(c.*m); }
  std::string operator()(string_map node_config::*m) const {
    auto v = config_value::of_object();
    for (auto& [key, value] : c.*m) v.object.emplace_back(key, config_value::of_string(value));
    return to_json(v);
  }
  std::string operator()(std::map<std::string, nanos> node_config::*m) const {
    auto v = config_value::of_object();
    for (auto& [key, value] : c.*m) v.object.emplace_back(key, config_value::of_string(format_duration(value)));
    return to_json(v);
  }
  std::string operator()(std::vector<config_value> node_config::*m) const { return to_json(config_value::of_list(c.*m)); }
  std::string operator()(config_value node_config::*m) const {
    return (c.*m).is_null() ? "{}" : to_json(c.*m);
  }

  static std::string text(const std::string& s) { return to_json(config_value::of_string(s)); }
  static std::string list(const string_list& words) {
    auto v = config_value::of_list();
    for (auto& w : words) v.list.push_back(config_value::of_string(w));
    return to_json(v);
  }
};

bool same_as_default(const field_row& row, const node_config& c) {
  static const node_config defaults;
  return std::visit(
      [&](auto m) {
        if constexpr (std::is_same_v<decltype(m), std::monostate>) return true;
        else return c.*m == defaults.*m;
      },
      row.member);
}

string_list urls(const listen_list& from, bool udp) {
  string_list out;
  for (auto& l : from) out.push_back(l.is_unix() ? "unix://" + l.unix_path : "tcp://" + l.host_port());
  if (udp)
    for (auto& l : from) out.push_back("udp://" + l.host_port());
  return out;
}

std::string url(const listen_address& l) { return json_of_member::text("tcp://" + l.host_port()); }

using object = std::map<std::string, std::string>;

void add_derived(object& o, const node_config& c) {
  using j = json_of_member;
  o["ACLDatacenter"] = j::text(c.primary_datacenter);
  o["ACLDisabledTTL"] = j::text("2m0s");
  o["ClientAddrs"] = j::list(c.client_addrs);
  o["DNSAddrs"] = j::list(urls(c.dns_addrs, true));
  o["HTTPAddrs"] = j::list(urls(c.http_addrs, false));
  o["HTTPSAddrs"] = j::list(urls(c.https_addrs, false));
  o["GRPCAddrs"] = j::list(urls(c.grpc_addrs, false));
  o["RPCBindAddr"] = url(c.rpc_bind);
  o["RPCAdvertiseAddr"] = url(c.rpc_advertise);
  o["SerfBindAddrLAN"] = url(c.serf_bind_lan);
  o["SerfBindAddrWAN"] = c.port_serf_wan < 0 ? "null" : url(c.serf_bind_wan);
  o["SerfAdvertiseAddrLAN"] = url(c.serf_advertise_lan);
  o["SerfAdvertiseAddrWAN"] = c.port_serf_wan < 0 ? "null" : url(c.serf_advertise_wan);
  const nanos tick = raft_tick(c);
  o["ConsulRaftElectionTimeout"] = o["ConsulRaftHeartbeatTimeout"] = j::text(format_duration(tick * raft_patience_ticks));
  o["ConsulRaftLeaderLeaseTimeout"] = j::text(format_duration(raft_lease(tick)));
  o["ConsulServerHealthInterval"] = j::text(format_duration(c.server_health_interval));
  o["ConsulCoordinateUpdatePeriod"] = j::text(format_duration(c.coordinate_update_period));
  o["ConsulCoordinateUpdateBatchSize"] = "128";
  o["ConsulCoordinateUpdateMaxBatches"] = "5";
  o["DevMode"] = c.dev_mode ? "true" : "false";
  o["EnterpriseRuntimeConfig"] = "{}";
  o["Checks"] = to_json(config_value::of_list(c.checks));
  o["Services"] = to_json(config_value::of_list(c.services));
  o["Revision"] = o["VersionPrerelease"] = "\"\"";
  o["Version"] = "\"1.8.7\""; // whose behaviour this is
  o["SegmentLimit"] = o["SegmentNameLimit"] = "64";
  o["Segments"] = "[]";
  o["TLSCipherSuites"] = "[]";
}

// What is asked for and has no effect is shown as it is without.
void forget_what_has_no_effect(node_config& c) {
  static const node_config fresh;
  for (auto& row : field_table()) {
    if (row.state == support::active || row.state == support::internal) continue;
    std::visit(
        [&](auto m) {
          if constexpr (!std::is_same_v<decltype(m), std::monostate>) c.*m = fresh.*m;
        },
        row.member);
  }
  c.primary_datacenter = c.datacenter;
  c.https_addrs.clear();
  c.grpc_addrs.clear();
}

string_list filters(const node_config& c, char sign) {
  string_list out;
  for (auto& rule : c.telemetry_prefix_filter)
    if (rule.size() > 1 && rule[0] == sign) out.push_back(rule.substr(1));
  return out;
}

// Texts under a name that says so, at any depth; in all other texts what is a secret by itself.
void hide(config_value& v, bool secret) {
  if (v.is_string()) v = config_value::of_string(secret ? "hidden" : hide_secrets(v.string));
  std::vector<std::string> words;
  for (auto& one : v.list) words.push_back(one.is_string() ? one.string : "");
  words = hide_secrets_in(std::move(words)); // of a script, say
  for (size_t i = 0; i < v.list.size(); ++i) {
    if (v.list[i].is_string() && !secret) v.list[i] = config_value::of_string(words[i]);
    else hide(v.list[i], secret);
  }
  for (auto& [key, one] : v.object) hide(one, secret || names_secret(key));
}

void hide(string_map& map) {
  for (auto& [key, value] : map) value = names_secret(key) ? "hidden" : hide_secrets(value);
}

void hide_all(node_config& c) {
  for (auto* all : {&c.services, &c.checks, &c.watches, &c.config_entries_bootstrap})
    for (auto& one : *all) hide(one, false);
  hide(c.connect_ca_config, false);
  for (auto& row : field_table()) {
    if (auto* text = std::get_if<std::string node_config::*>(&row.member)) c.**text = hide_secrets(c.**text);
    if (auto* list = std::get_if<string_list node_config::*>(&row.member))
      c.**list = hide_secrets_in(c.**list);
    if (auto* map = std::get_if<string_map node_config::*>(&row.member)) hide(c.**map);
  }
}

} // namespace

std::string debug_config_json(const node_config& config) {
  auto c = config;
  forget_what_has_no_effect(c);
  hide_all(c);
  object top;
  std::map<std::string, object> nested;
  add_derived(top, c);
  nested["Telemetry"] = {{"AllowedPrefixes", json_of_member::list(filters(c, '+'))},
                         {"BlockedPrefixes", json_of_member::list(filters(c, '-'))},
                         {"Disable", "false"}};
  nested["Logging"] = {{"Name", "\"\""}};
  for (auto& row : field_table()) {
    if (row.go_name.empty()) continue;
    if (row.member.index() == 0 && top.contains(std::string(row.go_name))) continue;
    const bool unset_text = row.member.index() == 0 && row.type == field_type::text;
    const auto text = row.secret ? std::string("\"hidden\"") : unset_text ? std::string("\"\"")
                                 : std::visit(json_of_member{c, row.zero_default && same_as_default(row, c)}, row.member);
    const auto dot = row.go_name.find('.');
    if (dot == std::string_view::npos) top[std::string(row.go_name)] = text;
    else nested[std::string(row.go_name.substr(0, dot))][std::string(row.go_name.substr(dot + 1))] = text;
  }
  const auto write = [](const object& o) {
    std::string out;
    json_writer w(out);
    w.begin_object();
    for (auto& [key, value] : o) {
      w.key(key);
      w.raw(value);
    }
    w.end_object();
    return out;
  };
  for (auto& [key, o] : nested) top[key] = write(o);
  return write(top);
}

} // namespace actord
