#include "actors/leader/core/reconcile.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <charconv>

namespace actord::leader {

namespace {

std::string_view tag(const members::member& m, const std::string& name) {
  auto at = m.tags.find(name);
  return at == m.tags.end() ? std::string_view() : std::string_view(at->second);
}

std::optional<int64_t> number(std::string_view text) {
  int64_t out = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failure != std::errc{} || end != text.data() + text.size()) return {};
  return out;
}

// The three numbers of "1.8.7:abc"; "" when there are none.
std::string version_in(std::string_view build) {
  for (size_t from = 0; from < build.size(); ++from) {
    if (build[from] < '0' || build[from] > '9') continue;
    size_t at = from, parts = 0;
    while (at < build.size()) {
      const auto begin = at;
      while (at < build.size() && build[at] >= '0' && build[at] <= '9') ++at;
      if (at == begin) break;
      if (++parts == 3) return std::string(build.substr(from, at - from));
      if (at >= build.size() || build[at] != '.') break;
      ++at;
    }
  }
  return {};
}

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

const health_check* serf_health(const node_picture& c) {
  auto at = std::find_if(c.checks.begin(), c.checks.end(), [](auto& x) { return x.check_id == serf_check_id; });
  return at == c.checks.end() ? nullptr : &*at;
}

health_check health_of(const std::string& node, std::string_view status, std::string_view output) {
  health_check c;
  c.node = node;
  c.check_id = serf_check_id;
  c.name = serf_check_name;
  c.status = status;
  c.output = output;
  return c;
}

} // namespace

std::string ip_text(std::string_view ip) {
  static constexpr std::string_view mapped{"\0\0\0\0\0\0\0\0\0\0\xff\xff", 12}; // an IPv4 address as IPv6 (RFC 4291, 2.5.5.2)
  if (ip.size() == 16 && ip.starts_with(mapped)) ip.remove_prefix(mapped.size());
  if (ip.size() != 4 && ip.size() != 16) return {};
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(ip.size() == 4 ? AF_INET : AF_INET6, ip.data(), text, sizeof text);
  return text;
}

std::optional<server_tags> server_of(const members::member& m) {
  if (tag(m, "role") != "consul") return {};
  server_tags out;
  const auto port = number(tag(m, "port"));
  out.version = version_in(tag(m, "build"));
  if (!port || !number(tag(m, "vsn")) || out.version.empty()) return {};
  for (auto* optional : {"expect", "wan_join_port", "raft_vsn", "ft_fs"})
    if (auto text = tag(m, optional); !text.empty() && !number(text)) return {};
  out.port = *port;
  out.id = tag(m, "id");
  out.raft_version = tag(m, "raft_vsn").empty() ? "0" : std::string(tag(m, "raft_vsn"));
  out.non_voter = m.tags.contains("nonvoter");
  return out;
}

bool is_ours(const members::member& m, const std::string& datacenter) {
  if (tag(m, "dc") != datacenter) return false;
  return tag(m, "role") == "node" || (tag(m, "segment").empty() && server_of(m));
}

bool lives_on(const std::vector<members::member>& all, const std::string& node, const std::string& raft_id) {
  return std::any_of(all.begin(), all.end(), [&](auto& m) {
    if (m.status != members::member_status::alive || lower(m.name) == lower(node)) return false;
    const auto server = server_of(m);
    return server && server->id == raft_id;
  });
}

standing standing_of(const members::member& m) {
  switch (m.status) {
  case members::member_status::alive: return standing::alive;
  case members::member_status::failed: return standing::failed;
  case members::member_status::left: return standing::left;
  default: return standing::other;
  }
}

standing standing_after(members::member_change change) {
  switch (change) {
  case members::member_change::failed: return standing::failed;
  case members::member_change::leave: return standing::left;
  case members::member_change::reap: return standing::reaped;
  default: return standing::alive;
  }
}

