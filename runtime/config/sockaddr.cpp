// Addresses in settings: what they are, and the templates that describe them.
#include "runtime/base/quote.hpp"
#include "runtime/config/address_template/run.hpp"
#include "runtime/config/steps.hpp"
#include <algorithm>
#include <charconv>

namespace actord {

result<std::string> expand_template(std::string_view text, const host_facts& host) {
  if (text.find("{{") == std::string_view::npos) return std::string(text);
  const auto failed = [&](const char* what, const error& why) {
    return error{errc::bad_request, std::string(what) + " " + quote_ascii(text) + ": template: sockaddr.Parse:" + why.text};
  };
  const auto tree = address_template::parse(text);
  if (!tree) return failed("unable to parse template", tree.err());
  auto out = address_template::run(text, *tree, host);
  if (!out) return failed("unable to execute sockaddr input", out.err());
  return out;
}

std::string canonical_ip(std::string_view text) {
  const auto ip = parse_ip(text);
  return ip ? ip->address_text() : std::string();
}

bool is_ipv4(std::string_view text) {
  const auto ip = parse_ip(text);
  return ip && ip->v4;
}

bool is_ipv6(std::string_view text) {
  const auto ip = parse_ip(text);
  return ip && !ip->v4;
}

namespace {

bool in_one_of(std::string_view text, std::initializer_list<const char*> blocks) {
  const auto ip = parse_ip(text);
  return ip && std::any_of(blocks.begin(), blocks.end(), [&](auto* b) { return parse_prefix(b)->contains(*ip); });
}

} // namespace

// What Consul's search for an address to advertise takes for private; the templates' GetPrivateIP follows RFC 6890.
bool is_private_ipv4(std::string_view ip) {
  return in_one_of(ip, {"10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
                        "192.168.0.0/16"});
}

bool is_public_ipv6(std::string_view ip) {
  return is_ipv6(ip) && !in_one_of(ip, {"::/128", "::1/128", "fc00::/7", "fec0::/10", "fe80::/10", "2001:db8::/32", "ff00::/8"});
}

bool is_wildcard(std::string_view ip) { return ip == "0.0.0.0" || ip == "::" || ip == "[::]"; }

bool is_cidr(std::string_view text) {
  const auto cut = text.find('/');
  if (cut == std::string_view::npos) return false;
  const auto bits = text.substr(cut + 1);
  if (bits.empty() || bits.size() > 3 || bits.find_first_not_of("0123456789") != std::string_view::npos) return false;
  int n = 0;
  std::from_chars(bits.data(), bits.data() + bits.size(), n);
  const auto ip = text.substr(0, cut);
  return ip.find(':') == std::string_view::npos ? is_ipv4(ip) && n <= 32 : parse_ip(ip) && n <= 128;
}

} // namespace actord
