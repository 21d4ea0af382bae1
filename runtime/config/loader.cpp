#include "runtime/config/loader.hpp"
#include "runtime/config/steps.hpp"
#include <algorithm>
#include <fmt/format.h>

namespace actord {
namespace {

error refuse(std::string text) { return {errc::bad_request, std::move(text)}; }

std::string lower(std::string s) {
  for (auto& ch : s) ch = static_cast<char>(ch >= 'A' && ch <= 'Z' ? ch | 0x20 : ch);
  return s;
}

std::string upper(std::string s) {
  for (auto& ch : s) ch = static_cast<char>(ch >= 'a' && ch <= 'z' ? ch & ~0x20 : ch);
  return s;
}

std::string trimmed(const std::string& s) {
  const auto b = s.find_first_not_of(" \t\r\n");
  return b == std::string::npos ? std::string() : s.substr(b, s.find_last_not_of(" \t\r\n") - b + 1);
}

void resolve_identity(assembly& a) {
  auto& c = a.config;
  c.dev_mode = a.dev;
  c.datacenter = lower(c.datacenter);
  c.node_name = trimmed(c.node_name).empty() ? a.host->hostname : trimmed(c.node_name);
  c.node_id = lower(c.node_id);
  c.log_level = c.log_level.empty() ? "INFO" : upper(c.log_level);
  c.leave_on_terminate = a.set("leave_on_terminate") ? c.leave_on_terminate : !c.server;
  c.skip_leave_on_interrupt = a.set("skip_leave_on_interrupt") ? c.skip_leave_on_interrupt : c.server;
  if (!c.ui_content_path.starts_with('/')) c.ui_content_path = "/" + c.ui_content_path;
  if (!c.ui_content_path.ends_with('/')) c.ui_content_path += '/';
}

status resolve_primary(assembly& a) {
  auto& c = a.config;
  const auto old = lower(a.text("acl_datacenter"));
  if (!old.empty()) {
    a.warnings.push_back("The 'acl_datacenter' field is deprecated. Use the 'primary_datacenter' field instead.");
    if (c.primary_datacenter.empty()) c.primary_datacenter = old;
    if (!a.set("acl.enabled")) c.acl_enabled = true;
  }
  c.primary_datacenter = c.primary_datacenter.empty() ? c.datacenter : lower(c.primary_datacenter);
  return {};
}

status resolve_dns(assembly& a) {
  auto& c = a.config;
  const auto rooted = [](std::string name) {
    name = lower(std::move(name));
    return name.empty() || name.ends_with('.') ? name : name + ".";
  };
  c.domain = rooted(c.domain.empty() ? "consul" : c.domain);
  c.alt_domain = rooted(c.alt_domain);
  string_list expanded;
  for (auto& r : c.recursors) {
    auto text = expand_template(r, *a.host);
    if (!text) return refuse(fmt::format("Invalid DNS recursor template \"{}\": {}", r, text.err().text));
    for (auto& one : words_of(*text)) { // a template may give several
      if (one.starts_with("unix://")) return refuse("DNS Recursors cannot be unix sockets: " + one);
      // A bare address gets the port; IPv6 needs brackets for that. That it is none which can be asked is seen later.
      const bool bare = one.find(':') == std::string::npos || one.ends_with(']');
      std::string full = is_wildcard(one) ? one : is_ipv6(one) ? "[" + one + "]:53" : bare ? one + ":53" : one;
      if (std::find(expanded.begin(), expanded.end(), full) == expanded.end()) expanded.push_back(std::move(full));
    }
  }
  c.recursors = std::move(expanded);
  for (auto& cidr : c.http_allow_write_http_from)
    if (!is_cidr(cidr)) a.errors.push_back("allow_write_http_from: invalid cidr: " + cidr);
  return {};
}

void resolve_rest(assembly& a) {
  using namespace std::chrono_literals;
  auto& c = a.config;
  c.enable_local_script_checks = c.enable_local_script_checks || c.enable_script_checks;
  c.verify_outgoing = c.verify_outgoing || c.verify_server_hostname;
  c.raft_heartbeat_timeout = 1000ms * c.raft_multiplier;
  // Zero means "as it comes".
  const node_config fresh;
  if (c.reconnect_timeout == 0ns) c.reconnect_timeout = fresh.reconnect_timeout;
  if (c.reconnect_timeout_wan == 0ns) c.reconnect_timeout_wan = fresh.reconnect_timeout_wan;
  if (c.session_ttl_min == 0ns) c.session_ttl_min = fresh.session_ttl_min;
  if (c.raft_snapshot_threshold == 0) c.raft_snapshot_threshold = fresh.raft_snapshot_threshold;
  if (c.raft_snapshot_interval == 0ns) c.raft_snapshot_interval = fresh.raft_snapshot_interval;
  if (c.raft_trailing_logs == 0) c.raft_trailing_logs = fresh.raft_trailing_logs;
  if (c.raft_protocol == 0) c.raft_protocol = fresh.raft_protocol;
  if (c.dev_mode) {
    c.raft_heartbeat_timeout = 35ms;
    c.coordinate_update_period = 100ms;
    c.server_health_interval = 10ms;
  }
}

} // namespace

std::chrono::milliseconds raft_tick(const node_config& c) {
  const auto fifth = std::chrono::duration_cast<std::chrono::milliseconds>(c.raft_heartbeat_timeout / (5 * raft_patience_ticks));
  return std::clamp(fifth, std::chrono::milliseconds(10), std::chrono::milliseconds(1000));
}

result<loaded_config> load(const load_request& request) { return load(request, read_host_facts()); }

result<loaded_config> load(const load_request& request, const host_facts& host) {
  assembly a;
  a.host = &host;
  a.dev = request.dev;
  a.starting = request.starting;
  std::vector<config_value> trees;
  if (auto s = read_sources(request, trees, a.warnings); !s) return s.err();
  if (request.dev) a.presets = trees.front();
  for (auto& tree : trees) merge_tree(a.tree, std::move(tree), config_schema());
  carry_old_spellings(a);
  decode_tree(a);
  warn_about_silent_fields(a);
  resolve_identity(a);
  if (auto s = resolve_primary(a); !s) return s.err();
  if (auto s = resolve_dns(a); !s) return s.err();
  if (auto s = resolve_addresses(a); !s) return s.err();
  if (!a.errors.empty()) return refuse(list_errors(a.errors));
  if (!a.detects)
    if (auto s = detect_addresses(a); !s) return s.err();
  if (auto s = check_settings(a); !s) return s.err();
  if (a.detects) {
    if (auto s = detect_addresses(a); !s) return s.err();
    if (auto s = check_listeners(a); !s) return s.err();
  }
  resolve_rest(a);
  return loaded_config{std::move(a.config), std::move(a.warnings)};
}

result<string_list> validate(const string_list& paths, const std::string& format) {
  load_request request;
  request.paths = paths;
  request.format = format;
  request.starting = false;
  if (!format.empty() && format != "hcl" && format != "json") return refuse("-config-format must be either 'hcl' or 'json");
  auto loaded = load(request);
  if (!loaded) return loaded.err();
  return std::move(loaded->warnings);
}

} // namespace actord