node_service service_of(const members::member& m, const server_tags& s) {
  node_service out;
  out.id = out.service = consul_service;
  out.tags.set = true;
  out.port = s.port;
  out.weights = service_weights{};
  out.meta.set = true;
  out.meta["non_voter"] = s.non_voter ? "true" : "false";
  out.meta["raft_version"] = s.raft_version;
  out.meta["serf_protocol_min"] = std::to_string(m.vsn[0]);
  out.meta["serf_protocol_max"] = std::to_string(m.vsn[1]);
  out.meta["serf_protocol_current"] = std::to_string(m.vsn[2]);
  out.meta["version"] = s.version;
  return out;
}

register_request reconcile::base(const members::member& m) const {
  register_request r;
  r.datacenter = o_.datacenter;
  r.node = m.name;
  r.id = tag(m, "id");
  r.address = ip_text(m.at.ip);
  return r;
}

step reconcile::settle(const members::member& m, standing how, const node_picture& c) const {
  if (!is_ours(m, o_.datacenter)) return {};
  switch (how) {
  case standing::alive: return welcome(m, c);
  case standing::failed: return mourn(m, c);
  case standing::left:
  case standing::reaped: return part(m, how, c);
  default: return {};
  }
}

step reconcile::welcome(const members::member& m, const node_picture& c) const {
  step out;
  auto r = base(m);
  if (auto server = server_of(m)) r.service = service_of(m, *server);
  if (c.node && c.node->address == r.address) {
    auto there = std::find_if(c.services.begin(), c.services.end(), [](auto& x) { return x.id == consul_service; });
    const bool serves = !r.service || (there != c.services.end() && there->meta == r.service->meta && there->port == r.service->port);
    const auto* health = serf_health(c);
    if (serves && health && health->status == health_passing) return out;
  }
  if (c.node) {
    r.tagged_addresses = c.node->tagged_addresses;
    r.node_meta = c.node->meta;
  }
  r.check = health_of(m.name, health_passing, alive_output);
  out.why = "member joined, marking health alive";
  out.node = m.name;
  out.add = std::move(r);
  return out;
}

step reconcile::mourn(const members::member& m, const node_picture& c) const {
  step out;
  if (!c.node) return out; // it was never here
  auto r = base(m);
  const auto* health = serf_health(c);
  if (c.node->address == r.address && health && health->status == health_critical) return out;
  r.skip_node_update = true; // nothing but its health has changed
  r.check = health_of(m.name, health_critical, failed_output);
  out.why = "member failed, marking health critical";
  out.node = m.name;
  out.add = std::move(r);
  return out;
}

// Not ourselves: that can only mean that this leader is on its way out, and the next one will see to it.
step reconcile::part(const members::member& m, standing how, const node_picture& c) const {
  step out;
  if (m.name == o_.self) return out;
  if (auto server = server_of(m)) out.raft_id = server->id;
  out.node = m.name;
  out.why = how == standing::left ? "deregistering member: reason=left" : "deregistering member: reason=reaped";
  if (!c.node) return out;
  auto& r = out.remove.emplace();
  r.datacenter = o_.datacenter;
  r.node = m.name;
  return out;
}

std::vector<std::string> reconcile::forgotten(const std::set<std::string>& known, const std::vector<std::string>& checked, nanos now) {
  std::vector<std::string> out;
  std::map<std::string, nanos> since;
  for (auto& node : checked) {
    const auto key = lower(node);
    if (known.contains(key) || node == o_.self) continue;
    auto at = unknown_since_.find(key);
    const auto first = at == unknown_since_.end() ? now : at->second;
    since[key] = first;
    if (now - first >= o_.unknown_for) out.push_back(node);
  }
  unknown_since_ = std::move(since);
  return out;
}

step reconcile::forget(const std::string& node, const node_picture& c) const {
  step out;
  if (!c.node || node == o_.self) return out;
  const bool server = std::any_of(c.services.begin(), c.services.end(), [](auto& s) { return s.id == consul_service && s.port > 0; });
  if (server) out.raft_id = c.node->id;
  out.node = node;
  out.why = "deregistering member: reason=reaped";
  auto& r = out.remove.emplace();
  r.datacenter = o_.datacenter;
  r.node = node;
  return out;
}

} // namespace actord::leader
