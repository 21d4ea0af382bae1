// include, exclude, sort, unique, offset and math of an interface list.
#include "runtime/base/pattern.hpp"
#include "runtime/base/quote.hpp"
#include "runtime/config/address_template/interface_list.hpp"
#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <functional>

namespace actord::address_template {
namespace {

error refuse(std::string text) { return {errc::bad_request, std::move(text)}; }

std::string lower(std::string s) {
  for (auto& c : s) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  return s;
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> out;
  for (;;) {
    const auto cut = text.find(at);
    out.emplace_back(text.substr(0, cut));
    if (cut == text.npos) return out;
    text.remove_prefix(cut + 1);
  }
}

// What Go's strconv says of a number that is none.
template <class T> result<T> number(const char* function, std::string_view text, int bits) {
  auto digits = text;
  if (std::is_signed_v<T> && digits.starts_with('+')) digits.remove_prefix(1);
  T out{};
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  const auto failed = [&](const char* why) { return refuse(fmt::format("strconv.{}: parsing {}: {}", function, quote(text), why)); };
  if (read.ptr != digits.data() + digits.size() || (digits.starts_with('-') && text.starts_with('+')) || read.ec == std::errc::invalid_argument)
    return failed("invalid syntax");
  if constexpr (std::is_signed_v<T>)
    if (bits < 64 && (out >= (T(1) << (bits - 1)) || out < -(T(1) << (bits - 1)))) return failed("value out of range");
  if (read.ec != std::errc()) return failed("value out of range");
  return out;
}

struct halves {
  entries in, out;
};
using predicate = std::function<bool(const entry&)>;

halves divide(const entries& from, const predicate& wanted) {
  halves h;
  for (auto& e : from) (wanted(e) ? h.in : h.out).push_back(e);
  return h;
}

// Several alternatives go over the list one after another; an entry may come out more than once, as with go-sockaddr.
result<halves> divide_each(const std::string& alternatives, const entries& from, const std::function<result<predicate>(const std::string&)>& wanted) {
  halves h;
  for (auto& one : split(alternatives, '|')) {
    auto test = wanted(one);
    if (!test) return test.err();
    auto part = divide(from, *test);
    h.in.insert(h.in.end(), part.in.begin(), part.in.end());
    h.out.insert(h.out.end(), part.out.begin(), part.out.end());
    if (h.in.size() + h.out.size() > max_entries) return refuse("too many interface addresses");
  }
  return h;
}

result<halves> by_pattern(const char* of, const std::string& expression, const entries& from, const std::function<std::string(const entry&)>& text) {
  auto compiled = pattern::compile(expression);
  if (!compiled) return refuse(fmt::format("Unable to compile {} regexp {}: {}", of, quote_ascii(expression), compiled.err().text));
  return divide(from, [&](const entry& e) { return compiled->matches(text(e)); });
}

result<halves> by_type(const std::string& types, const entries& from) {
  const auto wanted = split(lower(types), '|');
  for (auto& t : wanted)
    if (t != "ip" && t != "ipv4" && t != "ipv6" && t != "unix") return refuse("unsupported type " + quote(t) + " " + quote(types));
  halves h;
  for (auto& e : from)
    for (auto& t : wanted) (t == "ip" || t == (e.ip.v4 ? "ipv4" : "ipv6") ? h.in : h.out).push_back(e);
  if (h.in.size() + h.out.size() > max_entries) return refuse("too many interface addresses");
  return h;
}

bool is_loopback(const ip_prefix& ip) { return ip.v4 ? ip.address >> 24 == 127 : ip.address == 1; }
bool is_multicast(const ip_prefix& ip) { return ip.v4 ? ip.address >> 28 == 14 : ip.address >> 120 == 0xff; }
bool is_link_local(const ip_prefix& ip) { return ip.v4 ? ip.address >> 16 == 0xa9fe : ip.address >> 118 == 0xfe80 >> 6; }
bool is_global(const ip_prefix& ip) {
  return !(ip.v4 && ip.address == 0xffffffff) && ip.address != 0 && !is_loopback(ip) && !is_multicast(ip) && !is_link_local(ip);
}
bool is_link_local_multicast(const ip_prefix& ip) { return ip.v4 ? ip.address >> 8 == 0xe00000 : ip.address >> 112 == 0xff02; }

struct flag_row {
  std::string_view name;
  bool host_facts::interface_address::*of_link; // all of these must be set
  bool (*of_ip)(const ip_prefix&);              // or one of these
};

constexpr flag_row flag_rows[] = {
    {"broadcast", &host_facts::interface_address::broadcast, nullptr},
    {"down", nullptr, nullptr},
    {"forwardable", nullptr, [](const ip_prefix& ip) { return !in_rfc(not_forwardable, ip); }},
    {"global unicast", nullptr, is_global},
    {"interface-local multicast", nullptr, [](const ip_prefix& ip) { return !ip.v4 && ip.address >> 112 == 0xff01; }},
    {"link-local multicast", nullptr, is_link_local_multicast},
    {"link-local unicast", nullptr, is_link_local},
    {"loopback", &host_facts::interface_address::loopback, is_loopback},
    {"multicast", &host_facts::interface_address::multicast, is_multicast},
    {"point-to-point", &host_facts::interface_address::point_to_point, nullptr},
    {"unspecified", nullptr, [](const ip_prefix& ip) { return ip.address == 0; }},
    {"up", &host_facts::interface_address::up, nullptr},
};

// Go-sockaddr's way: the address's traits are alternatives, the interface's flags must all be there. "down" takes "up" off
// the flags wanted so far, so that alone it wants nothing and takes all.
result<halves> by_flags(const std::string& flags, const entries& from) {
  std::vector<bool host_facts::interface_address::*> of_link;
  std::vector<bool (*)(const ip_prefix&)> of_ip;
  bool asks_link = false;
  for (auto& name : split(lower(flags), '|')) {
    const auto row = std::find_if(std::begin(flag_rows), std::end(flag_rows), [&](auto& r) { return r.name == name; });
    if (row == std::end(flag_rows)) return refuse("Unknown interface flag: " + quote_ascii(name));
    if (name == "down") std::erase(of_link, &host_facts::interface_address::up);
    if (row->of_link && std::find(of_link.begin(), of_link.end(), row->of_link) == of_link.end()) of_link.push_back(row->of_link);
    if (row->of_ip && std::find(of_ip.begin(), of_ip.end(), row->of_ip) == of_ip.end()) of_ip.push_back(row->of_ip);
    asks_link |= row->of_link || name == "down";
  }
  return divide(from, [&](const entry& e) {
    return (asks_link && std::all_of(of_link.begin(), of_link.end(), [&](auto flag) { return e.link->*flag; })) ||
           std::any_of(of_ip.begin(), of_ip.end(), [&](auto trait) { return trait(e.ip); });
  });
}

result<predicate> in_network(const std::string& text) {
  const auto network = parse_prefix(text);
  if (!network) return refuse("unable to create an IP address from " + quote_ascii(text) + ": invalid IPAddr " + text);
  return predicate([network](const entry& e) { return network->contains(e.ip); });
}

result<predicate> in_blocks(const std::string& text) {
  auto rfc = number<uint64_t>("ParseUint", text, 64);
  if (!rfc) return refuse(fmt::format("unable to lookup RFC number {0}: unable to parse RFC number {0}: {1}", quote(text), rfc.err().text));
  if (!blocks_of_rfc(*rfc)) return refuse(fmt::format("unable to lookup RFC number {}: unsupported RFC {}", quote(text), *rfc));
  return predicate([n = *rfc](const entry& e) { return in_rfc(n, e.ip); });
}

result<halves> by_size(const std::string& text, const entries& from) {
  auto size = number<uint64_t>("ParseUint", text, 64);
  if (!size) return refuse(fmt::format("invalid exclude size argument ({}): {}", quote(text), size.err().text));
  for (auto& e : from)
    if (*size > static_cast<uint64_t>(e.ip.width())) return refuse(fmt::format("mask size out of bounds for {} address: {}", type_text(e.ip), *size));
  return divide(from, [&](const entry& e) { return e.ip.length == static_cast<int>(*size); });
}

result<halves> select(const char* verb, const std::string& selector, const std::string& argument, const entries& from) {
  const auto s = lower(selector);
  if (s == "address") return by_pattern("address", argument, from, [](auto& e) { return e.ip.text(); });
  if (s == "flag" || s == "flags") return by_flags(argument, from);
  if (s == "name") return by_pattern("name", argument, from, [](auto& e) { return e.link->name; });
  if (s == "network") return divide_each(argument, from, in_network);
  if (s == "port") return by_pattern("port", argument, from, [](auto&) { return std::string("0"); });
  if (s == "rfc" || s == "rfcs") return divide_each(argument, from, in_blocks);
  if (s == "size") return by_size(argument, from);
  if (s == "type") return by_type(argument, from);
  return refuse(fmt::format("invalid {} selector {}", verb, quote(selector)));
}

// ---- order --------------------------------------------------------------------------------------------------------

using comparison = int (*)(const entry&, const entry&, const host_facts&);
int order(bool first, bool second) { return first ? -1 : second ? 1 : 0; }

struct order_row {
  std::string_view name;
  comparison compare;
};

constexpr order_row order_rows[] = {
    {"address", [](auto& a, auto& b, auto&) { return a.ip.v4 != b.ip.v4 ? 0 : order(a.ip.address < b.ip.address, b.ip.address < a.ip.address); }},
    {"default",
     [](auto& a, auto& b, auto& host) {
       const auto on = [&](auto& e) { return !host.default_interface.empty() && e.link->name == host.default_interface; };
       return order(on(a) && !on(b), on(b) && !on(a));
     }},
    {"name", [](auto& a, auto& b, auto&) { return order(a.link->name < b.link->name, b.link->name < a.link->name); }},
    {"port", [](auto&, auto&, auto&) { return 0; }},
    // Of two families the one that is asked first goes first.
    {"private",
     [](auto& a, auto& b, auto&) {
       const bool left = in_rfc(6890, a.ip), right = in_rfc(6890, b.ip);
       return a.ip.v4 != b.ip.v4 ? order(left, false) : order(left && !right, right && !left);
     }},
    {"size", [](auto& a, auto& b, auto&) { return a.ip.v4 != b.ip.v4 ? 0 : order(a.ip.length < b.ip.length, b.ip.length < a.ip.length); }},
    {"type", [](auto& a, auto& b, auto&) { return order(a.ip.v4 && !b.ip.v4, b.ip.v4 && !a.ip.v4); }},
};

struct clause {
  comparison compare;
  bool descending;
};

result<std::vector<clause>> read_clauses(const std::string& text) {
  std::vector<clause> out;
  for (auto& one : split(text, ',')) {
    auto name = lower(one);
    const auto b = name.find_first_not_of(" \t\r\n\v\f");
    name = b == std::string::npos ? "" : name.substr(b, name.find_last_not_of(" \t\r\n\v\f") - b + 1);
    const bool descending = name.starts_with('-');
    if (descending || name.starts_with('+')) name.erase(0, 1);
    const auto row = std::find_if(std::begin(order_rows), std::end(order_rows), [&](auto& r) { return r.name == name; });
    if (row == std::end(order_rows)) return refuse("unknown sort type: " + quote(one));
    if (out.size() == max_clauses) return refuse("more than 32 sort types");
    out.push_back({row->compare, descending});
  }
  return out;
}

// Orders here leave ties, and some ("private") are none: which address then comes first is up to the procedure. Go's, for
// up to twelve entries: one pass over a distance of six, then insertion. Longer lists keep the host's order in ties.
template <class Less> void go_sort(entries& list, const Less& less) {
  if (list.size() > 12) return std::stable_sort(list.begin(), list.end(), less);
  for (size_t i = 6; i < list.size(); ++i)
    if (less(list[i], list[i - 6])) std::swap(list[i], list[i - 6]);
  for (size_t i = 1; i < list.size(); ++i)
    for (size_t j = i; j > 0 && less(list[j], list[j - 1]); --j) std::swap(list[j], list[j - 1]);
}

} // namespace

result<entries> include(const std::string& selector, const std::string& argument, const entries& from) {
  auto h = select("include", selector, argument, from);
  if (!h) return h.err();
  return std::move(h->in);
}

result<entries> exclude(const std::string& selector, const std::string& argument, const entries& from) {
  auto h = select("exclude", selector, argument, from);
  if (!h) return h.err();
  return std::move(h->out);
}

result<entries> sort(const std::string& clauses, entries from, const host_facts& host) {
  const auto read = read_clauses(clauses);
  if (!read) return read.err();
  go_sort(from, [&](const entry& a, const entry& b) {
    for (auto& c : *read)
      if (const int x = c.compare(a, b, host)) return (c.descending ? -x : x) < 0;
    return false;
  });
  return from;
}

result<entries> unique(const std::string& selector, const entries& from) {
  const auto s = lower(selector);
  entries out;
  if (s != "address" && s != "name") {
    if (from.empty()) return out;
    return refuse("unsupported unique constraint " + quote_ascii(selector));
  }
  const auto same = [&](const entry& a, const entry& b) { return s == "name" ? a.link->name == b.link->name : a.ip.text() == b.ip.text(); };
  for (auto& e : from)
    if (out.empty() || !same(out.back(), e)) out.push_back(e);
  return out;
}

result<entries> offset(int64_t by, const entries& from) {
  const auto distance = by < 0 ? 0 - static_cast<uint64_t>(by) : static_cast<uint64_t>(by);
  if (distance > from.size())
    return refuse(fmt::format("unable to seek past the end of the interface array: offset ({}) exceeds the number of interfaces ({})", distance, from.size()));
  const auto skipped = static_cast<std::ptrdiff_t>(by < 0 ? from.size() - distance : distance);
  return entries(from.begin() + skipped, from.end());
}

// ---- math ---------------------------------------------------------------------------------------------------------

namespace {

result<ip_prefix> masked(const std::string& value, const ip_prefix& ip) {
  auto length = number<uint64_t>("ParseUint", value, 32);
  if (!length) return refuse(fmt::format("unable to convert {} to int for operation \"mask\": {}", quote(value), length.err().text));
  if (*length > static_cast<uint64_t>(ip.width()))
    return refuse(fmt::format("parameter for operation \"mask\" on {} addresses must be between 0 and {}", ip.v4 ? "ipv4" : "ipv6", ip.width()));
  ip_prefix out{ip.address, static_cast<int>(*length), ip.v4};
  out.address = out.network();
  out.length = std::min(out.length, ip.length);
  return out;
}

result<ip_prefix> moved(const std::string& operation, const std::string& value, const ip_prefix& ip) {
  const auto what = lower(operation);
  if (what == "mask") return masked(value, ip);
  if (what != "address" && what != "network") return refuse("unsupported math operation: " + quote(operation));
  const auto sign = value.find_first_not_of(" \t\r\n\v\f");
  if (sign == std::string::npos || (value[sign] != '+' && value[sign] != '-'))
    return refuse("sign (+/-) is required for operation " + quote(operation));
  auto by = number<int64_t>("ParseInt", value, ip.v4 ? 33 : 64);
  if (!by) return refuse(fmt::format("unable to convert {} to int for operation {}: {}", quote(value), quote(operation), by.err().text));
  const auto distance = static_cast<uint128>(*by < 0 ? 0 - static_cast<uint64_t>(*by) : static_cast<uint64_t>(*by));
  const auto step = *by < 0 ? 0 - distance : distance;
  if (what == "address") return ip.with(ip.address + step);
  // Within the network, from its start, or backwards from behind its end.
  return ip.with(ip.network() + (step & ip.host_mask()));
}

} // namespace

result<entries> math(const std::string& operation, const std::string& value, const entries& from) {
  auto out = from;
  for (auto& e : out) {
    auto result = moved(operation, value, e.ip);
    if (!result) return refuse("unable to perform an IPMath operation on " + e.text() + ": " + result.err().text);
    e.ip = *result;
  }
  return out;
}

} // namespace actord::address_template
