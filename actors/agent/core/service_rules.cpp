#include "actors/agent/core/service_rules.hpp"
#include <algorithm>
#include <cctype>

namespace actord::agent {

namespace {

error refuse(std::string text) { return {errc::bad_request, std::move(text)}; }

status validate_weights(const service_weights& w) {
  if (w.passing < 1) return refuse("Passing must be greater than 0");
  if (w.warning < 0) return refuse("Warning must be greater or equal than 0");
  if (w.passing > 65535 || w.warning > 65535) return refuse("DNS Weight must be between 0 and 65535");
  return {};
}

std::string bad_pair(const std::string& key, const std::string& value, std::string_view why) {
  return "Couldn't load metadata pair ('" + key + "', '" + value + "'): " + std::string(why);
}

status validate_meta(const string_table& meta) {
  if (meta.size() > 64) return refuse("Node metadata cannot contain more than 64 key/value pairs");
  for (auto& [key, value] : meta) {
    if (key.empty()) return refuse(bad_pair(key, value, "Key cannot be blank"));
    const bool clean = std::all_of(key.begin(), key.end(), [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; });
    if (!clean) return refuse(bad_pair(key, value, "Key contains invalid characters"));
    if (key.size() > 128) return refuse(bad_pair(key, value, "Key is too long (limit: 128 characters)"));
    if (key.starts_with("consul-")) return refuse(bad_pair(key, value, "Key prefix 'consul-' is reserved for internal use"));
    if (value.size() > 512) return refuse(bad_pair(key, value, "Value is too long (limit: 512 characters)"));
  }
  return {};
}

// go-multierror's text.
error several(const std::vector<std::string>& all) {
  std::string text = std::to_string(all.size()) + (all.size() == 1 ? " error occurred:\n" : " errors occurred:\n");
  for (auto& one : all) text += "\t* " + one + "\n";
  return refuse(text + "\n");
}

bool blank(std::string_view s) { return s.find_first_not_of(" \t\r\n") == std::string_view::npos; }

void proxy_faults(const service_definition& d, std::vector<std::string>& faults) {
  static const connect_proxy_config none;
  const connect_proxy_config& proxy = d.proxy ? *d.proxy : none;
  if (blank(proxy.destination_service_name))
    faults.emplace_back("Proxy.DestinationServiceName must be non-empty for Connect proxy services");
  if (proxy.destination_service_name == "*")
    faults.emplace_back("Proxy.DestinationServiceName must not be a wildcard for Connect proxy services");
  if (d.port == 0) faults.emplace_back("Port must be set for a Connect proxy");
  if (d.connect && d.connect->native) faults.emplace_back("A Proxy cannot also be Connect Native, only typical services");
  for (auto& up : proxy.upstreams) {
    if (up.destination_name.empty()) faults.emplace_back("upstream destination name cannot be empty");
    else if (up.destination_name == "*") faults.emplace_back("upstream destination name cannot be a wildcard");
    else if (up.local_bind_port == 0) faults.emplace_back("upstream local bind port cannot be zero");
  }
}

void gateway_faults(const service_definition& d, std::vector<std::string>& faults) {
  if (d.port == 0) faults.emplace_back("Port must be non-zero for a " + d.kind);
  if (d.connect && d.connect->sidecar_service) faults.emplace_back("A " + d.kind + " cannot have a sidecar service defined");
  if (!d.proxy) return;
  auto invalid = [&](bool is, std::string_view field) {
    if (is) faults.emplace_back("The Proxy." + std::string(field) + " configuration is invalid for a " + d.kind);
  };
  invalid(!d.proxy->destination_service_name.empty(), "DestinationServiceName");
  invalid(!d.proxy->destination_service_id.empty(), "DestinationServiceID");
  invalid(!d.proxy->local_service_address.empty(), "LocalServiceAddress");
  invalid(d.proxy->local_service_port != 0, "LocalServicePort");
  invalid(!d.proxy->upstreams.empty(), "Upstreams");
}

status validate_shape(const service_definition& d) {
  std::vector<std::string> faults;
  if (d.kind == "connect-proxy") proxy_faults(d, faults);
  else if (d.kind == "mesh-gateway" || d.kind == "terminating-gateway" || d.kind == "ingress-gateway") gateway_faults(d, faults);
  if (d.connect && d.connect->sidecar_service) {
    const auto& side = *d.connect->sidecar_service;
    if (!side.id.empty()) faults.emplace_back("A SidecarService cannot specify an ID as this is managed by the agent");
    if (side.connect && side.connect->sidecar_service) faults.emplace_back("A SidecarService cannot have a nested SidecarService");
  }
  if (!faults.empty()) return several(faults);
  return {};
}

bool is_empty_check(const check_registration& c) { return c == check_registration{}; }

enum class family { none, v4, v6 };
family family_of(std::string_view a) {
  if (a.find(':') != std::string_view::npos)
    return std::all_of(a.begin(), a.end(), [](unsigned char c) { return std::isxdigit(c) || c == ':' || c == '.'; }) ? family::v6 : family::none;
  int dots = 0, digits = 0, value = 0;
  for (char c : a) {
    if (c == '.') {
      if (digits == 0) return family::none;
      ++dots;
      digits = value = 0;
    } else if (c >= '0' && c <= '9') {
      value = value * 10 + (c - '0');
      if (++digits > 3 || value > 255) return family::none;
    } else return family::none;
  }
  return dots == 3 && digits > 0 ? family::v4 : family::none;
}

} // namespace

status validate_check(const check_registration& c) {
  const bool script = !c.script_args.empty();
  const bool polled = script || !c.http.empty() || !c.tcp.empty() || !c.grpc.empty() || !c.docker_container_id.empty();
  const bool alias = !c.alias_node.empty() || !c.alias_service.empty();
  if (c.interval.count() > 0 && c.ttl.count() > 0) return refuse("Interval and TTL cannot both be specified");
  if (polled && c.interval.count() <= 0) return refuse("Interval must be > 0 for Script, HTTP, or TCP checks");
  if (polled && alias) return refuse("Interval cannot be set for Alias checks");
  if (alias && c.ttl.count() > 0) return refuse("TTL must be not be set for Alias checks");
  if (!polled && !alias && c.ttl.count() <= 0) return refuse("TTL must be > 0 for TTL checks");
  if (c.output_max_size < 0) return refuse("MaxOutputMaxSize must be positive");
  return {};
}

std::string_view check_kind(const check_registration& c) {
  if (c.ttl.count() > 0) return "ttl";
  if (!c.http.empty()) return "http";
  if (!c.tcp.empty()) return "tcp";
  if (!c.grpc.empty()) return "grpc";
  if (!c.docker_container_id.empty()) return "docker";
  if (!c.script_args.empty()) return "script";
  if (!c.alias_node.empty() || !c.alias_service.empty()) return "alias";
  return "";
}

bool valid_check_status(std::string_view s) { return s == health_passing || s == health_warning || s == health_critical; }

namespace {

// The catalog has a service's tags once more with each of its checks, and a registration is one entry of the log.
status validate_size(const service_definition& d) {
  constexpr size_t most_bytes = 4 << 20, longest_name = 1024; // which the catalog takes
  for (auto& [what, name] : {std::pair{"name", &d.name}, std::pair{"ID", &d.id}})
    if (name->size() > longest_name) return refuse(std::string("Service ") + what + " is too long: " + std::to_string(name->size()) + " bytes (limit: " + std::to_string(longest_name) + ")");
  size_t tags = 0;
  for (auto& tag : d.tags) tags += tag.size() + 1;
  const size_t checks = d.checks.size() + (d.check ? 1 : 0);
  if (checks == 0 || tags <= most_bytes / checks) return {};
  return refuse("Too many tags: " + std::to_string(tags) + " bytes of them with each of " + std::to_string(checks) + " checks are more than " +
                std::to_string(most_bytes >> 20) + " MiB: give the service fewer tags or fewer checks");
}

} // namespace

status validate_service(const service_definition& d) {
  if (d.name.empty()) return refuse("Missing service name");
  if (d.address == "0.0.0.0" || d.address == "::" || d.address == "[::]") return refuse("Invalid service address");
  if (d.weights)
    if (auto s = validate_weights(*d.weights); !s) return refuse("Invalid Weights: " + s.err().text);
  if (auto s = validate_meta(d.meta); !s) return refuse("Invalid Service Meta: " + s.err().text);
  if (auto s = validate_size(d); !s) return s;
  if (auto s = validate_shape(d); !s) return s;
  const auto of = checks_of(d);
  for (auto& c : of)
    if (auto s = validate_check(c); !s) return refuse("Invalid check: " + s.err().text);
  for (auto& c : of)
    if (!c.status.empty() && !valid_check_status(c.status)) return refuse("Status for checks must 'passing', 'warning', 'critical'");
  return {};
}

status validate_standalone_check(const check_registration& c) {
  if (c.name.empty()) return refuse("Missing check name");
  if (!c.status.empty() && !valid_check_status(c.status)) return refuse("Bad check status");
  if (auto s = validate_check(c); !s) return refuse("Invalid check: " + s.err().text);
  return {};
}

status validate_file_service(const service_definition& d) {
  for (auto& c : checks_of(d))
    if (auto s = validate_check(c); !s) return refuse("Invalid check: " + s.err().text);
  if (d.name.empty()) return refuse("Service name missing");
  return {};
}

status validate_file_check(const check_registration& c) {
  if (c.id.empty() && c.name.empty()) return refuse("CheckID missing");
  if (auto s = validate_check(c); !s) return refuse("Check is not valid: " + s.err().text);
  return {};
}

std::vector<check_registration> checks_of(const service_definition& d) {
  std::vector<check_registration> out;
  if (d.check && !is_empty_check(*d.check)) out.push_back(*d.check);
  out.insert(out.end(), d.checks.begin(), d.checks.end());
  return out;
}

std::vector<std::string> check_ids(const node_service& s, const std::vector<check_registration>& checks) {
  std::vector<std::string> out;
  for (auto& c : checks) {
    std::string own = "service:" + s.id;
    if (checks.size() > 1) own += ":" + std::to_string(out.size() + 1);
    out.push_back(c.id.empty() ? std::move(own) : c.id);
  }
  return out;
}

error id_taken(const std::string& check_id, const std::string& owner, const std::string& service) {
  auto text = [](const std::string& of) { return of.empty() ? std::string("the node") : "service \"" + of + "\""; };
  return refuse("CheckID \"" + check_id + "\" is taken by a check of " + text(owner) + ": give the check of " + text(service) +
                " another CheckID, or deregister the other one first");
}

node_service instance_of(const service_definition& d) {
  node_service s;
  s.kind = d.kind;
  s.id = d.id.empty() ? d.name : d.id;
  s.service = d.name;
  s.tags = d.tags;
  s.address = d.address;
  s.tagged_addresses = d.tagged_addresses;
  s.meta = d.meta;
  s.port = d.port;
  s.weights = d.weights ? *d.weights : service_weights{};
  s.enable_tag_override = d.enable_tag_override;
  if (d.proxy) s.proxy = *d.proxy;
  for (auto& up : s.proxy.upstreams)
    if (up.destination_type.empty()) up.destination_type = "service";
  if (d.connect) s.connect.native = d.connect->native;
  const family f = family_of(d.address);
  if (f != family::none) {
    const service_address own{d.address, d.port};
    s.tagged_addresses.try_emplace(f == family::v4 ? "lan_ipv4" : "lan_ipv6", own);
    s.tagged_addresses.try_emplace(f == family::v4 ? "wan_ipv4" : "wan_ipv6", own);
    s.tagged_addresses.set = true;
  }
  return s;
}

service_definition complete_sidecar(const service_definition& parent, const node_service& instance) {
  service_definition side = *parent.connect->sidecar_service;
  side.id = instance.id + "-sidecar-proxy";
  if (side.name.empty()) side.name = instance.service + "-sidecar-proxy";
  if (side.kind.empty()) side.kind = "connect-proxy";
  if (side.meta.empty() && !instance.meta.empty()) side.meta = instance.meta;
  if (side.tags.empty() && !instance.tags.empty()) side.tags = instance.tags;
  if (!side.proxy) side.proxy.emplace();
  auto& proxy = *side.proxy;
  if (proxy.destination_service_name.empty()) proxy.destination_service_name = instance.service;
  if (proxy.destination_service_id.empty()) proxy.destination_service_id = instance.id;
  if (proxy.local_service_address.empty()) proxy.local_service_address = "127.0.0.1";
  if (proxy.local_service_port < 1) proxy.local_service_port = instance.port;
  return side;
}

std::vector<check_registration> default_sidecar_checks(const node_service& sidecar, std::string_view parent_id) {
  check_registration listening, alias;
  listening.name = "Connect Sidecar Listening";
  listening.tcp = "127.0.0.1:" + std::to_string(sidecar.port);
  listening.interval = std::chrono::seconds(10);
  alias.name = "Connect Sidecar Aliasing " + std::string(parent_id);
  alias.alias_service = parent_id;
  return {std::move(listening), std::move(alias)};
}

} // namespace actord::agent
