// The part of go-sockaddr's template language that configurations use: one source of interface addresses, then filters,
// then address text. What is not known here is an error that says so.
#include "runtime/config/steps.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <fmt/format.h>
#include <regex>

namespace actord {
namespace {

using interface_address = host_facts::interface_address;
using selection = std::vector<interface_address>;

error refuse(std::string text) { return {errc::bad_request, std::move(text)}; }

bool v4_bits(std::string_view text, uint32_t& out) {
  in_addr a{};
  if (inet_pton(AF_INET, std::string(text).c_str(), &a) != 1) return false;
  out = ntohl(a.s_addr);
  return true;
}

struct word {
  std::string text;
  bool quoted = false;
};

// Words, quoted strings, and "|" as a word of its own.
result<std::vector<word>> split_words(std::string_view s) {
  std::vector<word> out;
  for (size_t i = 0; i < s.size();) {
    const char c = s[i];
    if (c == ' ' || c == '\t') {
      ++i;
    } else if (c == '|') {
      out.push_back({"|"});
      ++i;
    } else if (c == '"' || c == '`') {
      const auto close = s.find(c, i + 1);
      if (close == std::string_view::npos) return refuse("unterminated quoted string");
      out.push_back({std::string(s.substr(i + 1, close - i - 1)), true});
      i = close + 1;
    } else {
      size_t e = i;
      while (e < s.size() && s[e] != ' ' && s[e] != '\t' && s[e] != '|' && s[e] != '"') ++e;
      out.push_back({std::string(s.substr(i, e - i))});
      i = e;
    }
  }
  return out;
}

std::string join_addresses(const selection& from, const std::string& separator, bool names = false) {
  std::string out;
  for (auto& a : from) out += (out.empty() ? "" : separator) + (names ? a.name : a.ip);
  return out;
}

selection pick(const host_facts& host, bool (*wanted)(const interface_address&)) {
  selection out;
  for (auto& a : host.interfaces)
    if (a.up && wanted(a)) out.push_back(a);
  return out;
}

bool any_address(const interface_address&) { return true; }
bool private_address(const interface_address& a) { return !a.loopback && is_private_ipv4(a.ip); }
bool public_address(const interface_address& a) {
  return !a.loopback && ((is_ipv4(a.ip) && !is_private_ipv4(a.ip)) || is_public_ipv6(a.ip));
}

bool matches(const interface_address& a, const std::string& what, const std::string& argument, bool& known) {
  known = true;
  if (what == "name") {
    // The library's regular expressions recurse: a long pattern could exhaust the stack.
    if (argument.size() > 256) {
      known = false;
      return false;
    }
    try {
      return std::regex_search(a.name, std::regex(argument));
    } catch (const std::regex_error&) {
      known = false;
      return false;
    }
  }
  if (what == "type") return argument == "ip" || (argument == "ipv4" && is_ipv4(a.ip)) || (argument == "ipv6" && is_ipv6(a.ip));
  if (what == "address") return a.ip == argument;
  if (what == "flags" || what == "flag") {
    if (argument == "up") return a.up;
    if (argument == "loopback") return a.loopback;
  }
  known = false;
  return false;
}

// One stage of a pipeline; the text is set when the stage ends in text.
struct pipeline {
  const host_facts& host;
  selection chosen;
  std::string text;
  bool ended = false;

