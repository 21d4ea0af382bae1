#include "actors/members/core/agent_tags.hpp"
#include "actors/members/core/address_text.hpp"
#include <algorithm>
#include <array>
#include <charconv>

namespace actord::members {

namespace {

std::string_view tag(const tag_table& tags, std::string_view name) {
  const auto it = tags.find(std::string(name));
  return it == tags.end() ? std::string_view{} : std::string_view(it->second);
}

template <class T> bool parse_number(std::string_view text, T& out) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), out);
  return bad == std::errc() && end == text.data() + text.size();
}

// Absent is fine.
template <class T> bool parse_optional(const tag_table& tags, std::string_view name, T& out) {
  return !tags.contains(std::string(name)) || parse_number(tag(tags, name), out);
}

// The first "1.8.7" in a build's text.
std::optional<std::array<int, 3>> version_in(std::string_view text) {
  for (size_t at = 0; at < text.size(); ++at) {
    const char* p = text.data() + at;
    const char* const end = text.data() + text.size();
    std::array<int, 3> out{};
    size_t i = 0;
    for (; i < 3; ++i) {
      if (i > 0 && (p == end || *p++ != '.')) break;
      const bool digit = p != end && *p >= '0' && *p <= '9';
      if (!digit) break;
      const auto [next, bad] = std::from_chars(p, end, out[i]);
      if (bad != std::errc()) break;
      p = next;
    }
    if (i == 3) return out;
  }
  return {};
}

bool names_host_and_port(std::string_view text) {
  const auto colon = text.rfind(':');
  return colon != text.npos && colon + 1 < text.size();
}

// Ours; Consul passes over a tag that it does not know.
constexpr const char* level_tag = "actord_log";

} // namespace

tag_table agent_tags(const agent_profile& p, bool wan) {
  tag_table t{{"role", p.server ? "consul" : "node"}, {"dc", p.datacenter}, {"segment", p.segment}, {"id", p.id},
              {"vsn", std::to_string(p.protocol)}, {"vsn_min", "2"}, {"vsn_max", "3"}, {"build", p.build}, {"acls", p.acls}};
  if (!p.server) return t;
  t["port"] = std::to_string(p.rpc_port);
  t["raft_vsn"] = "3";
  t["ft_fs"] = "1";
  if (p.bootstrap) t["bootstrap"] = "1";
  if (p.expect != 0) t["expect"] = std::to_string(p.expect);
  if (p.non_voter) t["nonvoter"] = "1";
  if (p.use_tls) t["use_tls"] = "1";
  t[level_tag] = std::to_string(p.command_level);
  if (!wan && p.wan_join_port != 0) t["wan_join_port"] = std::to_string(p.wan_join_port);
  return t;
}

std::string server_member::rpc_address() const {
  return (ip.find(':') == std::string::npos ? ip : "[" + ip + "]") + ":" + std::to_string(rpc_port);
}

bool is_server(const tag_table& tags) {
  member m;
  m.tags = tags;
  return parse_server(m).has_value();
}

std::optional<server_member> parse_server(const member& m) {
  if (tag(m.tags, "role") != "consul") return {};
  server_member s;
  s.id = tag(m.tags, "id");
  s.name = m.name;
  s.datacenter = tag(m.tags, "dc");
  s.segment = tag(m.tags, "segment");
  s.build = tag(m.tags, "build");
  s.ip = ip_text(m.at.ip);
  s.bootstrap = m.tags.contains("bootstrap");
  s.non_voter = m.tags.contains("nonvoter");
  s.use_tls = m.tags.contains("use_tls");
  // Who is leaving is here until an event says that it has left: the farewell may be one of a former life.
  s.alive = m.status == member_status::alive || m.status == member_status::leaving;
  s.left = m.status == member_status::left;
  if (!parse_number(tag(m.tags, "port"), s.rpc_port) || !parse_number(tag(m.tags, "vsn"), s.version) || !version_in(s.build)) return {};
  if (!parse_optional(m.tags, "expect", s.expect) || !parse_optional(m.tags, "wan_join_port", s.wan_join_port) ||
      !parse_optional(m.tags, "raft_vsn", s.raft_version))
    return {};
  if (unsigned level = 0; parse_number(tag(m.tags, level_tag), level) && level > 0) s.command_level = level;
  for (const auto& [name, value] : m.tags) {
    int ignored = 0;
    if (name.starts_with("ft_") && !parse_number(value, ignored)) return {};
    if (name.starts_with("sl_") && !names_host_and_port(value)) return {};
  }
  return s;
}

std::optional<std::string> objection_lan(const agent_profile& own, std::string_view own_name, const std::vector<claim>& all) {
  std::map<std::string_view, std::string_view> by_id;
  for (const auto& c : all) {
    const auto id = tag(*c.tags, "id");
    const auto member = "Member '" + std::string(c.name) + "'";
    if (!id.empty() && !c.left) {
      const auto conflict = member + " has conflicting node ID '" + std::string(id) + "' with ";
      if (id == own.id && c.name != own_name) return conflict + "this agent's ID";
      // Agents before 0.8.5 derived it from the machine, so that two of them on one machine share it.
      if (const auto v = version_in(tag(*c.tags, "build")); v && *v >= std::array<int, 3>{0, 8, 5}) {
        const auto [other, fresh] = by_id.emplace(id, c.name);
        if (!fresh) return conflict + "member '" + std::string(other->second) + "'";
      }
    }
    const auto role = tag(*c.tags, "role"), dc = tag(*c.tags, "dc"), segment = tag(*c.tags, "segment");
    if ((role == "node" || is_server(*c.tags)) && dc != own.datacenter) return member + " part of wrong datacenter '" + std::string(dc) + "'";
    if (segment != own.segment) return member + " part of wrong segment '" + std::string(segment) + "' (expected '" + own.segment + "')";
  }
  return {};
}

std::optional<std::string> objection_wan(const std::vector<claim>& all) {
  for (const auto& c : all)
    if (!is_server(*c.tags)) return "Member '" + std::string(c.name) + "' is not a server";
  return {};
}

} // namespace actord::members
