#include "storage/command/commands.hpp"
#include "storage/command/quote.hpp"

namespace actord {

std::string encode_kv_command(std::string_view op, std::string_view key, std::string_view value, uint64_t flags,
                              uint64_t cas_index, std::string_view session) {
  std::string out;
  out.reserve(128 + key.size() + value.size() + session.size());
  out += static_cast<char>(command_kind::kv);
  msgpack_writer w(out);
  w.map(4);
  w.raw("Datacenter");
  w.raw("");
  w.raw("DirEnt");
  w.map(7);
  w.raw("CreateIndex");
  w.number(uint64_t{0});
  w.raw("Flags");
  w.number(flags);
  w.raw("Key");
  w.raw(key);
  w.raw("LockIndex");
  w.number(uint64_t{0});
  w.raw("ModifyIndex");
  w.number(cas_index);
  w.raw("Session");
  w.raw(session);
  w.raw("Value");
  if (value.empty()) w.nil();
  else w.raw(value);
  w.raw("Op");
  w.raw(op);
  w.raw("Token");
  w.raw("");
  return out;
}

namespace {

// Length of the UTF-8 sequence at the start, 0 when it is none (too long forms and surrogates are none).
size_t sequence_length(std::string_view s) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(s[i]); };
  auto tail = [&](size_t i) { return i < s.size() && (byte(i) & 0xc0) == 0x80; };
  auto c = byte(0);
  if (c < 0x80) return 1;
  if (c >= 0xc2 && c <= 0xdf) return tail(1) ? 2 : 0;
  if (c >= 0xe0 && c <= 0xef) {
    if (!tail(1) || !tail(2) || (c == 0xe0 && byte(1) < 0xa0) || (c == 0xed && byte(1) > 0x9f)) return 0;
    return 3;
  }
  if (c >= 0xf0 && c <= 0xf4) {
    if (!tail(1) || !tail(2) || !tail(3) || (c == 0xf0 && byte(1) < 0x90) || (c == 0xf4 && byte(1) > 0x8f)) return 0;
    return 4;
  }
  return 0;
}

} // namespace

std::string quote(std::string_view s) {
  static constexpr std::string_view names = "abtnvfr"; // 7 8 9 10 11 12 13
  static constexpr std::string_view order = "\a\b\t\n\v\f\r";
  static constexpr std::string_view hex = "0123456789abcdef";
  std::string out = "\"";
  while (!s.empty()) {
    auto n = sequence_length(s);
    auto c = static_cast<unsigned char>(s[0]);
    if (n > 1) {
      out += s.substr(0, n);
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += s[0];
    } else if (auto at = order.find(s[0]); at != order.npos) {
      out += '\\';
      out += names[at];
    } else if (n == 0 || c < 0x20 || c == 0x7f) {
      out += "\\x";
      out += hex[c >> 4];
      out += hex[c & 15];
    } else {
      out += s[0];
    }
    s.remove_prefix(n == 0 ? 1 : n);
  }
  return out + '"';
}

} // namespace actord
