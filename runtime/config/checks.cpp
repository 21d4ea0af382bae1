// The rules between settings, in the words of Consul 1.8.7.
#include "runtime/base/file_wait.hpp"
#include "runtime/base/log.hpp"
#include "runtime/config/steps.hpp"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/stat.h>

namespace actord {
namespace {

error refuse(std::string text) { return {errc::bad_request, std::move(text)}; }

bool all_of(std::string_view s, std::string_view extra, bool upper) {
  return std::all_of(s.begin(), s.end(), [&](char ch) {
    return (ch >= 'a' && ch <= 'z') || (upper && ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || extra.find(ch) != std::string_view::npos;
  });
}


// Where Go's base64 decoder stops, or -1.
int base64_fault(std::string_view s) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto end = std::min(s.find('='), s.size());
  for (size_t i = 0; i < end; ++i)
    if (alphabet.find(s[i]) == std::string_view::npos) return static_cast<int>(i);
  if (s.size() % 4 != 0) return static_cast<int>(s.size() / 4 * 4);
  for (size_t i = end; i < s.size(); ++i)
    if (s[i] != '=' || s.size() - end > 2) return static_cast<int>(i);
  return -1;
}

size_t base64_bytes(std::string_view s) { return s.size() / 4 * 3 - static_cast<size_t>(std::count(s.begin(), s.end(), '=')); }

status check_names(assembly& a) {
  auto& c = a.config;
  const auto bad = [](std::string_view key, std::string_view name) {
    return refuse(fmt::format("{} cannot be \"{}\". Please use only [a-z0-9-_]", key, name));
  };
  if (c.datacenter.empty()) return refuse("datacenter cannot be empty");
  if (!all_of(c.datacenter, "-_", false)) {
    // Go's %q.
    std::string shown;
    for (char ch : c.datacenter) shown += ch == '\n' ? "\\n" : ch == '\t' ? "\\t" : ch == '"' ? "\\\"" : std::string(1, ch);
    return bad("datacenter", shown);
  }
  if (!all_of(c.primary_datacenter, "-_", false)) return bad("acl_datacenter", c.primary_datacenter);
  if (!all_of(c.ui_content_path, "-_/", true))
    return refuse("ui-content-path can only contain alphanumeric, -, _, or /. received: " + c.ui_content_path);
  if (c.node_name.empty()) return refuse("node_name cannot be empty");
  if (!all_of(c.node_name, "-", true))
    a.warnings.push_back(fmt::format("Node name \"{}\" will not be discoverable via DNS due to invalid characters. Valid characters "
                                     "include all alpha-numerics and dashes.", c.node_name));
  else if (c.node_name.size() > 63)
    a.warnings.push_back(fmt::format("Node name \"{}\" will not be discoverable via DNS due to it being too long. Valid lengths are "
                                     "between 1 and 63 bytes.", c.node_name));
  const auto first = c.alt_domain.substr(0, c.alt_domain.find('.'));
  // A name of one label is fine; it is the first of several that would hide the built-in names.
  if (c.alt_domain.find('.') + 1 < c.alt_domain.size())
    for (auto& taken : {std::string("service"), std::string("connect"), std::string("node"), std::string("query"), std::string("addr"), c.datacenter})
      if (first == taken)
        return refuse(fmt::format("alt_domain cannot start with {{service,connect,node,query,addr,{}}}", c.datacenter));
  return {};
}

status check_data_dir(const assembly& a) {
  const auto& dir = a.config.data_dir;
  if (dir.empty()) return a.dev ? status() : status(refuse("data_dir cannot be empty"));
  struct stat st{};
  const file_wait waits(dir);
  if (stat(dir.c_str(), &st) != 0) {
    if (errno == ENOENT) return {};
    return refuse(fmt::format("Error getting info on data_dir: stat {}: {}", dir, std::strerror(errno)));
  }
  if (!S_ISDIR(st.st_mode)) return refuse(fmt::format("data_dir \"{}\" is not a directory", dir));
  return {};
}

status check_bootstrap(assembly& a) {
  auto& c = a.config;
  if (c.bootstrap_expect < 0)
    return refuse(fmt::format("bootstrap_expect cannot be {}. Must be greater than or equal to zero", c.bootstrap_expect));
  // One expected server is bootstrap mode, whatever else is said of it.
  if (c.bootstrap_expect == 1) {
    a.warnings.push_back("BootstrapExpect is set to 1; this is the same as Bootstrap mode.");
    c.bootstrap = true;
    c.bootstrap_expect = 0;
  }
  if (c.bootstrap && !c.server) return refuse("'bootstrap = true' requires 'server = true'");
  if (c.bootstrap_expect > 0 && !c.server) return refuse("'bootstrap_expect > 0' requires 'server = true'");
  if (c.bootstrap_expect > 0 && a.dev) return refuse("'bootstrap_expect > 0' not allowed in dev mode");
  if (c.bootstrap_expect > 0 && c.bootstrap) return refuse("'bootstrap_expect > 0' and 'bootstrap = true' are mutually exclusive");
  constexpr std::string_view see = "See https://www.consul.io/docs/internals/consensus.html#deployment-table";
  if (c.bootstrap_expect == 2)
    a.warnings.push_back(fmt::format("bootstrap_expect = 2: A cluster with 2 servers will provide no failure tolerance. {}", see));
  else if (c.bootstrap_expect > 0 && c.bootstrap_expect % 2 == 0)
    a.warnings.push_back(fmt::format("bootstrap_expect is even number: A cluster with an even number of servers does not achieve "
                                     "optimum fault tolerance. {}", see));
  if (c.bootstrap_expect > 0) a.warnings.push_back(fmt::format("bootstrap_expect > 0: expecting {} servers", c.bootstrap_expect));
  if (c.bootstrap) a.warnings.push_back("bootstrap = true: do not enable unless necessary");
  return {};
}

status check_addresses(const assembly& a) {
  const auto& c = a.config;
  if (!a.detects && is_wildcard(c.advertise_addr)) return refuse("Advertise address cannot be 0.0.0.0, :: or [::]");
  if (is_wildcard(c.advertise_addr_wan)) return refuse("Advertise WAN address cannot be 0.0.0.0, :: or [::]");
  for (auto& l : c.dns_addrs)
    if (l.is_unix()) return refuse("DNS address cannot be a unix socket");
  for (auto& r : c.recursors)
    if (is_wildcard(r)) return refuse("DNS recursor address cannot be 0.0.0.0, :: or [::]");
  return {};
}

status check_limits(const assembly& a) {
  const auto& c = a.config;
  if (c.raft_multiplier < 1 || c.raft_multiplier > 10)
    return refuse(fmt::format("performance.raft_multiplier cannot be {}. Must be between 1 and 10", c.raft_multiplier));
  for (auto& row : field_table()) {
    if (row.minimum == INT64_MIN) continue;
    const auto* v = a.set(row.path);
    if (v && v->integer < row.minimum)
      return refuse(fmt::format("{} cannot be {}. Must be greater than or equal to zero", row.path, v->integer));
  }
  if (c.check_output_max_size <= 0)
    return refuse("check_output_max_size must be positive, to discard check output use the discard_check_output flag");
  constexpr int64_t least_held = 32 << 20, most_held = int64_t{1} << 40; // less would not carry one large answer
  if (c.rpc_max_held_bytes != 0 && (c.rpc_max_held_bytes < least_held || c.rpc_max_held_bytes > most_held))
    return refuse(fmt::format("limits.rpc_max_held_bytes cannot be {}. Must be 0 or between {} and {}", c.rpc_max_held_bytes, least_held, most_held));
  if (!(c.cache_entry_fetch_rate > 0))
    return refuse(fmt::format("cache.entry_fetch_rate must be strictly positive, was: {}", c.cache_entry_fetch_rate));
  if (c.cache_entry_fetch_max_burst <= 0)
    return refuse(fmt::format("cache.entry_fetch_max_burst must be strictly positive, was: {}", c.cache_entry_fetch_max_burst));
  const int64_t needed = static_cast<int64_t>(c.http_max_conns_per_client) + 20; // 20 for what is open anyway
  if (a.host->max_open_files > 0 && needed > a.host->max_open_files)
    return refuse(fmt::format("system allows a max of {} file descriptors, but limits.http_max_conns_per_client: {} needs at least {}",
                              a.host->max_open_files, c.http_max_conns_per_client, needed));
  if (c.sidecar_min_port > c.sidecar_max_port)
    return refuse("sidecar_min_port must be less than sidecar_max_port. To disable, set both to zero.");
  if (c.expose_min_port > c.expose_max_port)
    return refuse("expose_min_port must be less than expose_max_port. To disable, set both to zero.");
  return {};
}

status check_security(assembly& a) {
  auto& c = a.config;
  if (const int at = base64_fault(c.encrypt); at >= 0)
    return refuse(fmt::format("encrypt has invalid key: illegal base64 data at input byte {}", at));
  if (const auto n = base64_bytes(c.encrypt); a.starting && !c.encrypt.empty() && n != 16 && n != 24 && n != 32)
    return refuse("encrypt has invalid key: key size must be 16, 24 or 32 bytes");
  if (auto why = metadata_error(c.node_meta, false); !why.empty()) return refuse("node_meta invalid: " + why);
  if (c.auto_encrypt_allow_tls && !c.server) return refuse("auto_encrypt.allow_tls can only be used on a server.");
  for (auto& ip : c.auto_encrypt_ip_san)
    if (!is_ipv4(ip) && !is_ipv6(ip)) a.warnings.push_back(fmt::format("Cannot parse ip \"{}\" from AutoEncrypt.IPSAN", ip));
  if (!c.primary_gateways.empty() && !c.server) return refuse("'primary_gateways' requires 'server = true'");
  if (c.connect_enable_mesh_gateway_wan_federation && !c.connect_enabled)
    return refuse("'connect.enable_mesh_gateway_wan_federation=true' requires 'connect.enabled=true'");
  if (c.connect_enabled && !c.connect_ca_provider.empty() && c.connect_ca_provider != "consul" && c.connect_ca_provider != "vault" &&
      c.connect_ca_provider != "aws-pca")
    return refuse(c.connect_ca_provider + " is not a valid CA provider");
  if (!c.segment.empty() || a.set("segments")) return refuse("Network segments are not supported in this version of Consul");
  for (auto* key : {"serf_lan_allowed_cidrs", "serf_wan_allowed_cidrs"}) {
    string_list bad;
    for (auto& cidr : std::string_view(key) == "serf_lan_allowed_cidrs" ? c.serf_lan_allowed_cidrs : c.serf_wan_allowed_cidrs)
      if (!is_cidr(cidr)) bad.push_back("invalid cidr: " + cidr);
    if (!bad.empty()) return refuse(fmt::format("{}: {}", key, list_errors(bad)));
  }
  if (c.enable_script_checks && !c.acl_enabled && c.http_allow_write_http_from.empty())
    a.warnings.push_back("using enable-script-checks without ACLs and without allow_write_http_from is DANGEROUS, use "
                         "enable-local-script-checks instead, see "
                         "https://www.hashicorp.com/blog/protecting-consul-from-rce-risk-in-specific-configurations/");
  for (auto& rule : c.telemetry_prefix_filter) {
    if (rule.empty()) a.warnings.push_back("Cannot have empty filter rule in prefix_filter");
    else if (rule[0] != '+' && rule[0] != '-') a.warnings.push_back(fmt::format("Filter rule must begin with either '+' or '-': \"{}\"", rule));
  }
  return {};
}

// What Consul looks at only when the agent really starts.
status check_start(const assembly& a) {
  const auto& c = a.config;
  log::level ignored;
  if (!log::parse_level(c.log_level, ignored))
    return refuse(fmt::format("Invalid log level: {}. Valid log levels are: [TRACE DEBUG INFO WARN ERR ERROR]", a.text("log_level")));
  if (!c.node_id.empty() && !is_uuid(c.node_id)) return refuse(fmt::format("specified NodeID \"{}\" is invalid: not a UUID", c.node_id));
  for (auto& [what, word] : {std::pair{"acl.default_policy", c.acl_default_policy}, std::pair{"acl.down_policy", c.acl_down_policy}}) {
    const bool down = std::string_view(what) == "acl.down_policy";
    if (word != "allow" && word != "deny" && !(down && (word == "extend-cache" || word == "async-cache")))
      return refuse(fmt::format("Unsupported {} {}: {}", down ? "down" : "default", "ACL policy", word));
  }
  return refuse_broken_promises(a);
}

} // namespace

status check_listeners(const assembly& a) {
  const auto& c = a.config;
  std::vector<std::pair<std::string, std::string>> taken;
  std::string clash;
  const auto claim = [&](const std::string& who, const listen_address& l) {
    if (!l.is_unix() && l.port <= 0) return;
    for (auto& [owner, address] : taken)
      if (address == l.host_port() && clash.empty()) clash = fmt::format("{} address {} already configured for {}", who, l.host_port(), owner);
    taken.emplace_back(who, l.host_port());
  };
  for (auto& l : c.dns_addrs) claim("DNS", l);
  for (auto& l : c.http_addrs) claim("HTTP", l);
  for (auto& l : c.https_addrs) claim("HTTPS", l);
  claim("RPC Advertise", c.rpc_advertise);
  claim("Serf Advertise LAN", c.serf_advertise_lan);
  if (c.server) claim("Serf Advertise WAN", c.serf_advertise_wan);
  else if (c.serf_advertise_wan.port == c.serf_advertise_lan.port || c.serf_advertise_wan.port == c.rpc_advertise.port)
    claim("Serf Advertise WAN", c.serf_advertise_wan);
  if (!clash.empty()) return refuse(clash);
  return {};
}

std::string metadata_error(const string_map& meta, bool allow_reserved) {
  if (meta.size() > 64) return fmt::format("Node metadata cannot contain more than 64 key/value pairs");
  for (auto& [key, value] : meta) {
    std::string why;
    if (key.empty()) why = "Key cannot be blank";
    else if (!all_of(key, "-_", true)) why = "Key contains invalid characters";
    else if (key.size() > 128) why = "Key is too long (limit: 128 characters)";
    else if (!allow_reserved && key.starts_with("consul-")) why = "Key prefix 'consul-' is reserved for internal use";
    else if (value.size() > 512) why = "Value is too long (limit: 512 characters)";
    if (!why.empty()) return fmt::format("Couldn't load metadata pair ('{}', '{}'): {}", key, value, why);
  }
  return {};
}

status check_settings(assembly& a) {
  if (a.config.ui && !a.config.ui_dir.empty())
    return refuse("Both the ui and ui-dir flags were specified, please provide only one.\nIf trying to use your own web UI resources, "
                  "use the ui-dir flag.\nThe web UI is included in the binary so use ui to enable it");
  if (auto s = check_names(a); !s) return s;
  if (auto s = check_data_dir(a); !s) return s;
  if (auto s = check_addresses(a); !s) return s;
  if (!a.detects)
    if (auto s = check_listeners(a); !s) return s;
  if (auto s = check_bootstrap(a); !s) return s;
  if (auto s = check_limits(a); !s) return s;
  if (auto s = check_security(a); !s) return s;
  return a.starting ? check_start(a) : status();
}

} // namespace actord
