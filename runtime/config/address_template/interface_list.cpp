#include "runtime/config/address_template/interface_list.hpp"
#include "runtime/base/quote.hpp"
#include <algorithm>
#include <fmt/format.h>

namespace actord::address_template {

std::string flags_text(const host_facts::interface_address& link) {
  std::string out;
  const auto add = [&](bool on, const char* name) {
    if (on) out += (out.empty() ? "" : "|") + std::string(name);
  };
  add(link.up, "up");
  add(link.broadcast, "broadcast");
  add(link.loopback, "loopback");
  add(link.point_to_point, "pointtopoint");
  add(link.multicast, "multicast");
  return out.empty() ? "0" : out;
}

std::string link_text(const host_facts::interface_address& link) {
  return fmt::format("{{{} {} {} {} {}}}", link.index, link.mtu, link.name, link.hardware, flags_text(link));
}

std::string_view type_text(const ip_prefix& ip) { return ip.v4 ? "IPv4" : "IPv6"; }

std::string entry::text() const { return ip.text() + " " + link_text(*link); }

namespace {

// "a b" of the addresses.
std::string spaced(const entries& from) {
  std::string out;
  for (auto& e : from) out += (out.empty() ? "" : " ") + e.ip.address_text();
  return out;
}

entries forwardable(const host_facts& host, const char* orders, bool wants_private) {
  entries usable;
  for (auto& e : all_interfaces(host))
    if (e.link->up && !in_rfc(not_forwardable, e.ip)) usable.push_back(e);
  auto sorted = sort(orders, std::move(usable), host);
  std::erase_if(*sorted, [&](auto& e) { return in_rfc(6890, e.ip) != wants_private; });
  return *sorted;
}

result<entries> of_name(const host_facts& host, const std::string& name) {
  auto named = include("name", name, all_interfaces(host));
  if (!named) return named;
  return sort("type,size", std::move(*named), host);
}

} // namespace

entries all_interfaces(const host_facts& host) {
  entries out;
  for (auto& a : host.interfaces)
    if (auto ip = parse_ip(a.ip)) {
      if (a.prefix_length >= 0) ip->length = std::min(a.prefix_length, ip->width());
      out.push_back({*ip, &a});
    }
  return out;
}

result<entries> default_interfaces(const host_facts& host) {
  if (host.default_interface.empty()) return error{errc::bad_request, "No default interface found"};
  auto out = all_interfaces(host);
  std::erase_if(out, [&](auto& e) { return e.link->name != host.default_interface; });
  return out;
}

entries private_interfaces(const host_facts& host) { return forwardable(host, "default,type,size", true); }
entries public_interfaces(const host_facts& host) { return forwardable(host, "default,type,size", false); }

std::string first_ip(const entries& from) { return from.empty() ? "" : from.front().ip.address_text(); }

// These two take interfaces that are down as well.
std::string private_ips(const host_facts& host) {
  auto sorted = sort("type,size", all_interfaces(host), host);
  std::erase_if(*sorted, [](auto& e) { return !in_rfc(6890, e.ip) || in_rfc(not_forwardable, e.ip); });
  return spaced(*sorted);
}

std::string public_ips(const host_facts& host) {
  auto sorted = sort("type,size", all_interfaces(host), host);
  std::erase_if(*sorted, [](auto& e) { return in_rfc(6890, e.ip); });
  return spaced(*sorted);
}

result<std::string> interface_ip(const host_facts& host, const std::string& name) {
  auto named = include("name", name, all_interfaces(host));
  if (!named) return named.err();
  std::erase_if(*named, [](auto& e) { return in_rfc(not_forwardable, e.ip); });
  const auto sorted = sort("type,size", std::move(*named), host);
  return first_ip(*sorted);
}

result<std::string> interface_ips(const host_facts& host, const std::string& name) {
  auto sorted = of_name(host, name);
  if (!sorted) return sorted.err();
  return spaced(*sorted);
}

// ---- attributes ---------------------------------------------------------------------------------------------------

namespace {

std::string spelled(const ip_prefix& ip, const char* form, int bits, const char* between) {
  std::string out;
  for (int shift = ip.width() - bits; shift >= 0; shift -= bits) {
    const auto piece = static_cast<unsigned>(ip.address >> shift) & ((1U << bits) - 1);
    out += (out.empty() ? "" : between) + fmt::format(fmt::runtime(form), piece);
  }
  return out;
}

std::string size_text(const ip_prefix& ip) {
  if (ip.width() - ip.length == 128) return "340282366920938463463374607431768211456";
  return number_text(uint128(1) << (ip.width() - ip.length));
}

std::string usable(const ip_prefix& ip, bool first) {
  // The network's own address and that for broadcasts are nobody's.
  const bool has_both = ip.v4 && ip.width() - ip.length >= 2;
  return ip_text(first ? ip.network() + (has_both ? 1 : 0) : ip.last() - (has_both ? 1 : 0), ip.v4);
}

bool ip_attribute(std::string_view name, const ip_prefix& ip, std::string& out) {
  if (name == "string") out = ip.text();
  else if (name == "type") out = type_text(ip);
  else if (name == "address") out = ip.address_text();
  else if (name == "host") out = ip.address_text();
  else if (name == "port") out = "0";
  else if (name == "binary") out = spelled(ip, "{:08b}", 8, "");
  else if (name == "hex") out = spelled(ip, "{:02x}", 8, "");
  else if (name == "octets") out = spelled(ip, "{}", 8, " ");
  else if (name == "first_usable") out = usable(ip, true);
  else if (name == "last_usable") out = usable(ip, false);
  else if (name == "mask_bits") out = std::to_string(ip.length);
  else if (name == "netmask") out = ip_text(ip.all() & ~ip.host_mask(), ip.v4);
  else if (name == "network") out = ip_text(ip.network(), ip.v4);
  else if (name == "size") out = size_text(ip);
  else if (name == "broadcast" && ip.v4) out = ip_text(ip.last(), true);
  else if (name == "uint32" && ip.v4) out = number_text(ip.address);
  else if (name == "uint128" && !ip.v4) out = number_text(ip.address);
  else return false;
  return true;
}

} // namespace

result<std::string> attribute(const std::string& name, const entry& of) {
  std::string low = name, out;
  for (auto& c : low) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  if (low == "name") return of.link->name;
  if (low == "flags") return flags_text(*of.link);
  if (ip_attribute(low, of.ip, out)) return out;
  return error{errc::bad_request, "unsupported attribute name " + quote(low)};
}

result<std::string> join(const std::string& name, const std::string& separator, const entries& from) {
  std::string out;
  for (size_t i = 0; i < from.size(); ++i) {
    auto one = attribute(name, from[i]);
    if (!one) return one;
    out += (i == 0 ? "" : separator) + *one;
  }
  return out;
}

} // namespace actord::address_template
