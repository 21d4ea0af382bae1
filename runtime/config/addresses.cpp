#include "runtime/config/steps.hpp"
#include <fmt/format.h>

namespace actord {

std::string listen_address::host_port() const {
  if (is_unix()) return unix_path;
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

namespace {

error refuse(std::string text) { return {errc::bad_request, std::move(text)}; }

bool is_ip(std::string_view s) { return is_ipv4(s) || is_ipv6(s); }

string_list words_of(std::string_view text) {
  string_list out;
  for (size_t i = 0; i < text.size();) {
    const auto b = text.find_first_not_of(" \t", i);
    if (b == std::string_view::npos) break;
    const auto e = std::min(text.find_first_of(" \t", b), text.size());
    out.emplace_back(text.substr(b, e - b));
    i = e;
  }
  return out;
}

// The addresses of a setting: IP literals and unix:// paths. Errors go into the list, as Consul collects them.
string_list expand_addresses(assembly& a, std::string_view path, const std::string& text) {
  auto expanded = expand_template(text, *a.host);
  if (!expanded) {
    a.errors.push_back(fmt::format("{}: error parsing \"{}\": {}", path, text, expanded.err().text));
    return {};
  }
  string_list out;
  for (auto& word : words_of(*expanded)) {
    if (is_ip(word) || word.starts_with("unix://")) out.push_back(word);
    else a.errors.push_back(fmt::format("{}: invalid ip address: {}", path, word));
  }
  return out;
}

std::string expand_single(assembly& a, std::string_view path, const std::string& text) {
  if (text.empty()) return {};
  const auto before = a.errors.size();
  const auto all = expand_addresses(a, path, text);
  if (a.errors.size() != before || all.empty()) return {};
  if (all.size() == 1 && !all[0].starts_with("unix://")) return all[0];
  std::string joined;
  for (auto& one : all) joined += (joined.empty() ? "" : " ") + one;
  a.errors.push_back(all.size() > 1 ? fmt::format("{}: multiple addresses found: {}", path, joined)
                                    : fmt::format("{} cannot be a unix socket", path));
  return {};
}

status resolve_bind(assembly& a) {
  auto& c = a.config;
  auto expanded = expand_template(c.bind_addr, *a.host);
  const auto words = expanded ? words_of(*expanded) : string_list{};
  if (words.size() > 1) return refuse("bind_addr cannot contain multiple addresses. Use 'addresses.{dns,http,https}' instead.");
  if (words.empty()) return refuse(expanded ? "bind_addr cannot be empty" : "bind_addr cannot be empty: " + expanded.err().text);
  if (words[0].starts_with("unix://")) return refuse("bind_addr cannot be a unix socket");
  if (!is_ip(words[0])) return refuse("bind_addr cannot be empty");
  c.bind_addr = words[0];
  return {};
}

// The only address of that kind which the host has.
status find_only(const host_facts& host, bool (*wanted)(std::string_view), std::string_view kind, std::string& out) {
  string_list found;
  for (auto& i : host.interfaces)
    if (!i.loopback && wanted(i.ip)) found.push_back(i.ip);
  if (found.empty()) return refuse(fmt::format("No {} address found", kind));
  if (found.size() > 1)
    return refuse(fmt::format("Multiple {} addresses found. Please configure one with 'bind' and/or 'advertise'.", kind));
  out = found[0];
  return {};
}

status resolve_advertise(assembly& a) {
  auto& c = a.config;
  const auto lan = expand_single(a, "advertise_addr", a.text("advertise_addr"));
  const auto wan = expand_single(a, "advertise_addr_wan", a.text("advertise_addr_wan"));
  if (!a.errors.empty()) return {};
  if (!lan.empty()) c.advertise_addr = lan;
  else if (c.bind_addr == "0.0.0.0") {
    if (auto s = find_only(*a.host, is_private_ipv4, "private IPv4", c.advertise_addr); !s) return s;
  } else if (c.bind_addr == "::") {
    if (auto s = find_only(*a.host, is_public_ipv6, "public IPv6", c.advertise_addr); !s) return s;
  } else {
    c.advertise_addr = c.bind_addr;
  }
  c.advertise_addr_wan = wan.empty() ? c.advertise_addr : wan;
  return {};
}

status resolve_tagged(assembly& a) {
  auto& c = a.config;
  struct family {
    const char* key;
    const char* tag;
    bool (*is)(std::string_view);
    const char* text;
    const std::string& fallback;
  };
  const family families[] = {
      {"advertise_addr_ipv4", "lan_ipv4", is_ipv4, "an ipv4", c.advertise_addr},
      {"advertise_addr_ipv6", "lan_ipv6", is_ipv6, "an ipv6", c.advertise_addr},
      {"advertise_addr_wan_ipv4", "wan_ipv4", is_ipv4, "an ipv4", c.advertise_addr_wan},
      {"advertise_addr_wan_ipv6", "wan_ipv6", is_ipv6, "an ipv6", c.advertise_addr_wan},
  };
  for (auto& f : families) {
    const auto own = expand_single(a, f.key, a.text(f.key));
    if (!own.empty() && !f.is(own)) return refuse(fmt::format("{} must be {} address", f.key, f.text));
    if (!own.empty()) c.tagged_addresses[f.tag] = own;
    else if (f.is(f.fallback)) c.tagged_addresses[f.tag] = f.fallback;
  }
  c.tagged_addresses["lan"] = c.advertise_addr;
  c.tagged_addresses["wan"] = c.advertise_addr_wan;
  return {};
}

listen_list listeners(assembly& a, std::string_view key, int port) {
  const auto own = a.text(key);
  const auto addresses = own.empty() ? a.config.client_addrs : expand_addresses(a, key, own);
  listen_list out;
  if (port < 0) return out;
  for (auto& address : addresses) {
    listen_address l;
    if (address.starts_with("unix://")) {
      l.unix_path = address.substr(7);
    } else {
      l.host = address;
      l.port = port;
    }
    out.push_back(std::move(l));
  }
  return out;
}

listen_address tcp(const std::string& host, int port) { return {host, port, {}}; }

} // namespace

status resolve_addresses(assembly& a) {
  auto& c = a.config;
  if (auto s = resolve_bind(a); !s) return s;
  if (auto s = resolve_advertise(a); !s) return s;
  if (const auto client = a.text("client_addr"); !client.empty()) c.client_addrs = expand_addresses(a, "client_addr", client);
  const auto lan = expand_single(a, "serf_lan", a.text("serf_lan")), wan = expand_single(a, "serf_wan", a.text("serf_wan"));
  c.serf_lan = lan.empty() ? c.bind_addr : lan;
  c.serf_wan = wan.empty() ? c.bind_addr : wan;
  c.dns_addrs = listeners(a, "addresses.dns", c.port_dns);
  c.http_addrs = listeners(a, "addresses.http", c.port_http);
  c.https_addrs = listeners(a, "addresses.https", c.port_https);
  c.grpc_addrs = listeners(a, "addresses.grpc", c.port_grpc);
  c.rpc_bind = tcp(c.bind_addr, c.port_server);
  c.rpc_advertise = tcp(c.advertise_addr, c.port_server);
  c.serf_bind_lan = tcp(c.serf_lan, c.port_serf_lan);
  c.serf_bind_wan = tcp(c.serf_wan, c.port_serf_wan);
  c.serf_advertise_lan = tcp(c.advertise_addr, c.port_serf_lan);
  c.serf_advertise_wan = tcp(c.advertise_addr_wan, c.port_serf_wan);
  return resolve_tagged(a);
}

} // namespace actord
