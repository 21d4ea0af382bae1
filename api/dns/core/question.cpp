#include "api/dns/core/question.hpp"

namespace actord::dns {
namespace {

// Does the name end in the domain ("consul."), with its labels before it counted in `own`?
bool is_under(const query& q, std::string_view domain, size_t& own) {
  if (domain.empty()) return false;
  if (domain.ends_with('.')) domain.remove_suffix(1);
  size_t i = q.labels;
  while (!domain.empty()) {
    size_t dot = domain.rfind('.');
    auto label = dot == domain.npos ? domain : domain.substr(dot + 1);
    if (i == 0 || q.label(i - 1) != label) return false;
    --i;
    domain = dot == domain.npos ? std::string_view{} : domain.substr(0, dot);
  }
  own = i;
  return true;
}

void join(const query& q, size_t from, size_t to, std::string& out) {
  out.clear();
  for (size_t i = from; i < to; ++i) {
    if (i > from) out += '.';
    out += q.label(i);
  }
}

int hex_value(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

ip_address reverse_address(const query& q) {
  ip_address out;
  const size_t n = q.labels;
  if (n == 6 && q.label(n - 2) == "in-addr") {
    for (size_t i = 0; i < 4; ++i) {
      unsigned value = 0;
      auto digits = q.label(3 - i);
      if (digits.empty() || digits.size() > 3) return {};
      for (char c : digits) {
        if (c < '0' || c > '9') return {};
        value = value * 10 + static_cast<unsigned>(c - '0');
      }
      if (value > 255) return {};
      out.bytes[i] = static_cast<uint8_t>(value);
    }
    out.family = 4;
  } else if (n == 34 && q.label(n - 2) == "ip6") {
    for (size_t i = 0; i < 32; ++i) {
      auto digit = q.label(31 - i);
      int value = digit.size() == 1 ? hex_value(digit[0]) : -1;
      if (value < 0) return {};
      out.bytes[i / 2] = static_cast<uint8_t>(out.bytes[i / 2] << 4 | value);
    }
    out.family = 6;
  }
  return out;
}

// <hex>.addr: the number of bytes decides, half ones rounded down, as Consul does. False when the hex is bad.
bool hex_address(std::string_view hex, ip_address& out) {
  size_t bytes = hex.size() / 2;
  out = {};
  if (bytes != 4 && bytes != 16) return true;
  if (hex.size() % 2) return false;
  for (size_t i = 0; i < bytes; ++i) {
    int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out.bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  out.family = bytes == 4 ? 4 : 6;
  return true;
}

enum class keyword { none, service, connect, node, query, addr, other };
keyword keyword_of(std::string_view label) {
  if (label == "service") return keyword::service;
  if (label == "connect") return keyword::connect;
  if (label == "node") return keyword::node;
  if (label == "addr") return keyword::addr;
  if (label == "query") return keyword::query;
  if (label == "ingress") return keyword::other;
  return keyword::none;
}

void interpret_service(const query& q, size_t parts, wanted& out) {
  if (parts == 0) return;
  out.what = wanted::kind::service;
  auto first = q.label(0), second = parts == 2 ? q.label(1) : std::string_view{};
  if (parts == 2 && first.starts_with('_') && second.starts_with('_')) { // RFC 2782
    out.name = first.substr(1);
    out.tag = second == "_tcp" ? std::string_view{} : second.substr(1);
    return;
  }
  out.name = q.label(parts - 1);
  join(q, 0, parts - 1, out.tag);
}

// `own` labels stand before the domain. The keyword is searched from the right; what is right of it names a datacenter.
void interpret_own(const query& q, size_t own, wanted& out) {
  keyword found = keyword::none;
  size_t parts = 0, suffix = own;
  for (size_t i = own; i-- > 0 && found == keyword::none;) {
    found = keyword_of(q.label(i));
    parts = i;
    suffix = i + 1;
    if (found == keyword::none && q.qtype == type::srv && q.label(i).starts_with('_')) { // "service" left out
      found = keyword::service;
      parts = suffix = i + 1;
    }
  }
  if (found == keyword::none || found == keyword::other || parts == 0) return;
  if (found == keyword::addr) {
    if (parts == 1 && hex_address(q.label(0), out.ip)) out.what = wanted::kind::address;
    return;
  }
  if (own - suffix > 1) return;
  if (own > suffix) out.datacenter = q.label(suffix);
  if (found == keyword::service) return interpret_service(q, parts, out);
  if (found == keyword::connect) {
    out.what = wanted::kind::service;
    out.connect = true;
    out.name = q.label(parts - 1);
    return;
  }
  out.what = found == keyword::query ? wanted::kind::prepared_query : wanted::kind::node;
  join(q, 0, parts, out.name);
}

} // namespace

void interpret(const query& q, const settings& s, wanted& out) {
  out.what = wanted::kind::foreign;
  out.connect = false;
  out.name.clear();
  out.tag.clear();
  out.datacenter.clear();
  out.ip = {};
  if (q.labels > 0 && q.label(q.labels - 1u) == "arpa") {
    out.what = wanted::kind::reverse;
    out.ip = reverse_address(q);
    return;
  }
  size_t own = 0;
  if (!is_under(q, s.domain, own) && !is_under(q, s.alt_domain, own)) return;
  if (q.qtype == type::soa) out.what = wanted::kind::apex_soa;
  else if (q.qtype == type::ns) out.what = wanted::kind::apex_ns;
  else if (q.qtype == type::axfr) out.what = wanted::kind::transfer;
  else {
    out.what = wanted::kind::nothing;
    interpret_own(q, own, out);
  }
}

bool interpret_name(std::string_view wire_name, uint16_t qtype, const settings& s, query& q, wanted& out) {
  q = query{};
  if (wire_name.size() > q.lower.size()) return false;
  q.name = {reinterpret_cast<const uint8_t*>(wire_name.data()), wire_name.size()};
  q.qtype = qtype;
  for (size_t at = 0; at < wire_name.size() && wire_name[at] != 0;) {
    if (q.labels >= q.label_at.size()) return false;
    q.label_at[q.labels++] = static_cast<uint8_t>(at);
    auto n = static_cast<uint8_t>(wire_name[at]);
    if (n > 63 || at + n + 1 >= wire_name.size()) return false;
    q.lower[at] = static_cast<char>(n);
    for (size_t i = 1; i <= n; ++i) {
      char c = wire_name[at + i];
      q.lower[at + i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    }
    at += size_t{n} + 1;
  }
  interpret(q, s, out);
  return true;
}

} // namespace actord::dns
