#include "runtime/base/secrets.hpp"
#include "runtime/config/steps.hpp"
#include <algorithm>
#include <fmt/format.h>
#include <iterator>

namespace actord {

std::string listen_address::host_port() const {
  if (is_unix()) return unix_path;
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

namespace {

error refuse(std::string text) { return {errc::bad_request, std::move(text)}; }

// One word of a setting as it is kept: an IP address as Go prints it, "[::]" as "::", or unix://… as it stands. "" for others.
std::string address_word(const std::string& word) {
  if (word.starts_with("unix://")) return word;
  return word == "[::]" ? "::" : canonical_ip(word);
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
    auto kept = address_word(word);
    if (!kept.empty()) {
      out.push_back(std::move(kept));
      continue;
    }
    a.errors.push_back(fmt::format("{}: invalid ip address: {}", path, word));
    return {};
  }
  return out;
}

std::string expand_single(assembly& a, std::string_view path, const std::string& text) {
  if (text.empty()) return {};
  const auto all = expand_addresses(a, path, text);
  if (all.empty()) return {};
  if (all.size() == 1 && !all[0].starts_with("unix://")) return all[0];
  std::string joined;
  for (auto& one : all) joined += (joined.empty() ? "" : " ") + one;
  a.errors.push_back(all.size() > 1 ? fmt::format("{}: multiple addresses found: {}", path, joined)
                                    : fmt::format("{} cannot be a unix socket", path));
  return {};
}

// What is no template stays as it is, blanks and all; a template may give several.
void expand_list(assembly& a, std::string_view path, string_list& all) {
  string_list out;
  for (auto& text : all) {
    auto expanded = expand_template(text, *a.host);
    if (!expanded) a.errors.push_back(hide_secrets(fmt::format("{}: error parsing \"{}\": {}", path, text, expanded.err().text)));
    else if (*expanded == text) out.push_back(text);
    else std::ranges::move(words_of(*expanded), std::back_inserter(out));
  }
  all = std::move(out);
}

status resolve_bind(assembly& a) {
  auto& c = a.config;
  auto expanded = expand_template(c.bind_addr, *a.host);
  if (!expanded) return refuse("bind_addr cannot be empty: " + expanded.err().text);
  string_list words = words_of(*expanded);
  for (auto& w : words)
    if (w = address_word(w); w.empty()) return refuse("bind_addr cannot be empty");
  if (words.size() > 1) return refuse("bind_addr cannot contain multiple addresses. Use 'addresses.{dns,http,https}' instead.");
  if (words.empty()) return refuse("bind_addr cannot be empty");
  if (words[0].starts_with("unix://")) return refuse("bind_addr cannot be a unix socket");
  c.bind_addr = words[0];
  return {};
}

// What there is to choose from, with the flag that chooses it; "" when there is nothing, and for `validate`, whose words are Consul's.
std::string choices(const assembly& a, bool six) {
  std::string out;
  if (!a.starting) return out;
  for (auto& i : a.host->interfaces)
    if (i.up && !i.loopback && (i.ip.find(':') != std::string::npos) == six && !i.ip.starts_with("fe80:"))
      out += fmt::format("{}    -bind={:<15}  {}", out.empty() ? "\nThis machine has:\n" : "\n", i.ip, i.name);
  return out;
}

// The only address of that kind which the host has, on the interfaces that are up; on the loopback when no other has any.
status find_only(const assembly& a, bool (*wanted)(std::string_view), std::string_view kind, std::string& out) {
  string_list found, on_loopback;
  bool elsewhere = false;
  for (auto& i : a.host->interfaces) {
    if (!i.up) continue;
    elsewhere |= !i.loopback;
    if (wanted(i.ip)) (i.loopback ? on_loopback : found).push_back(i.ip);
  }
  if (!elsewhere) found = on_loopback;
  const auto listed = [&] { return choices(a, kind.ends_with("IPv6")); };
  if (found.empty()) return refuse(fmt::format("No {} address found", kind) + listed());
  if (found.size() > 1)
    return refuse(fmt::format("Multiple {} addresses found. Please configure one with 'bind' and/or 'advertise'.", kind) + listed());
  out = found[0];
  return {};
}

void resolve_advertise(assembly& a) {
  auto& c = a.config;
  const auto written = a.text("advertise_addr");
  c.advertise_addr = expand_single(a, "advertise_addr", written);
  c.advertise_addr_wan = expand_single(a, "advertise_addr_wan", a.text("advertise_addr_wan"));
  // A wildcard that is written down is refused later; one that a template gives is looked up, as one to bind to.
  if (c.advertise_addr.empty()) c.advertise_addr = c.bind_addr;
  else if (is_wildcard(written)) return;
  a.detects = is_wildcard(c.advertise_addr);
}

// With own ones only, what the fallbacks give is left out.
status resolve_tagged(assembly& a, bool own_only) {
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
    if (own_only) {
      const auto own = expand_single(a, f.key, a.text(f.key));
      if (!own.empty() && !f.is(own)) return refuse(fmt::format("{} must be {} address", f.key, f.text));
      if (!own.empty()) c.tagged_addresses[f.tag] = own;
    } else if (f.is(f.fallback)) {
      c.tagged_addresses.try_emplace(f.tag, f.fallback);
    }
  }
  if (own_only) return {};
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

string_list words_of(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n\v\f";
  string_list out;
  for (size_t i = 0; i < text.size();) {
    const auto b = text.find_first_not_of(blanks, i);
    if (b == std::string_view::npos) break;
    const auto e = std::min(text.find_first_of(blanks, b), text.size());
    out.emplace_back(text.substr(b, e - b));
    i = e;
  }
  return out;
}

status resolve_addresses(assembly& a) {
  auto& c = a.config;
  if (auto s = resolve_bind(a); !s) return s;
  resolve_advertise(a);
  if (const auto client = a.text("client_addr"); !client.empty()) {
    c.client_addrs = expand_addresses(a, "client_addr", client);
    if (std::erase_if(c.client_addrs, [](auto& one) { return one.starts_with("unix://"); }) > 0) a.errors.push_back("client_addr cannot be a unix socket");
  }
  const auto lan = expand_single(a, "serf_lan", a.text("serf_lan")), wan = expand_single(a, "serf_wan", a.text("serf_wan"));
  c.serf_lan = lan.empty() ? c.bind_addr : lan;
  c.serf_wan = wan.empty() ? c.bind_addr : wan;
  c.dns_addrs = listeners(a, "addresses.dns", c.port_dns);
  c.http_addrs = listeners(a, "addresses.http", c.port_http);
  c.https_addrs = listeners(a, "addresses.https", c.port_https);
  c.grpc_addrs = listeners(a, "addresses.grpc", c.port_grpc);
  c.rpc_bind = tcp(c.bind_addr, c.port_server);
  c.serf_bind_lan = tcp(c.serf_lan, c.port_serf_lan);
  c.serf_bind_wan = tcp(c.serf_wan, c.port_serf_wan);
  expand_list(a, "start_join", c.start_join);
  expand_list(a, "start_join_wan", c.start_join_wan);
  expand_list(a, "retry_join", c.retry_join);
  expand_list(a, "retry_join_wan", c.retry_join_wan);
  expand_list(a, "primary_gateways", c.primary_gateways);
  return resolve_tagged(a, true);
}

status detect_addresses(assembly& a) {
  auto& c = a.config;
  if (a.detects) {
    const bool v4 = c.advertise_addr == "0.0.0.0";
    auto s = v4 ? find_only(a, is_private_ipv4, "private IPv4", c.advertise_addr)
                : find_only(a, is_public_ipv6, "public IPv6", c.advertise_addr);
    if (!s) return s;
  }
  if (c.advertise_addr_wan.empty()) c.advertise_addr_wan = c.advertise_addr;
  c.rpc_advertise = tcp(c.advertise_addr, c.port_server);
  c.serf_advertise_lan = tcp(c.advertise_addr, c.port_serf_lan);
  c.serf_advertise_wan = tcp(c.advertise_addr_wan, c.port_serf_wan);
  return resolve_tagged(a, false);
}

} // namespace actord