  status stage(const std::vector<word>& words);
  bool source(const std::vector<word>& words);
};

bool pipeline::source(const std::vector<word>& words) {
  const auto& f = words[0].text;
  const auto plain = [&](selection from, bool all) {
    if (!all && from.size() > 1) from.resize(1);
    text = join_addresses(from, " ");
    ended = true;
    return true;
  };
  if (f == "GetAllInterfaces") return chosen = pick(host, any_address), true;
  if (f == "GetPrivateInterfaces") return chosen = pick(host, private_address), true;
  if (f == "GetPublicInterfaces") return chosen = pick(host, public_address), true;
  if (f == "GetPrivateIP" || f == "GetPrivateIPs") return plain(pick(host, private_address), f.back() == 's');
  if (f == "GetPublicIP" || f == "GetPublicIPs") return plain(pick(host, public_address), f.back() == 's');
  if ((f == "GetInterfaceIP" || f == "GetInterfaceIPs") && words.size() == 2) {
    selection of;
    for (auto& a : host.interfaces)
      if (a.name == words[1].text) of.push_back(a);
    std::stable_partition(of.begin(), of.end(), [](auto& a) { return is_ipv4(a.ip); });
    return plain(of, f.back() == 's');
  }
  return false;
}

status pipeline::stage(const std::vector<word>& words) {
  if (words.empty() || ended) return refuse("unexpected pipeline");
  if (source(words)) return {};
  const auto& f = words[0].text;
  if ((f == "include" || f == "exclude") && words.size() == 3) {
    bool known = true;
    std::erase_if(chosen, [&](auto& a) { return matches(a, words[1].text, words[2].text, known) != (f == "include"); });
    if (!known) return refuse(fmt::format("{} \"{}\" \"{}\" is not supported", f, words[1].text, words[2].text));
  } else if (f == "limit" && words.size() == 2) {
    const auto n = static_cast<size_t>(std::max(0, std::atoi(words[1].text.c_str())));
    if (chosen.size() > n) chosen.resize(n);
  } else if (f == "attr" && words.size() == 2 && (words[1].text == "address" || words[1].text == "name")) {
    selection first(chosen.begin(), chosen.begin() + (chosen.empty() ? 0 : 1));
    text = join_addresses(first, "", words[1].text == "name");
    ended = true;
  } else if (f == "join" && words.size() == 3 && (words[1].text == "address" || words[1].text == "name")) {
    text = join_addresses(chosen, words[2].text, words[1].text == "name");
    ended = true;
  } else {
    return refuse(fmt::format("template function \"{}\" is not defined or not supported", f));
  }
  return {};
}

result<std::string> evaluate(std::string_view body, const host_facts& host) {
  auto words = split_words(body);
  if (!words) return words.err();
  pipeline p{host, {}, {}, false};
  std::vector<word> stage;
  words->push_back({"|"});
  for (auto& w : *words) {
    if (w.text != "|" || w.quoted) {
      stage.push_back(w);
      continue;
    }
    if (auto s = p.stage(stage); !s) return s.err();
    stage.clear();
  }
  if (!p.ended) return refuse("the template gives interfaces, not addresses: end it in attr or join");
  return p.text;
}

} // namespace

result<std::string> expand_template(std::string_view text, const host_facts& host) {
  std::string out;
  for (;;) {
    const auto open = text.find("{{");
    out += text.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = text.find("}}", open);
    if (close == std::string_view::npos) return refuse(fmt::format("unable to parse address template \"{}\": unclosed action", text));
    auto value = evaluate(text.substr(open + 2, close - open - 2), host);
    if (!value) return refuse(fmt::format("unable to parse address template \"{}\": {}", text, value.err().text));
    out += *value;
    text.remove_prefix(close + 2);
  }
  const auto first = out.find_first_not_of(" \t");
  if (first == std::string::npos) return std::string();
  return out.substr(first, out.find_last_not_of(" \t") - first + 1);
}

bool is_ipv4(std::string_view text) {
  uint32_t bits;
  return v4_bits(text, bits);
}

bool is_ipv6(std::string_view text) {
  in6_addr a{};
  return inet_pton(AF_INET6, std::string(text).c_str(), &a) == 1;
}

// RFC 6890's blocks that are forwardable but not global, and those for documentation, as Consul counts them.
bool is_private_ipv4(std::string_view ip) {
  struct block {
    uint32_t base;
    int bits;
  };
  constexpr block blocks[] = {{0x0A000000, 8},  {0x64400000, 10}, {0xAC100000, 12}, {0xC0000000, 24}, {0xC0000200, 24},
                              {0xC0A80000, 16}, {0xC6120000, 15}, {0xC6336400, 24}, {0xCB007100, 24}, {0xF0000000, 4}};
  uint32_t bits;
  if (!v4_bits(ip, bits)) return false;
  return std::any_of(std::begin(blocks), std::end(blocks), [&](auto& b) { return (bits ^ b.base) >> (32 - b.bits) == 0; });
}

bool is_public_ipv6(std::string_view ip) {
  std::array<unsigned char, 16> a{};
  if (inet_pton(AF_INET6, std::string(ip).c_str(), a.data()) != 1) return false;
  if ((a[0] & 0xFE) == 0xFC || (a[0] == 0xFE && (a[1] & 0xC0) == 0x80) || a[0] == 0xFF) return false;
  if (a[0] == 0x20 && a[1] == 0x01 && a[2] == 0x0D && a[3] == 0xB8) return false;
  // ::, ::1 and the mapped addresses.
  return !std::all_of(a.begin(), a.begin() + 8, [](auto b) { return b == 0; });
}

bool is_wildcard(std::string_view ip) { return ip == "0.0.0.0" || ip == "::" || ip == "[::]"; }

bool is_cidr(std::string_view text) {
  const auto cut = text.find('/');
  if (cut == std::string_view::npos) return false;
  const auto bits = text.substr(cut + 1);
  if (bits.empty() || bits.size() > 3 || bits.find_first_not_of("0123456789") != std::string_view::npos) return false;
  const int n = std::atoi(std::string(bits).c_str());
  const auto ip = text.substr(0, cut);
  return is_ipv4(ip) ? n <= 32 : is_ipv6(ip) && n <= 128;
}

} // namespace actord
